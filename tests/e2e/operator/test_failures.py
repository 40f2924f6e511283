"""What breaks of a cluster of peers, or is taken away from it: the registry answers throughout.

Only on a cluster of tests.cluster's own: another one's nodes are not ours to hurt.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from cluster.faults import Faults
from cluster.plan import Plan
from e2e.clusters import Target
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.installed import Operator
from e2e.operator.leases import Leases, hold_leases
from e2e.operator.volumes import local_volumes
from processes.cluster import LONG, ask, document, until

LEASES: Final = 300
PODS: Final = ("eureka-peer-1", "eureka-peer-2", "eureka-peer-3")
SILENCE_S: Final = 30.0
"""No client may be without an answer for so long: a look at a peer that is gone takes up to 5 s,
and the machine may be busy."""
KEPT: Final = {f"kept-{number}" for number in range(20)}

Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def leases(target: Target, shared: EkcCluster) -> Iterator[Leases]:
    """Leases that are held while peers break; each test leaves all of them at three peers."""
    with hold_leases(target, shared, LEASES) as leases:
        leases.wait_complete(3)
        yield leases


@pytest.fixture(autouse=True)
def check_answers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever breaks: no lease is missing at a ready peer, and clients always have an answer."""
    yield
    if "leases" in request.fixturenames:
        leases: Leases = request.getfixturevalue("leases")
        leases.wait_complete(3)
        leases.check()
        assert leases.report.silence_s < SILENCE_S


def test_killed_container_is_started_again(
    faults: Faults, shared: EkcCluster, leases: Leases, record_property: Record
) -> None:
    """The same pod has all leases again; the others were not disturbed."""
    before = shared.restart_counts
    begin = time.monotonic()
    faults.kill_in_pod(shared.kubectl.namespace, PODS[1])

    until(lambda: shared.pods[PODS[1]].restarts == before[PODS[1]][1] + 1, PATIENCE_S)
    leases.wait_complete(3)
    _record(record_property, "from a killed container to all leases at three peers", begin)
    shared.wait_ready()
    shared.wait_agreed()
    uid, restarts = before[PODS[1]]
    assert shared.restart_counts == {**before, PODS[1]: (uid, restarts + 1)}


def test_deleted_pod_is_replaced(
    shared: EkcCluster, leases: Leases, record_property: Record
) -> None:
    """Another pod takes over its name and copies all leases before it is ready."""
    before = shared.restart_counts
    begin = time.monotonic()
    _replace(shared, PODS[0])

    leases.wait_complete(3)
    _record(record_property, "from a deleted pod to all leases at three peers", begin)
    shared.wait_ready()
    shared.wait_agreed()
    assert {name: shared.restart_counts[name] for name in PODS[1:]} == {
        name: before[name] for name in PODS[1:]
    }


def test_registry_lives_on_without_the_operator(
    operator: Operator, shared: EkcCluster, leases: Leases
) -> None:
    """Every peer is replaced once, and they agree again; an operator that comes back stays calm."""
    operator.scale(0)
    try:
        for name in PODS:
            _replace(shared, name)
            until(lambda name=name: shared.pods[name].ready, PATIENCE_S)  # type: ignore[misc] # mypy does not see the default
            leases.wait_complete(3)
        shared.wait_agreed()
        before = shared.restart_counts
    finally:
        operator.scale(2)

    shared.change({"registry": {"lease": {"evictionIntervalSeconds": 31}}})
    shared.wait_ready()  # so the operator is at work

    shared.wait_agreed()
    assert shared.restart_counts == before


def test_all_peers_deleted_at_once_have_their_leases_from_the_snapshots(
    plan: Plan, cluster: EkcCluster
) -> None:
    """Nobody renews these: what is there afterwards was on the volumes."""
    storage_class = cluster.kubectl.namespace
    with local_volumes(plan, cluster.kubectl, size="16Mi", storage_class=storage_class):
        volume = {"size": "16Mi", "storageClassName": storage_class}
        snapshot = {"enabled": True, "volume": volume}
        # A new volume belongs to root; the kubelet gives it to this group.
        pod = {"securityContext": {"fsGroup": 65532}}
        cluster.start({"snapshot": snapshot, "pod": pod})
        _register(cluster)
        until(lambda: _all_hold(cluster), PATIENCE_S)
        before = cluster.restart_counts

        cluster.kubectl("delete", "pods", *PODS)

        until(lambda: _are_new(cluster, before), PATIENCE_S)
        cluster.wait_ready()
        until(lambda: _all_hold(cluster), PATIENCE_S)
        cluster.wait_agreed()
        cluster.delete()


def _replace(cluster: EkcCluster, name: str) -> None:
    """Delete a pod and wait for the one that takes its place."""
    old = cluster.pods[name].uid
    cluster.kubectl("delete", "pod", name, "--timeout=150s")
    until(lambda: name in cluster.pods and cluster.pods[name].uid != old, PATIENCE_S)


def _register(cluster: EkcCluster) -> None:
    with cluster.kubectl.forwarded(f"pod/{PODS[0]}", 8761) as port:
        for each in sorted(KEPT):
            body = document("KEPT", each, leaseInfo={**LONG, "durationInSecs": 900})
            assert ask(port, "POST", "/eureka/apps/KEPT", body).status == 204


def _all_hold(cluster: EkcCluster) -> bool:
    return all(cluster.apps(name).get("KEPT") == KEPT for name in PODS)


def _are_new(cluster: EkcCluster, before: dict[str, tuple[str, int]]) -> bool:
    now = cluster.restart_counts
    return now.keys() == before.keys() and all(now[name] != before[name] for name in now)


def _record(record_property: Record, what: str, begin: float) -> None:
    record_property(what, f"{time.monotonic() - begin:.1f} s")
