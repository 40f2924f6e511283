"""The leader's loop of EurekaRegistrations, between an API server and a registry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from eureka_operator.core.kinds import Object
from eureka_operator.shell import registrations as module
from eureka_operator.shell.client import Client
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.metrics import Metrics
from eureka_operator.shell.registrations import Registrations
from eureka_operator.shell.ways import Scope
from support.apiserver import ApiServer
from support.clusterobjects import document as cluster_document
from support.registrationobjects import CLUSTER, ENDPOINT, SERVICE, document
from support.server import Running, running
from unit.operator.shell.eventually import check_throughout, eventually

NAMESPACES = "/api/v1/namespaces"
PODS = f"{NAMESPACES}/shop/pods"
SERVICES = f"{NAMESPACES}/shop/services"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"
GROUP = "/apis/eurekube.io/v1alpha1/namespaces"
REGISTRATIONS = f"{GROUP}/shop/eurekaregistrations"
BOTH = {"10.9.0.1": "UP", "10.9.0.2": "UP"}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns follow each other closely."""
    monkeypatch.setattr(module, "_LEAST_PAUSE_S", 0.02)
    monkeypatch.setattr(module, "_MOST_PAUSE_S", 0.1)
    monkeypatch.setattr(module, "PERIOD_S", 0.3)


class World:
    """An API server, a registry, and the operator's loop between them."""

    def __init__(self, api: ApiServer, peer: Running, client: Client) -> None:
        self.api = api
        self.peer = peer
        self.client = client
        self.metrics = Metrics()

    @asynccontextmanager
    async def leading(self, *namespaces: str) -> AsyncIterator[None]:
        """Run the loop while the block runs."""
        scope = Scope(namespaces, "cluster.local")
        loop = Registrations(Kube(self.client), self.metrics, scope, lambda: True)
        task = asyncio.create_task(loop.run(self.client))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def instances_of(self, app: str = "DB") -> dict[str, str]:
        """Address and status of each instance of an application."""
        answer = await self.peer.get(f"/apps/{app}")
        if answer.status == 404:
            return {}
        return {each["ipAddr"]: each["status"] for each in answer.json["application"]["instance"]}

    def reason(self, name: str = "db") -> Callable[[], Awaitable[str]]:
        """The reason of the condition; empty without one."""

        async def read() -> str:
            conditions = self.status(name).get("conditions", [])
            return next((str(each["reason"]) for each in conditions), "")

        return read

    def status(self, name: str = "db") -> dict[str, Any]:
        """The status as it was written."""
        return dict(self.api.objects[f"{REGISTRATIONS}/{name}"].get("status", {}))

    async def event_reasons(self) -> set[str]:
        """The reasons of events."""
        return {each["reason"] for path, each in self.api.objects.items() if "/events/" in path}

    async def have(self, spec: Object, name: str = "db", namespace: str = "shop") -> None:
        """Have a registration."""
        path = f"{GROUP}/{namespace}/eurekaregistrations/{name}"
        await self.api.put(path, document(spec, name, namespace=namespace))

    async def have_slice(self, **ready: bool) -> None:
        """Have the only slice of the Service; the last part of each address, and its readiness."""
        endpoints = [
            {"addresses": [f"10.9.0.{each.removeprefix('a')}"], "conditions": {"ready": is_ready}}
            for each, is_ready in ready.items()
        ]
        labels = {"kubernetes.io/service-name": "db"}
        body = {"metadata": {"labels": labels}, "addressType": "IPv4", "endpoints": endpoints}
        await self.api.put(f"{SLICES}/db-1", {**body, "ports": [{"name": "sql", "port": 5432}]})


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """With an EurekaCluster, its peer, and a Service with two endpoints."""
    api = ApiServer()
    async with api.serving() as way, running() as peer, Client(way) as client:
        found = World(api, peer, client)
        await api.put(f"{NAMESPACES}/kube-system", {"metadata": {"uid": "cluster-1"}})
        for name in ("shop", "other"):
            await api.put(f"{NAMESPACES}/{name}", {"metadata": {"labels": {"team": name}}})
        await api.put(f"{GROUP}/shop/eurekaclusters/eureka", cluster_document({}))
        owner = {"kind": "StatefulSet", "name": "eureka-peer", "uid": "set", "controller": True}
        ports = [{"name": "http", "containerPort": peer.port}]
        labels = {"eurekube.io/cluster": "eureka"}
        pod = {
            "metadata": {"labels": labels, "ownerReferences": [owner]},
            "spec": {"containers": [{"name": "registry", "ports": ports}]},
            "status": {"podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
        }
        await api.put(f"{PODS}/eureka-peer-0", pod)
        await api.put(f"{SERVICES}/db", {"spec": {"ports": [{"name": "sql", "port": 5432}]}})
        await found.have_slice(a1=True, a2=True)
        yield found


async def test_service_is_registered_and_its_readiness_followed() -> None:
    """And the object says so."""
    async with world() as found:
        await found.have(SERVICE)
        async with found.leading():
            await eventually(found.instances_of, BOTH)
            await eventually(found.reason(), "Synced")
            await found.have_slice(a1=False, a2=True)
            await eventually(found.instances_of, {**BOTH, "10.9.0.1": "OUT_OF_SERVICE"})
            await found.have_slice(a2=True)
            await eventually(found.instances_of, {"10.9.0.2": "UP"})

            async def counts() -> tuple[object, object]:
                return found.status().get("instances"), found.status().get("up")

            await eventually(counts, (1, 1))
            assert found.status()["app"] == "DB"
            text = found.metrics.exposition().decode()
            assert 'eureka_operator_registered_instances{status="UP"} 1.0' in text


async def test_deleted_registration_is_removed() -> None:
    """There is no finalizer that would hold the object."""
    async with world() as found:
        await found.have({**CLUSTER, "endpoints": [ENDPOINT]})
        async with found.leading():
            await eventually(found.instances_of, {"db.example.com": "UP"})
            kept = found.api.objects[f"{REGISTRATIONS}/db"]
            assert "finalizers" not in kept["metadata"]
            await found.api.delete(f"{REGISTRATIONS}/db")

            await eventually(found.instances_of, {})


async def test_next_leader_removes_what_was_deleted_before_it() -> None:
    """And registers nothing again that is there."""
    async with world() as found:
        for name in ("kept", "gone"):
            await found.have({**CLUSTER, "endpoints": [{**ENDPOINT, "host": name}]}, name)
        async with found.leading():
            await eventually(lambda: found.instances_of("KEPT"), {"kept": "UP"})
            await eventually(lambda: found.instances_of("GONE"), {"gone": "UP"})
        before = await found.peer.state("KEPT", "shop:kept:a")
        await found.api.delete(f"{REGISTRATIONS}/gone")
        async with found.leading():
            await eventually(lambda: found.instances_of("GONE"), {})

            after = await found.peer.state("KEPT", "shop:kept:a")
            assert after["lastDirtyTimestamp"] == before["lastDirtyTimestamp"]


@pytest.mark.parametrize(
    "path", [SLICES, f"{SLICES}/db-1", f"{SERVICES}/db", f"{REGISTRATIONS}/db"]
)
async def test_what_cannot_be_read_removes_nothing(path: str) -> None:
    """A list that fails, and a second look that does."""
    async with world() as found:
        await found.have(SERVICE)
        async with found.leading():
            await eventually(found.instances_of, BOTH)
            found.api.refused[path] = 403
            await found.have_slice(a1=True)
            await found.api.end_watches()
            await check_throughout(found.instances_of, BOTH, 0.5)

            found.api.refused.clear()
            await eventually(found.instances_of, {"10.9.0.1": "UP"})


async def test_next_leader_removes_nothing_of_a_registration_that_wants_nothing() -> None:
    """By what slice it was wanted nobody knows any more: such a lease ends by itself."""
    async with world() as found:
        await found.have(SERVICE)
        async with found.leading():
            await eventually(found.instances_of, BOTH)
        await found.have_slice()
        async with found.leading():
            await eventually(found.reason(), "Synced")
            assert await found.instances_of() == BOTH
        await found.have_slice(a1=True)
        async with found.leading():
            await eventually(found.instances_of, {"10.9.0.1": "UP"})


async def test_cluster_of_another_namespace_lets_in_whom_it_selects() -> None:
    """And nobody else, and no longer."""
    spec = {"clusterRef": {"name": "eureka", "namespace": "shop"}, "endpoints": [ENDPOINT]}
    path = f"{GROUP}/other/eurekaregistrations/db"
    cluster = f"{GROUP}/shop/eurekaclusters/eureka"
    chosen = {"injection": {"namespaceSelector": {"matchLabels": {"team": "other"}}}}
    async with world() as found:
        await found.have(spec, namespace="other")
        async with found.leading():

            async def reason() -> str:
                status = found.api.objects[path].get("status") or {}
                return str(status.get("conditions", [{}])[0].get("reason", ""))

            await eventually(reason, "NotAllowed")
            assert await found.instances_of() == {}
            await found.api.put(cluster, cluster_document(chosen))
            await eventually(found.instances_of, {"db.example.com": "UP"})
            await found.api.put(cluster, cluster_document({}))
            await eventually(found.instances_of, {})


async def test_reasons_are_told_on_the_object() -> None:
    """Each in a word, as an event in a sentence."""
    broken = {**CLUSTER, "service": "db", "endpoints": [ENDPOINT]}
    is_absent = {"clusterRef": {"name": "none"}, "service": "db"}
    async with world() as found:
        await found.have(broken, "broken")
        await found.have(is_absent, "nowhere")
        await found.have({**CLUSTER, "service": "none"}, "none")
        async with found.leading():
            await eventually(found.reason("broken"), "Invalid")
            await eventually(found.reason("nowhere"), "ClusterNotFound")
            await eventually(found.reason("none"), "ServiceNotFound")
            await eventually(found.event_reasons, {"Invalid", "ClusterNotFound", "ServiceNotFound"})


async def test_status_is_not_written_without_a_change() -> None:
    """Renewals are not told: a quiet minute writes nothing."""
    async with world() as found:
        await found.have(SERVICE)
        async with found.leading():
            await eventually(found.reason(), "Synced")
            await eventually(found.event_reasons, {"Synced"})
            before = len(found.api.writes)

            async def more() -> int:
                return len(found.api.writes) - before

            await check_throughout(more, 0, 1.0)


async def test_cluster_without_peers_is_told_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not at every restart of a peer."""
    monkeypatch.setattr(module, "_PATIENCE", timedelta(0))
    async with world() as found:
        await found.api.delete(f"{PODS}/eureka-peer-0")
        await found.have(SERVICE)
        async with found.leading():
            await eventually(found.reason(), "RegistryUnreachable")


async def test_operator_of_single_namespaces_reads_no_others() -> None:
    """It may not."""
    async with world() as found:
        await found.have(SERVICE)
        found.api.refused["/apis/eurekube.io/v1alpha1/eureka"] = 403
        found.api.refused["/api/v1/pods"] = 403
        async with found.leading("shop"):
            await eventually(found.instances_of, BOTH)
