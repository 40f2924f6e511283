"""The leader's loop, from what watches send to what a registry shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from eureka_operator.core.kinds import Object
from eureka_operator.shell import podtruth
from eureka_operator.shell.mirror import Mirror
from eureka_operator.shell.podtruth import PodTruth
from eureka_operator.shell.registries import Registries
from eureka_operator.shell.registry import session
from eureka_operator.shell.ways import Scope
from unit.operator.shell.world import CLUSTER_UID, World, cluster, document, plain, world

PODS = "/api/v1/pods"
NODES = "/api/v1/nodes"
CLUSTER_PATH = "/apis/eurekube.io/v1alpha1/namespaces/prod/eurekaclusters/eureka"
POD_PATH = "/api/v1/namespaces/shop/pods/orders-1"
SYSTEM = "/api/v1/namespaces/kube-system"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns follow each other closely, and never without a change."""
    monkeypatch.setattr(podtruth, "PERIOD_S", 30.0)
    monkeypatch.setattr(podtruth, "_LEAST_PAUSE_S", 0.0)
    monkeypatch.setattr(podtruth, "_REST", 0.0)


def peer(found: World) -> Object:
    """The pod of the registry."""
    owner = {"kind": "StatefulSet", "name": "eureka-peer", "uid": "set", "controller": True}
    ports = [{"name": "http", "containerPort": found.peer.port}]
    return {
        "metadata": {
            "namespace": "prod",
            "name": "eureka-peer-1",
            "uid": "uid-of-peer",
            "resourceVersion": "1",
            "labels": {"eurekube.io/cluster": "eureka"},
            "ownerReferences": [owner],
        },
        "spec": {"containers": [{"name": "registry", "ports": ports}]},
        "status": {"podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
    }


def set_pods(found: World, *pods: Object) -> None:
    """Have these pods in the API server, with a node and a name of this Kubernetes."""
    found.api.lists[PODS] = [peer(found), *pods]
    found.api.lists[NODES] = [{"metadata": {"name": "node-1"}}]
    found.api.objects[SYSTEM] = {"metadata": {"name": "kube-system", "uid": CLUSTER_UID}}


@asynccontextmanager
async def leading(found: World) -> AsyncIterator[None]:
    """Run the loop while the block runs."""
    truth = PodTruth(found.kube, found.metrics, Scope((), "cluster.local"), lambda: True)
    async with ended(truth.run(found.client)):
        yield


@asynccontextmanager
async def ended(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Let this go on until the block ends."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def turn(found: World, *namespaces: str) -> PodTruth:
    """Do one turn, by what the watches show at their start."""
    truth = PodTruth(found.kube, found.metrics, Scope(namespaces, "cluster.local"), lambda: True)
    mirrors: list[Mirror[Any]] = [*truth._pods, *truth._peers, *truth._nodes]
    async with ended(*(mirror.follow(found.client) for mirror in mirrors)), session() as over:
        async with asyncio.timeout(20):
            await asyncio.gather(*(mirror.change() for mirror in mirrors))
        await truth.turn(Registries(plain(over), found.metrics))
    return truth


def change(kind: str, pod: Object) -> Object:
    """An event of a watch."""
    return {"type": kind, "object": pod}


async def test_lease_goes_with_its_pod() -> None:
    """By the watch's word, with no change at the registry, and not half a minute later."""
    async with world() as found:
        await found.register(1)
        await found.register(2)
        found.api.objects[CLUSTER_PATH] = cluster()
        set_pods(found, document(1), document(2))
        async with leading(found):
            await found.api.watches.put(change("DELETED", document(1)))
            await found.api.until(told=1)

            assert [await found.status(1), await found.status(2)] == [None, ("UP", "UNKNOWN")]


async def test_annotation_acts_by_the_watch() -> None:
    """Not by the next look, which is half a minute away here."""
    paused = document(1, metadata={"annotations": {"eurekube.io/paused": "true"}})
    async with world() as found:
        await found.register(1)
        set_pods(found, document(1))
        async with leading(found):
            await found.api.watches.put(change("MODIFIED", paused))
            await found.api.until(told=1)
            assert await found.status(1) == ("OUT_OF_SERVICE", "OUT_OF_SERVICE")
            record = found.api.written[0][1]["metadata"]["annotations"]
            resumed = document(1, metadata={"annotations": record})
            await found.api.watches.put(change("MODIFIED", resumed))
            await found.api.until(told=2)

            assert await found.status(1) == ("UP", "UNKNOWN")


async def test_turn_removes_what_was_gone_before() -> None:
    """A leader that is new saw no deletion."""
    async with world() as found:
        await found.register(1)
        set_pods(found, document(2))
        await turn(found)

        assert await found.status(1) is None


@pytest.mark.parametrize("path", [SYSTEM, PODS])
async def test_what_cannot_be_read_removes_nothing(path: str) -> None:
    """Which Kubernetes this is, and which pods there are."""
    async with world() as found:
        await found.register(1)
        set_pods(found, document(2))
        found.api.failing[path] = 403
        await turn(found)

        assert await found.status(1) == ("UP", "UNKNOWN")


@pytest.mark.parametrize(
    ("what", "path", "status"),
    [
        ("the list", PODS, 500),
        ("the look by name", POD_PATH, 500),
        ("the look by name", POD_PATH, 429),
        ("which Kubernetes it is", SYSTEM, 503),
        ("the EurekaCluster", CLUSTER_PATH, 503),
    ],
)
async def test_failure_removes_nothing_and_its_end_is_enough(
    what: str, path: str, status: int
) -> None:
    """A pod that is gone all the while waits for it."""
    async with world() as found:
        await found.register(1)
        set_pods(found, document(2))
        found.api.failing[path] = status
        await turn(found)
        assert await found.status(1) == ("UP", "UNKNOWN"), what
        found.api.failing.clear()
        await turn(found)

        assert await found.status(1) is None


async def test_operator_that_has_just_begun_removes_nothing() -> None:
    """It knows of the registry before it knows of the pods."""
    async with world() as found:
        await found.register(1)
        set_pods(found, document(2))
        truth = PodTruth(found.kube, found.metrics, Scope((), "cluster.local"), lambda: True)
        follows = [mirror.follow(found.client) for mirror in truth._peers]
        async with ended(*follows), session() as over:
            async with asyncio.timeout(20):
                await asyncio.gather(*(mirror.change() for mirror in truth._peers))
            await truth.turn(Registries(plain(over), found.metrics))

        assert await found.status(1) == ("UP", "UNKNOWN")
        assert found.metric("registry_reads_total")


async def test_list_that_lacks_a_pod_removes_nothing() -> None:
    """An API server that is behind: asked for by its name the pod is there."""
    async with world() as found:
        await found.register(1)
        set_pods(found, document(2))
        found.api.objects[POD_PATH] = document(1)
        await turn(found)

        assert await found.status(1) == ("UP", "UNKNOWN")
        assert f"GET {POD_PATH}" in found.api.asked


async def test_watch_that_is_wrong_removes_nothing() -> None:
    """It says that a pod is deleted, which is there when it is asked for by its name."""
    async with world() as found:
        await found.register(1)
        await found.register(2)
        found.api.objects[POD_PATH] = document(1)
        found.api.objects[CLUSTER_PATH] = cluster()
        set_pods(found, document(1), document(2))
        async with leading(found):
            await found.api.watches.put(change("DELETED", document(1)))
            await found.api.watches.put(change("DELETED", document(2)))
            await found.api.watches.put(change("ADDED", document(3)))
            await found.api.until(told=1)

            assert [await found.status(1), await found.status(2)] == [("UP", "UNKNOWN"), None]


async def test_pod_that_comes_back_under_its_name_keeps_its_lease() -> None:
    """A StatefulSet's: it has registered over the lease of the one that is gone."""
    async with world() as found:
        await found.register(1, pod_uid="uid-new")
        again = document(1)
        again["metadata"]["uid"] = "uid-new"
        set_pods(found, again, document(2))
        found.api.objects[POD_PATH] = again
        await turn(found)

        assert await found.status(1) == ("UP", "UNKNOWN")


async def test_list_of_no_pods_at_all_removes_nothing() -> None:
    """It is what a failure looks like."""
    async with world() as found:
        await found.register(1)
        set_pods(found)
        await turn(found)

        assert await found.status(1) == ("UP", "UNKNOWN")
        assert found.metric("registry_reads_total")
        assert f"GET {POD_PATH}" not in found.api.asked


async def test_operator_of_single_namespaces_works_without_nodes() -> None:
    """It may not read them: pods are gone all the same."""
    async with world() as found:
        await found.register(1)
        set_pods(found)
        found.api.failing[NODES] = 403
        found.api.lists["/api/v1/namespaces/prod/pods"] = [peer(found)]
        found.api.lists["/api/v1/namespaces/shop/pods"] = [document(2)]
        await turn(found, "prod", "shop")

        assert await found.status(1) is None


async def test_pods_with_a_sidecar_are_known_to_others() -> None:
    """Who evicts pods without one goes by them; while they are not all known, there are none."""
    async with world() as found:
        set_pods(found, document(1))
        before = PodTruth(found.kube, found.metrics, Scope((), "cluster.local"), lambda: True)
        after = await turn(found)

    assert before.injected_pods == []
    assert [pod.name for pod in after.injected_pods] == ["orders-1"]
