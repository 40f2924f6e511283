"""`status` of an `EurekaCluster`, from its observed state, the planned steps and refused requests.

What changes all the time (instances, self-preservation) is written at most every 30 s, only when
it changed, and with whatever else is new: a status is stored in etcd and sent to all who watch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from eureka_operator.api.check import Problem
from eureka_operator.api.cluster import Cluster
from eureka_operator.core import external, names, secured, tls, transport
from eureka_operator.core.conditions import (
    FALSE,
    TRUE,
    Condition,
    Facts,
    Failure,
    conditions,
    with_times,
)
from eureka_operator.core.desired.common import Environment
from eureka_operator.core.draining import DRAINING
from eureka_operator.core.kinds import SERVICE, STATEFUL_SET, Object
from eureka_operator.core.nodes import is_lost, node_sentence
from eureka_operator.core.observed import FORMER, Observed, Pod, Report
from eureka_operator.core.peering import Seat, alias, peer_url, zones
from eureka_operator.core.plan import Apply, Create, Plan, kind_of, name_of
from eureka_operator.core.rollout import ON_DELETE, Rollout

SAMPLED_EVERY: Final = timedelta(seconds=30)
_STUCK_MS: Final = 5_000


def status(
    observed: Observed, plan: Plan, environment: Environment, failures: Sequence[Failure]
) -> dict[str, Any]:
    """The whole status."""
    cluster, before = observed.cluster, observed.cluster.status
    facts = _facts(observed, plan, environment, failures)
    now = timestamp(observed.now)
    found = [*conditions(facts), *secured.conditions(observed), *external.conditions(observed)]
    document: dict[str, Any] = {
        "observedGeneration": cluster.generation,
        "phase": _phase(facts, found),
        "replicas": len([pod for pod in observed.pods.values() if not pod.deleting]),
        "readyReplicas": facts.ready,
        "updatedReplicas": _updated_replicas(observed),
        "selector": ",".join(f"{k}={v}" for k, v in names.selector(cluster.name).items()),
        "configHash": plan.config.hash,
        "operatorVersion": environment.version,
        "conditions": with_times(found, before.get("conditions", []), cluster.generation, now),
        "peers": [_peer(observed, seat, environment.domain, now) for seat in plan.seats],
        "endpoints": _endpoints(observed, plan.seats, environment.domain),
        "registry": before.get("registry", {}),
    }
    version = _version(observed) or before.get("version", "")
    document |= {"version": version} if version else {}
    document |= {"tls": certificate} if (certificate := tls.status(observed)) else {}
    document |= {"rollout": rolling} if (rolling := _rollout(plan.rollout)) else {}
    written = not is_same(document, before)
    return {**document, "registry": _registry(observed, now, at_once=written)}


def invalid_status(document: Object, problems: Sequence[Problem], now: datetime) -> dict[str, Any]:
    """The status of an object that cannot be read: the parts about the peers stay as they were."""
    before: dict[str, Any] = document.get("status") or {}
    message = "; ".join(f"{each.field}: {each.message}" for each in problems)
    message = f"{message}. Nothing was changed: peers run on as they are"
    found = [
        Condition("Ready", FALSE, "InvalidSpec", message),
        Condition("Reconciled", FALSE, "InvalidSpec", message),
        Condition("Stalled", TRUE, "InvalidSpec", message),
    ]
    generation = document["metadata"]["generation"]
    old = before.get("conditions", [])
    made = with_times(found, old, generation, timestamp(now))
    replaced = {each.type for each in found} | {"Reconciling"}
    kept = [each for each in old if each["type"] not in replaced]
    return {
        **before,
        "observedGeneration": generation,
        "phase": "Failed",
        "conditions": [*made, *kept],
    }


def is_same(one: Object, other: Object) -> bool:
    """Whether two statuses say the same; lists of named things have no order."""
    return _by_name(one) == _by_name(other)


def only_differs(before: Object, after: Object) -> bool:
    """Whether peers that agreed differ now, and nothing else is wrong.

    When many clients register at once, digests are behind for moments.
    """
    old, new = (
        _by_key(each.get("conditions", []), "type").get("Ready", {}) for each in (before, after)
    )
    same = old.get("observedGeneration") == new.get("observedGeneration")
    return bool(same and old.get("status") == TRUE and new.get("reason") == "PeersDiffer")


def _by_name(document: Object) -> Object:
    conditions_by_type = _by_key(document.get("conditions", []), "type")
    peers_by_name = _by_key(document.get("peers", []), "name")
    return {**document, "conditions": conditions_by_type, "peers": peers_by_name}


def _by_key(items: Sequence[Object], key: str) -> dict[str, Object]:
    return {str(item[key]): item for item in items}


def timestamp(moment: datetime) -> str:
    """A time as Kubernetes writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def is_paused(cluster: Cluster) -> bool:
    """Whether nothing but the status may be changed."""
    return cluster.spec.paused or cluster.annotations.get(names.PAUSED) == "true"


def _facts(
    observed: Observed,
    plan: Plan,
    environment: Environment,
    failures: Sequence[Failure],
) -> Facts:
    cluster = observed.cluster
    wanted = [seat for seat in plan.seats if seat.wanted]
    ready = [seat for seat in wanted if _is_ready(observed, seat)]
    paused = is_paused(cluster)
    return Facts(
        wanted=len(wanted),
        ready=len(ready),
        paused=paused,
        skip_convergence=cluster.annotations.get(names.SKIP_CONVERGENCE) == "true",
        failures=tuple(failures),
        changes=() if paused or failures else tuple(_ongoing_changes(observed, plan)),
        waiting=tuple(_unready_reasons(observed, wanted)),
        convergence=plan.convergence,
        update_failure=plan.rollout.failed,
        taken_back=plan.rollout.taken_back,
        operator_namespace=environment.namespace,
        management_port=names.MANAGEMENT_PORT,
        newer_defaults=plan.adoption.available,
        unknown_template=plan.adoption.unknown,
    )


def _is_ready(observed: Observed, seat: Seat) -> bool:
    pod = observed.pods.get(seat.pod)
    return pod is not None and pod.ready


def _ongoing_changes(observed: Observed, plan: Plan) -> Iterator[tuple[str, str]]:
    """The changes under way: reason and sentence."""
    if FORMER in observed.foreign.values():
        yield "Creating", "waiting for objects of a deleted EurekaCluster of this name to be gone"
    made = [step for step in plan.steps if isinstance(step, Create) and not step.again]
    if any(kind_of(step.body) is STATEFUL_SET for step in made):
        yield "Creating", "objects are being made"
    for scale in plan.scales:
        if scale.now != scale.target:
            waits = "; ".join(scale.waits_for)
            yield "ScalingDown", f"{scale.name} goes from {scale.now} to {scale.target}: {waits}"
    for seat in plan.seats:
        if not seat.wanted and seat.pod in observed.pods:
            yield "ScalingDown", f"{alias(observed.cluster, seat.number)} is going"
    wanted_pods = [seat for seat in plan.seats if seat.wanted]
    missing = [seat for seat in wanted_pods if seat.pod not in observed.pods]
    if missing:
        listed = ", ".join(alias(observed.cluster, seat.number) for seat in missing)
        refused = f": {observed.pod_creation_error}" if observed.pod_creation_error else ""
        yield "ScalingUp", f"waiting for the pods of {listed}{refused}"
    yield from _ongoing_rollout(observed, plan)


def _ongoing_rollout(observed: Observed, plan: Plan) -> Iterator[tuple[str, str]]:
    changed = {
        name_of(step.body)
        for step in plan.steps
        if isinstance(step, Apply) and kind_of(step.body) is STATEFUL_SET
    }
    if plan.rollout.target:
        yield "RollingUpdate", _rollout_sentence(plan.rollout)
        return
    waits_for_people = observed.cluster.spec.updates.strategy == ON_DELETE
    for (kind, name), body in observed.children.items():
        if kind is not STATEFUL_SET:
            continue
        state = body.get("status", {})
        fresh = state.get("observedGeneration", 0) >= body["metadata"].get("generation", 0)
        current, update = state.get("currentRevision"), state.get("updateRevision")
        if name in changed:
            yield "Applying", f"{name} is being changed"
        elif not fresh:
            yield "Applying", f"the StatefulSet controller has not seen {name} yet"
        elif current != update and not (plan.rollout.failed or waits_for_people):
            done, total = state.get("updatedReplicas", 0), body["spec"].get("replicas", 0)
            yield "RollingUpdate", f"{name}: {done} of {total} peers have the new template"


def _rollout_sentence(rollout: Rollout) -> str:
    """The progress of an update, and what it waits for."""
    message = f"{rollout.updated} of {rollout.total} peers have the new template"
    waits = "; ".join(rollout.waits_for) or (f"{rollout.peer} is being replaced")
    return f"{message}; {waits}" if rollout.peer or rollout.waits_for else message


def _rollout(rollout: Rollout) -> dict[str, str]:
    """The update under way, as the next pass has to know it; empty if there is none."""
    if not rollout.target:
        return {}
    found = {"targetRevision": rollout.target, "currentPeer": rollout.peer}
    if rollout.started is not None:
        found["startedAt"] = timestamp(rollout.started)
    return {key: value for key, value in found.items() if value}


def _unready_reasons(observed: Observed, wanted: Sequence[Seat]) -> Iterator[str]:
    """Why peers are not ready."""
    for seat in wanted:
        pod, name = observed.pods.get(seat.pod), alias(observed.cluster, seat.number)
        if pod is not None and (pod.trouble or not pod.ready):
            yield f"{name}: {_why_not_ready(observed, pod)}"
    yield from secured.troubles(observed)
    if observed.pod_creation_error:
        yield observed.pod_creation_error


def _why_not_ready(observed: Observed, pod: Pod) -> str:
    reasons = [each for each in (pod.trouble, node_sentence(observed, pod)) if each]
    report = observed.report(pod.name)
    return "; ".join(reasons) or (report.why if report else None) or "starting"


def _phase(facts: Facts, conditions: Sequence[Condition]) -> str:
    """One word for people; programs look at conditions."""
    if facts.paused:
        return "Paused"
    if facts.failures:
        return "Failed"
    if facts.changes:
        return {"RollingUpdate": "Updating", "Applying": "Updating"}.get(
            facts.changes[0][0], facts.changes[0][0]
        )
    if facts.wanted == 0:
        return "Hibernated"
    if facts.ready < facts.wanted:
        return "Degraded" if facts.ready else "Starting"
    return "Ready" if conditions[0].status == TRUE else "Converging"


def _peer(observed: Observed, seat: Seat, domain: str, now: str) -> dict[str, Any]:
    cluster = observed.cluster
    name = alias(cluster, seat.number)
    pod, report = observed.pods.get(seat.pod), observed.report(seat.pod)
    lost = pod is not None and is_lost(observed, pod)
    state = _state(seat, pod, report, is_lost=lost)
    before: dict[str, Any] = next(
        (p for p in cluster.status.get("peers", []) if p["name"] == name), {}
    )
    found: dict[str, Any] = {
        "name": name,
        "index": seat.number,
        "zone": seat.zone,
        "url": peer_url(observed, seat.number, domain),
        "node": pod.node if pod else "",
        "state": state,
        "version": report.software if report else "",
        "revision": pod.revision if pod else "",
        "configHash": report.config.hash if report else "",
        "since": before["since"] if before.get("state") == state and "since" in before else now,
    }
    stuck = _stuck(report) if report else 0
    found |= {"replicationBacklog": stuck} if report else {}
    return {key: value for key, value in found.items() if value != ""}


def _stuck(report: Report) -> int:
    """Changes that have waited for longer than a batch takes; others come and go all the time."""
    return sum(view.backlog for view in report.peers if view.lag_ms > _STUCK_MS)


def _state(seat: Seat, pod: Pod | None, report: Report | None, *, is_lost: bool) -> str:
    if not seat.wanted:
        return DRAINING
    if pod is None or not pod.ip:
        return "Failed" if pod is not None and pod.trouble and pod.node else "Pending"
    if pod.ready:
        return "Ready" if report is not None else "Unreachable"
    if is_lost:
        return "Unreachable"
    return "Failed" if pod.trouble else "Syncing"


def _updated_replicas(observed: Observed) -> int:
    bodies = [body for (kind, _), body in observed.children.items() if kind is STATEFUL_SET]
    return sum(int(body.get("status", {}).get("updatedReplicas", 0)) for body in bodies)


def _version(observed: Observed) -> str:
    """The software of the peers that answer; several while they are being updated."""
    reports = [report for pod in observed.pods if (report := observed.report(pod))]
    return ", ".join(sorted({report.software for report in reports if report.software}))


def _endpoints(observed: Observed, seats: Sequence[Seat], domain: str) -> dict[str, Any]:
    """URLs to paste into clients' configuration; of a zone, its own peers first."""
    cluster = observed.cluster
    path = cluster.spec.peers.context_path or ""

    def url(name: str) -> str:
        host = names.host(name, cluster.namespace, domain)
        return transport.service_url(observed, host, path)

    by_zone = [(seat.zone, url(alias(cluster, seat.number))) for seat in seats if seat.wanted]
    found: dict[str, Any] = {
        "internal": url(cluster.name),
        "defaultZone": ",".join(each for _, each in by_zone),
    }
    external = _external(observed.children.get((SERVICE, cluster.name)))
    if external:
        found["external"] = transport.service_url(observed, external, path)
    if zones(cluster) != ("",):
        found["zones"] = {
            zone: ",".join(
                [each for place, each in by_zone if place == zone]
                + [each for place, each in by_zone if place != zone]
            )
            for zone in zones(cluster)
        }
    return found


def _external(service: Object | None) -> str:
    ingress = (service or {}).get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
    return str(ingress[0].get("hostname") or ingress[0].get("ip") or "")


def _registry(observed: Observed, now: str, *, at_once: bool) -> dict[str, Any]:
    """The contents of the peer with most instances; the former ones if recent or unchanged.

    `at_once`: the status is written anyway.
    """
    before: dict[str, Any] = observed.cluster.status.get("registry", {})
    ready = [pod.name for pod in observed.pods.values() if pod.ready]
    reports = [report for name in ready if (report := observed.report(name))]
    if not reports:
        return before
    fullest = max(reports, key=lambda report: report.instances)
    found = {
        "applications": len(fullest.applications),
        "instances": fullest.instances,
        "selfPreservation": any(report.preserving for report in reports),
    }
    if all(before.get(key) == value for key, value in found.items()):
        return before
    sampled = before.get("sampledAt")
    if sampled and not at_once and observed.now - datetime.fromisoformat(sampled) < SAMPLED_EVERY:
        return before
    return {**found, "sampledAt": now}
