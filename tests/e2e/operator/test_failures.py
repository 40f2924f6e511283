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
from e2e.operator.leases import POD, Leases, held
from e2e.operator.volumes import local_volumes
from processes.cluster import LONG, ask, document, until

LEASES: Final = 300
PODS: Final = ("eureka-peer-1", "eureka-peer-2", "eureka-peer-3")
SILENCE_S: Final = 10.0
"""No client may be without an answer for so long: a look takes up to 5 s at a peer that is gone."""
LOST_S: Final = 300.0
"""A node counts as lost after 20 s; its pods may stay for 30 s, have 30 s to end, and 30 s more."""
KEPT: Final = {f"kept-{number}" for number in range(20)}

Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def leases(target: Target, shared: EkcCluster) -> Iterator[Leases]:
    """Leases that are held while peers break; each test leaves all of them at three peers."""
    with held(target, shared, LEASES) as leases:
        leases.wait_complete(3)
        yield leases


@pytest.fixture(autouse=True)
def answered(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever breaks: no lease is missing at a ready peer, and clients always have an answer."""
    yield
    if "leases" in request.fixturenames:
        leases: Leases = request.getfixturevalue("leases")
        leases.wait_complete(3)
        leases.check()
        assert leases.seen.silence_s < SILENCE_S


def test_killed_container_is_started_again(
    faults: Faults, shared: EkcCluster, leases: Leases, record_property: Record
) -> None:
    """The same pod has all leases again; the others were not disturbed."""
    before = shared.lives
    begin = time.monotonic()
    faults.kill_in_pod(shared.kubectl.namespace, PODS[1])

    until(lambda: shared.pods[PODS[1]].restarts == before[PODS[1]][1] + 1, PATIENCE_S)
    leases.wait_complete(3)
    _record(record_property, "from a killed container to all leases at three peers", begin)
    shared.wait_ready()
    shared.wait_agreed()
    uid, restarts = before[PODS[1]]
    assert shared.lives == {**before, PODS[1]: (uid, restarts + 1)}


def test_deleted_pod_is_replaced(
    shared: EkcCluster, leases: Leases, record_property: Record
) -> None:
    """Another pod takes over its name and copies all leases before it is ready."""
    before = shared.lives
    begin = time.monotonic()
    _replace(shared, PODS[0])

    leases.wait_complete(3)
    _record(record_property, "from a deleted pod to all leases at three peers", begin)
    shared.wait_ready()
    shared.wait_agreed()
    assert {name: shared.lives[name] for name in PODS[1:]} == {
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
        before = shared.lives
    finally:
        operator.scale(2)

    shared.change({"registry": {"lease": {"evictionIntervalSeconds": 31}}})
    shared.wait_ready()  # so the operator is at work

    shared.wait_agreed()
    assert shared.lives == before


def test_peer_of_a_lost_node_is_replaced_elsewhere(
    faults: Faults, shared: EkcCluster, leases: Leases, record_property: Record
) -> None:
    """Its pod is abandoned, which an event says; the node that comes back brings nothing old."""
    others = shared.kubectl.get("pod", POD)["spec"]["nodeName"]
    lost = next(name for name, pod in shared.pods.items() if pod.node != others)
    before, node = shared.lives, shared.pods[lost].node
    begin = time.monotonic()
    with faults.cut_off(node):
        until(lambda: shared.is_so("Ready", "False"), LOST_S)
        assert shared.is_so("Available")
        until(lambda: shared.lives.get(lost, before[lost]) != before[lost], LOST_S)
        assert any(
            f"removed pod {lost}" in said and node in said
            for said in shared.events("PeerAbandoned")
        )
        shared.wait_ready()
        _record(record_property, "from a node's loss to three peers that agree", begin)
        leases.wait_complete(3)
        after = shared.lives

    _wait_for_node(shared, node)
    shared.wait_ready()
    shared.wait_agreed()
    assert shared.lives == after
    assert {name: after[name] for name in PODS if name != lost} == {
        name: before[name] for name in PODS if name != lost
    }


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
        before = cluster.lives

        cluster.kubectl("delete", "pods", *PODS)

        until(lambda: _are_new(cluster, before), PATIENCE_S)
        cluster.wait_ready()
        assert _all_hold(cluster)
        cluster.wait_agreed()
        cluster.delete()


def _replace(cluster: EkcCluster, name: str) -> None:
    """Delete a pod and wait for the one that takes its place."""
    old = cluster.pods[name].uid
    cluster.kubectl("delete", "pod", name, "--timeout=50s")
    until(lambda: name in cluster.pods and cluster.pods[name].uid != old, PATIENCE_S)


def _wait_for_node(cluster: EkcCluster, node: str) -> None:
    words = ("wait", "--for=condition=Ready", f"node/{node}", "--timeout=50s")
    until(lambda: cluster.kubectl.tried(*words).returncode == 0, PATIENCE_S)


def _register(cluster: EkcCluster) -> None:
    with cluster.kubectl.forwarded(f"pod/{PODS[0]}", 8761) as port:
        for each in sorted(KEPT):
            body = document("KEPT", each, leaseInfo={**LONG, "durationInSecs": 900})
            assert ask(port, "POST", "/eureka/apps/KEPT", body).status == 204


def _all_hold(cluster: EkcCluster) -> bool:
    return all(cluster.apps(name).get("KEPT") == KEPT for name in PODS)


def _are_new(cluster: EkcCluster, before: dict[str, tuple[str, int]]) -> bool:
    now = cluster.lives
    return now.keys() == before.keys() and all(now[name] != before[name] for name in now)


def _record(record_property: Record, what: str, begin: float) -> None:
    record_property(what, f"{time.monotonic() - begin:.1f} s")
