"""Removals at a real registry, with an API server that says what a test wants."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from eureka_operator.core.pods import Node, Pod
from eureka_operator.core.reaping import ClusterState
from eureka_operator.shell.reaping import Reaper
from unit.operator.shell.world import CLUSTER_UID, World, cluster, document, pod, world

POD_PATH = "/api/v1/namespaces/shop/pods/orders-1"
NODE_PATH = "/api/v1/nodes/node-1"
CLUSTER_PATH = "/apis/eurekube.io/v1alpha1/namespaces/prod/eurekaclusters/eureka"


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        """Give the present moment."""
        return self.now_s


def known(*pods: Pod, **rest: Any) -> ClusterState:  # noqa: ANN401 - fields of different types
    """What watches have shown: these pods, and one more."""
    there = {each.uid: each for each in (*pods, pod(99))}
    now = datetime(2026, 11, 28, 12, tzinfo=UTC)
    return ClusterState(**{"now": now, "cluster_uid": CLUSTER_UID, "pods": there, **rest})


def reaper(
    found: World, may_act: Callable[[], bool] = lambda: True, clock: Clock | None = None
) -> Reaper:
    """A reaper of this world."""
    return Reaper(found.kube, found.metrics, may_act, clock or Clock())


async def test_lease_of_a_pod_that_is_gone_is_removed_and_told() -> None:
    """With the cluster, as the pod has no description any more."""
    async with world() as found:
        found.api.objects[CLUSTER_PATH] = cluster()
        await found.register()
        await reaper(found).reap(await found.readings(), known())

        assert await found.status() is None
    assert found.api.event_list == [
        (
            "EurekaCluster",
            "LeaseRemoved",
            (
                "removed the lease of ORDERS/orders-1.shop:orders:8080:"
                " its pod shop/orders-1 (uid uid-1) is gone"
            ),
        )
    ]
    assert 'eureka_operator_leases_removed_total{reason="pod_gone"} 1.0' in found.metric("leases")


async def test_quiet_turn_asks_nobody() -> None:
    """All pods are there: nothing is proposed."""
    async with world() as found:
        await found.register()
        await reaper(found).reap(await found.readings(), known(pod()))

        assert found.api.asked == []
        assert await found.status() is not None


async def test_pod_that_the_watch_did_not_show_is_looked_for_first() -> None:
    """It lost its label, or the watch is behind; it is not asked for again with every turn."""
    clock = Clock()
    async with world() as found:
        found.api.objects[POD_PATH] = document()
        await found.register()
        one = reaper(found, clock=clock)
        for _ in range(3):
            await one.reap(await found.readings(), known())
        assert found.api.asked == [f"GET {POD_PATH}"]
        clock.now_s += 60
        del found.api.objects[POD_PATH]
        assert await found.status() is not None

        await one.reap(await found.readings(), known())

        assert await found.status() is None


@pytest.mark.parametrize("status", [401, 403, 410, 429, 500, 503])
async def test_error_of_the_api_server_removes_nothing(status: int) -> None:
    """Only 404 says that a pod is gone; what is wrong is told in the log."""
    async with world() as found:
        found.api.failing[POD_PATH] = status
        await found.register()
        await reaper(found).reap(await found.readings(), known())

        assert await found.status() is not None
    assert found.api.events == []


async def test_record_that_changed_since_it_was_listed_stays() -> None:
    """A StatefulSet's next pod registered under the same id."""
    async with world() as found:
        await found.register()
        before = await found.readings()
        await found.register(1, pod_uid="uid-9")
        await reaper(found).reap(before, known())

        assert await found.status() is not None


async def test_lease_that_ended_meanwhile_is_not_told_of() -> None:
    """Its sidecar was only slow."""
    async with world() as found:
        await found.register()
        before = await found.readings()
        await found.peer.delete("/apps/ORDERS/orders-1.shop:orders:8080")
        await reaper(found).reap(before, known())

    assert found.api.events == []


async def test_foreign_records_are_never_removed() -> None:
    """Peers themselves, Java's clients, pods of another Kubernetes, pods without a mark."""
    async with world() as found:
        await found.peer.reg("EUREKA", "peer1")
        await found.register(1, cluster_uid="cluster-2")
        await found.register(2, cluster_uid="")
        await reaper(found).reap(await found.readings(), known())

        assert await found.status(1) is not None
        assert await found.status(2) is not None
        assert await found.peer.state("EUREKA", "peer1") is not None
    assert found.api.asked == []


async def test_no_more_than_a_share_is_removed_in_a_minute() -> None:
    """A node with a third of all pods is lost, or a fault of ours: the rest ends by itself."""
    clock = Clock()
    async with world() as found:
        for number in range(1, 63):
            await found.register(number)
        one = reaper(found, clock=clock)
        left = []
        for pause_s in (0, 2, 57, 1):
            clock.now_s += pause_s
            await one.reap(await found.readings(), known())
            left.append(len((await found.registry.instances(None)).instances))

    assert left == [53, 53, 53, 46]


async def test_replica_that_does_not_lead_any_more_removes_nothing() -> None:
    """Another one has begun."""
    async with world() as found:
        await found.register()
        await reaper(found, may_act=lambda: False).reap(await found.readings(), known())

        assert await found.status() is not None


async def test_lost_node_is_asked_for_by_name() -> None:
    """It came back since the watch said otherwise; then it did not."""
    since = datetime(2026, 11, 28, 11, tzinfo=UTC)
    off = Node(name="node-1", ready=False, since=since, out_of_service=True)
    seen = known(pod(), nodes={"node-1": off})
    clock = Clock()
    async with world() as found:
        found.api.objects[POD_PATH] = document()
        found.api.objects[NODE_PATH] = {"metadata": {"name": "node-1"}}
        await found.register()
        one = reaper(found, clock=clock)
        await one.reap(await found.readings(), seen)
        assert await found.status() is not None
        clock.now_s += 60
        found.api.objects[NODE_PATH] = {
            "metadata": {"name": "node-1"},
            "spec": {"taints": [{"key": "node.kubernetes.io/out-of-service"}]},
            "status": {
                "conditions": [
                    {
                        "type": "Ready",
                        "status": "Unknown",
                        "lastTransitionTime": "2026-11-28T11:00:00Z",
                    }
                ]
            },
        }

        await one.reap(await found.readings(), seen)

        assert await found.status() is None
    assert 'reason="node_out_of_service"' in found.metric("leases_removed_total")[0]
