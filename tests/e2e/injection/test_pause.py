"""Pods that are paused by annotation, whatever is restarted meanwhile; and overrides by hand."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from cluster.faults import Faults
from cluster.plan import Plan
from e2e.clusters import Target
from e2e.injection.orders import (
    APP,
    CONTAINER,
    SIDECAR,
    Holdings,
    all_up,
    listed,
    pod,
    uids,
    workload,
)
from e2e.operator.changes import restart
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.installed import Operator
from processes.cluster import check_throughout, until
from support.kubectl import Kubectl

PAUSED: Final = "eurekube.io/paused"
OUT_OF_SERVICE: Final = "OUT_OF_SERVICE"
LONGER_S: Final = 6.0
"""Several looks of the operator at all registries."""
PEERS: Final = ("eureka-peer-1", "eureka-peer-2", "eureka-peer-3")

Record = Callable[[str, object], None]


@pytest.fixture
def holdings(plan: Plan, shared: EkcCluster) -> Holdings:
    """What the peers hold that are ready at the test's beginning."""
    return Holdings.of(plan, shared)


@pytest.fixture
def name(target: Target, shared: EkcCluster, holdings: Holdings) -> Iterator[str]:
    """A pod that every peer shows as UP; afterwards it is gone."""
    shared.kubectl.apply(listed(pod(target, "orders")))
    all_up(shared.kubectl, holdings, "orders", 1)
    yield "orders"
    shared.kubectl("delete", "pod", "orders")


def test_annotation_acts_at_every_peer(
    shared: EkcCluster, holdings: Holdings, name: str, record_property: Record
) -> None:
    """And so does its removal; an event on the pod tells of both."""
    (uid,) = uids(shared.kubectl, name)
    for wanted, status in ((True, OUT_OF_SERVICE), (False, "UP")):
        begin = time.monotonic()
        _annotate(shared.kubectl, name, paused=wanted)
        until(lambda status=status: holdings.are(uid, status), PATIENCE_S)  # type: ignore[misc] # mypy does not see the default
        what = "paused" if wanted else "resumed"
        _record(record_property, f"from kubectl annotate to {what} at three peers", begin)
        # It hears of it later, by a file, and would else pause the pod when it is resumed already.
        until(lambda wanted=wanted: _sidecar_pauses(shared.kubectl, name) is wanted, PATIENCE_S)  # type: ignore[misc] # likewise

    check_throughout(lambda: holdings.are(uid, "UP"), LONGER_S)
    until(lambda: {"Paused", "Resumed"} <= _events(shared.kubectl, name), PATIENCE_S)


def test_pause_survives_whatever_is_restarted(
    plan: Plan,
    faults: Faults,
    operator: Operator,
    shared: EkcCluster,
    holdings: Holdings,
    name: str,
) -> None:
    """Sidecar, application, operator, and all peers of the registry, which forget everything."""
    kubectl = shared.kubectl
    (uid,) = uids(kubectl, name)
    _annotate(kubectl, name, paused=True)
    until(lambda: holdings.are(uid, OUT_OF_SERVICE), PATIENCE_S)

    faults.kill_in_pod(kubectl.namespace, name, SIDECAR)
    until(lambda: _restarts(kubectl, name, SIDECAR) == 1, PATIENCE_S)
    check_throughout(lambda: holdings.are(uid, OUT_OF_SERVICE), LONGER_S)

    faults.kill_in_pod(kubectl.namespace, name, CONTAINER)
    until(lambda: _restarts(kubectl, name, CONTAINER) == 1, PATIENCE_S)
    check_throughout(lambda: "UP" not in _statuses(holdings, uid), LONGER_S)
    until(lambda: holdings.are(uid, OUT_OF_SERVICE), PATIENCE_S)

    restart(operator)
    until(lambda: operator.leader in {_name(each) for each in operator.pods}, PATIENCE_S)
    check_throughout(lambda: holdings.are(uid, OUT_OF_SERVICE), LONGER_S)

    before = shared.restart_counts
    kubectl("delete", "pods", *PEERS)
    until(lambda: shared.restart_counts.keys() == before.keys() and _are_ready(shared), PATIENCE_S)
    anew = Holdings.of(plan, shared)
    until(lambda: uid in {each.uid for each in anew.all[0]}, PATIENCE_S)
    assert "UP" not in _statuses(anew, uid)
    until(lambda: anew.are(uid, OUT_OF_SERVICE), PATIENCE_S)
    check_throughout(lambda: anew.are(uid, OUT_OF_SERVICE), LONGER_S)

    _annotate(kubectl, name, paused=False)
    until(lambda: anew.are(uid, "UP"), PATIENCE_S)


def test_annotation_that_is_removed_while_the_sidecar_is_down(
    faults: Faults, shared: EkcCluster, holdings: Holdings, name: str
) -> None:
    """The operator lifts the override, which it has made; the sidecar finds nothing to do."""
    kubectl = shared.kubectl
    (uid,) = uids(kubectl, name)
    _annotate(kubectl, name, paused=True)
    until(lambda: holdings.are(uid, OUT_OF_SERVICE), PATIENCE_S)

    _resume_without_its_sidecar(faults, kubectl, holdings, name)

    until(lambda: holdings.are(uid, "UP"), PATIENCE_S)
    check_throughout(lambda: holdings.are(uid, "UP"), LONGER_S)


def test_pod_that_was_made_paused_is_resumed_without_its_sidecar(
    target: Target, faults: Faults, shared: EkcCluster, holdings: Holdings
) -> None:
    """The override is the sidecar's, which registers with it."""
    kubectl = shared.kubectl
    born = pod(target, "born")
    born["metadata"]["annotations"] = {PAUSED: "true"}
    kubectl.apply(listed(born))
    until(lambda: len(uids(kubectl, "born")) == 1, PATIENCE_S)
    (uid,) = uids(kubectl, "born")
    until(lambda: holdings.are(uid, OUT_OF_SERVICE), PATIENCE_S)
    until(lambda: "eurekube.io/paused-by-operator" in _annotations(kubectl, "born"), PATIENCE_S)

    _resume_without_its_sidecar(faults, kubectl, holdings, "born")

    until(lambda: holdings.are(uid, "UP"), PATIENCE_S)
    check_throughout(lambda: holdings.are(uid, "UP"), LONGER_S)
    kubectl("delete", "pod", "born")


def test_successor_of_a_paused_pod_is_called(
    target: Target, faults: Faults, shared: EkcCluster, holdings: Holdings
) -> None:
    """A StatefulSet's: it has the same id, and not the annotation, which was its predecessor's."""
    kubectl = shared.kubectl
    kubectl.apply(listed(workload(target, "StatefulSet", "stock", 1)))
    (old,) = all_up(kubectl, holdings, "stock", 1)
    _annotate(kubectl, "stock-0", paused=True)
    until(lambda: holdings.are(old, OUT_OF_SERVICE), PATIENCE_S)

    for container in (SIDECAR, CONTAINER):
        faults.kill_in_pod(kubectl.namespace, "stock-0", container)
    kubectl("delete", "pod", "stock-0", "--force", "--grace-period=0")
    until(lambda: uids(kubectl, "stock") not in (set(), {old}), PATIENCE_S)
    (new,) = uids(kubectl, "stock")

    until(lambda: holdings.are(new, "UP"), PATIENCE_S)
    check_throughout(lambda: holdings.are(new, "UP"), LONGER_S)
    kubectl("delete", "statefulset", "stock", "--wait=false")


def test_override_by_hand_stays(
    operator: Operator, shared: EkcCluster, holdings: Holdings, name: str
) -> None:
    """Whoever made it at the registry lifts it there; the operator knows nothing of it."""
    (uid,) = uids(shared.kubectl, name)
    instance = f"/eureka/apps/{APP}/{holdings.id_of(uid)}/status"
    assert holdings.ask("PUT", f"{instance}?value={OUT_OF_SERVICE}").status == 200
    until(lambda: holdings.are(uid, OUT_OF_SERVICE), PATIENCE_S)

    check_throughout(lambda: holdings.are(uid, OUT_OF_SERVICE), LONGER_S)
    before = until(lambda: operator.leader, PATIENCE_S)
    operator.kubectl("delete", "pod", before)
    until(lambda: operator.leader not in ("", before), PATIENCE_S)
    check_throughout(lambda: holdings.are(uid, OUT_OF_SERVICE), LONGER_S)

    assert holdings.ask("DELETE", f"{instance}?value=UP").status == 200
    until(lambda: holdings.are(uid, "UP"), PATIENCE_S)
    assert _events(shared.kubectl, name) == set()


def _annotate(kubectl: Kubectl, name: str, *, paused: bool) -> None:
    kubectl("annotate", "pod", name, f"{PAUSED}=true" if paused else f"{PAUSED}-")


def _annotations(kubectl: Kubectl, name: str) -> dict[str, str]:
    found: dict[str, str] = kubectl.get("pod", name)["metadata"].get("annotations", {})
    return found


def _resume_without_its_sidecar(
    faults: Faults, kubectl: Kubectl, holdings: Holdings, name: str
) -> None:
    """Remove the annotation while the sidecar stands still, and kill it; it starts again."""
    (uid,) = uids(kubectl, name)
    restarts = _restarts(kubectl, name, SIDECAR)
    with faults.stopped_in_pod(kubectl.namespace, name, SIDECAR):
        _annotate(kubectl, name, paused=False)
        until(lambda: OUT_OF_SERVICE not in _statuses(holdings, uid), PATIENCE_S)
        faults.kill_in_pod(kubectl.namespace, name, SIDECAR)
    until(lambda: _restarts(kubectl, name, SIDECAR) == restarts + 1, PATIENCE_S)


def _sidecar_pauses(kubectl: Kubectl, name: str) -> bool:
    """Whether the sidecar of a pod knows that it is paused."""
    asked = ("exec", name, f"--container={SIDECAR}", "--", SIDECAR, "status", "-o", "json")
    said = kubectl.run_unchecked(*asked).stdout  # it fails while something is under way
    return bool(said) and bool(json.loads(said)["paused"])


def _restarts(kubectl: Kubectl, name: str, container: str) -> int:
    status = kubectl.get("pod", name)["status"]
    found = [*status["initContainerStatuses"], *status["containerStatuses"]]
    return sum(each["restartCount"] for each in found if each["name"] == container)


def _statuses(holdings: Holdings, uid: str) -> set[str]:
    """What any peer shows a pod as."""
    return {each.status for held in holdings.all for each in held if each.uid == uid}


def _are_ready(cluster: EkcCluster) -> bool:
    return all(each.ready for each in cluster.pods.values())


def _name(document: dict[str, Any]) -> str:
    name: str = document["metadata"]["name"]
    return name


def _events(kubectl: Kubectl, name: str) -> set[str]:
    """The reasons of the operator's events about a pod."""
    about = f"involvedObject.name={name},involvedObject.uid={next(iter(uids(kubectl, name)))}"
    items = kubectl.get("events", f"--field-selector={about}")["items"]
    return {
        each["reason"] for each in items if each["source"].get("component") == "eureka-operator"
    }


def _record(record_property: Record, what: str, begin: float) -> None:
    record_property(what, f"{time.monotonic() - begin:.1f} s")
