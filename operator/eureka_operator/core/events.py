"""Events for `kubectl describe`: of steps, and of changes of the status."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from eureka_operator.api.check import without_nulls
from eureka_operator.api.cluster import Cluster
from eureka_operator.core import names
from eureka_operator.core.draining import DRAINING
from eureka_operator.core.kinds import CLUSTER, STATEFUL_SET, Object
from eureka_operator.core.plan import (
    Abandon,
    Apply,
    Create,
    Delete,
    Recreate,
    Step,
    kind_of,
    name_of,
)

NORMAL: Final = "Normal"
WARNING: Final = "Warning"


class Event(msgspec.Struct, frozen=True):
    """An event about a cluster; `type` is Normal or Warning."""

    type: str
    reason: str
    message: str


def about(cluster: Cluster) -> Object:
    """The object that events of a cluster are about."""
    return {
        "apiVersion": CLUSTER.api_version,
        "kind": CLUSTER.kind,
        "metadata": {"namespace": cluster.namespace, "name": cluster.name, "uid": cluster.uid},
    }


def of_steps(steps: Sequence[Step]) -> list[Event]:
    """The events for what was done."""
    made = [step.body for step in steps if isinstance(step, Create) and not step.again]
    found = []
    if made:
        listed = ", ".join(f"{body['kind']} {name_of(body)}" for body in made)
        found.append(Event(NORMAL, "Created", listed))
    for step in steps:
        found += _of_step(step)
    return found


def _of_step(step: Step) -> Iterator[Event]:
    match step:
        case Create(body, again=True):
            message = f"{body['kind']} {name_of(body)} was deleted; it was created again"
            yield Event(WARNING, "DriftCorrected", message)
        case Apply(body, live, drift):
            if drift:
                fields = ", ".join(map(str, drift))
                message = f"{body['kind']} {name_of(body)}: put right {fields}"
                yield Event(WARNING, "DriftCorrected", message)
            if kind_of(body) is STATEFUL_SET:
                yield from _of_stateful_set(body, live)
        case Delete(kind, name, _):
            yield Event(NORMAL, "Deleted", f"{kind.kind} {name} is not wanted any more")
        case Abandon(pod, _, node):
            message = f"removed pod {pod} by force: node {node} does not end it"
            yield Event(WARNING, "PeerAbandoned", message)
        case Recreate(pod, _, peer):
            message = f"removed pod {pod} of {peer}: it is not ready, and its template not wanted"
            yield Event(WARNING, "PeerRecreated", message)


def _of_stateful_set(body: Object, live: Object) -> Iterator[Event]:
    name, before, now = name_of(body), live["spec"].get("replicas", 0), body["spec"]["replicas"]
    if now != before:
        reason = "ScalingUp" if now > before else "ScalingDown"
        yield Event(NORMAL, reason, f"{name}: {before} to {now} peers")
    old, new = live["metadata"].get("annotations", {}), body["metadata"]["annotations"]
    failed = new.get(names.FAILED_TEMPLATE)
    if failed and failed != old.get(names.FAILED_TEMPLATE):
        message = f"{name}: {new[names.FAILED_BECAUSE]}; the template before it is put back"
        yield Event(WARNING, "RolledBack", message)
    elif old.get(names.TEMPLATE_HASH) not in (None, new[names.TEMPLATE_HASH]) and (
        body["spec"]["template"] != without_nulls(live["spec"].get("template"))
    ):
        yield Event(NORMAL, "RolloutStarted", f"{name}: the pod template changed")


def of_change(before: Object, after: Object) -> list[Event]:
    """The events for what changed from one status to the next."""
    old, new = _by_type(before), _by_type(after)
    found = [*_of_conditions(old, new)]
    states = {peer["name"]: peer["state"] for peer in before.get("peers", []) if "state" in peer}
    for peer in after.get("peers", []):
        if peer["state"] == DRAINING and states.get(peer["name"], DRAINING) != DRAINING:
            message = f"{peer['name']} leaves when the others hold all it took"
            found.append(Event(NORMAL, "PeerDraining", message))
    found += _of_rollout(before, after)
    was, now = (each.get("registry", {}).get("selfPreservation") for each in (before, after))
    if now and not was:
        message = "peers keep expired leases, because too few renewals arrive: see their dashboards"
        found.append(Event(WARNING, "SelfPreservationOn", message))
    if was and not now:
        found.append(Event(NORMAL, "SelfPreservationOff", "expired leases are removed again"))
    return found


def _of_rollout(before: Object, after: Object) -> Iterator[Event]:
    """Each peer that is ready with its new template, and the end of the update."""
    old, new = before.get("rollout", {}), after.get("rollout", {})
    if not old:
        return
    peers = {peer["name"]: peer.get("revision") for peer in after["peers"]}
    name = old.get("currentPeer")
    if name and name != new.get("currentPeer") and peers.get(name) == old["targetRevision"]:
        yield Event(NORMAL, "PeerUpdated", f"{name} has the new template and is well")
    failed = _by_type(after)["Ready"]["reason"] == "RolledBack"
    if not new and not failed and after["updatedReplicas"] == after["replicas"]:
        yield Event(NORMAL, "RolloutFinished", "all peers have the new template")


_BECAME: Final = (
    ("Ready", "True", "", NORMAL, "Ready"),
    ("PeersConverged", "Unknown", "", WARNING, "Unreachable"),
    ("ConfigSynced", "True", "False", NORMAL, "ConfigReloaded"),
    ("Paused", "True", "", NORMAL, "Paused"),
    ("UpgradeAvailable", "True", "", NORMAL, "UpgradeAvailable"),
    ("OperatorTooOld", "True", "", WARNING, "OperatorTooOld"),
    ("TLSReady", "True", "False", NORMAL, "TLSReady"),
    ("AuthReady", "True", "False", NORMAL, "AuthReady"),
)
"""Condition, what it became, what it was before (empty: anything else), and the event's words."""


def _of_conditions(old: Object, new: Object) -> Iterator[Event]:
    for kind, status, before, severity, reason in _BECAME:
        was = _status(old, kind)
        if _status(new, kind) == status != was and before in ("", was):
            yield Event(severity, reason, str(new[kind]["message"]))
    if _status(new, "Degraded") == "True" and _was_ready(old, new):
        yield Event(WARNING, "Degraded", str(new["Degraded"]["message"]))
    for kind in ("TLSReady", "AuthReady"):
        if _status(new, kind) == "False" and _reason(new, kind) != _reason(old, kind):
            yield Event(WARNING, _reason(new, kind), str(new[kind]["message"]))
    if "Paused" in old and "Paused" not in new:
        yield Event(NORMAL, "Resumed", "objects are kept right again")
    stalled: Any = new.get("Stalled")
    if stalled and stalled["message"] != old.get("Stalled", {}).get("message"):
        yield Event(WARNING, stalled["reason"], stalled["message"])


def _was_ready(old: Object, new: Object) -> bool:
    """Whether it was ready with the same spec: then peers are missing that nobody removed."""
    before, now = old.get("Ready", {}), new["Ready"]
    same = before.get("observedGeneration") == now["observedGeneration"]
    return bool(same and before.get("status") == "True")


def _by_type(status: Object) -> Object:
    return {each["type"]: each for each in status.get("conditions", [])}


def _reason(conditions: Object, kind: str) -> str:
    return str(conditions.get(kind, {}).get("reason", ""))


def _status(conditions: Object, kind: str) -> str:
    return str(conditions.get(kind, {}).get("status", ""))
