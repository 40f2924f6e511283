"""One replica of the injector before an API server in memory: from a pod to its answer."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from kubernetes.aio.client import Configuration

from eureka_operator.core.certificates import service_names
from eureka_operator.injector import Replica, _version_of, serve, wait_for_end
from eureka_operator.shell.certificates import Certificates
from eureka_operator.shell.client import Client, UnavailableError
from eureka_operator.shell.mirror import Name
from eureka_operator.shell.options import InjectorOptions
from eureka_operator.shell.view import View
from support.apiserver import ApiServer

NAMES = service_names("eurekube-injector", "eurekube", "cluster.local")
SECRET = "/api/v1/namespaces/eurekube/secrets/eurekube-injector-tls"  # noqa: S105 - its path
WEBHOOK = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/eurekube-injector"
CLUSTER = "/apis/eurekube.io/v1alpha1/namespaces/shop/eurekaclusters/eureka"
OPTIONS = InjectorOptions("eurekube", host="127.0.0.1", port=0, health_port=0)
POD = {
    "metadata": {"name": "orders-1", "labels": {"app": "orders"}},
    "spec": {
        "containers": [
            {"name": "app", "image": "orders:1", "ports": [{"containerPort": 8080}]},
        ]
    },
}


async def api_server(version: str = "34") -> ApiServer:
    """A cluster with the injector's chart, its certificates, a registry and a namespace."""
    api = ApiServer()
    await api.put("/version", {"major": "1", "minor": version})
    await api.put("/api/v1/namespaces/kube-system", {})
    labels = {"eurekube.io/inject": "enabled"}
    await api.put("/api/v1/namespaces/shop", {"metadata": {"labels": labels}})
    await api.put(CLUSTER, cluster())
    service = {"name": "eurekube-injector", "namespace": "eurekube", "path": "/inject"}
    webhook = {"name": "namespace.injector.eurekube.io", "clientConfig": {"service": service}}
    await api.put(WEBHOOK, {"webhooks": [webhook]})
    return api


def cluster() -> dict[str, Any]:
    """A registry that is as it should be."""
    return {"apiVersion": "eurekube.io/v1alpha1", "kind": "EurekaCluster", "spec": {}}


@asynccontextmanager
async def replica(api: ApiServer, *, certified: bool = True) -> AsyncIterator[Running]:
    """A replica that follows this API server."""
    stop = asyncio.Event()
    async with api.serving() as way:
        if certified:
            async with Client(way) as client:
                await Certificates(client, "eurekube", "eurekube-injector", NAMES).turn()
        async with serve(OPTIONS, way) as answering:
            end = asyncio.create_task(wait_for_end(answering, stop, leave_s=0.2))
            try:
                yield Running(api, way, answering, stop, end)
            finally:
                stop.set()
                await end


class Running:
    """A replica, and how it is asked."""

    def __init__(
        self,
        api: ApiServer,
        way: Configuration,
        answering: Replica,
        stop: asyncio.Event,
        end: asyncio.Task[int],
    ) -> None:
        self.api = api
        self.way = way
        self.answering = answering
        self.stop = stop
        self.end = end

    async def ready(self) -> None:
        """Wait until it is."""
        await until(lambda: self.answering.injector.why_not_ready() is None)

    async def ask(self, pod: dict[str, Any], namespace: str = "shop") -> list[dict[str, Any]]:
        """The patch that the API server gets for a pod, as it trusts what was published."""
        published = self.api.objects[WEBHOOK]["webhooks"][0]["clientConfig"]["caBundle"]
        trust = ssl.create_default_context(cadata=base64.b64decode(published).decode())
        async with aiohttp.ClientSession() as session:
            url = f"https://127.0.0.1:{self.answering.port}/inject"
            body = review(pod, namespace)
            async with session.post(url, json=body, ssl=trust, server_hostname=NAMES[0]) as answer:
                response = (await answer.json())["response"]
        assert response["allowed"], response
        patch: list[dict[str, Any]] = json.loads(base64.b64decode(response.get("patch", "W10=")))
        return patch

    async def page(self, path: str) -> str:
        """A page of the plain port."""
        url = f"http://127.0.0.1:{self.answering.health_port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return await answer.text()


def review(pod: dict[str, Any], namespace: str) -> dict[str, Any]:
    """A question."""
    request = {
        "uid": "1",
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": namespace,
        "operation": "CREATE",
        "object": pod,
    }
    return {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that other tasks bring about; the loop has nothing to wait for."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - it is sockets that are waited for
            await asyncio.sleep(0)


def sidecars(patch: list[dict[str, Any]]) -> list[str]:
    """The names of containers that a patch adds before those of the pod."""
    return [
        container["name"]
        for each in patch
        if each["path"].startswith("/spec/initContainers")
        for container in (each["value"] if isinstance(each["value"], list) else [each["value"]])
    ]


async def test_pod_of_a_labelled_namespace_gets_its_sidecar() -> None:
    """From the watches to the patch, over TLS that the API server trusts."""
    api = await api_server()
    async with replica(api) as running:
        await running.ready()
        writes = len(api.writes)

        patch = await running.ask(POD)

        assert sidecars(patch) == ["eureka-sidecar"]
        assert "eureka.shop.svc.cluster.local" in json.dumps(patch)
        assert api.objects["/api/v1/namespaces/kube-system"]["metadata"]["uid"] in json.dumps(patch)
        assert len(api.writes) == writes
        assert await running.page("/readyz") == "ok\n"
        metrics = await running.page("/metrics")
        assert 'eureka_injector_answers_total{reason="ok",result="injected"} 1.0' in metrics


async def test_namespace_that_is_younger_than_the_pods_question_is_waited_for() -> None:
    """`kubectl apply` makes both within milliseconds; the watch may be later than the pod."""
    api = await api_server()
    async with replica(api) as running:
        await running.ready()
        asking = asyncio.create_task(running.answering.injector.view.namespace("new"))
        await asyncio.sleep(0)
        labels = {"eurekube.io/inject": "enabled"}
        await api.put("/api/v1/namespaces/new", {"metadata": {"labels": labels}})

        assert (await asking)["metadata"]["labels"] == labels


async def test_namespace_that_is_not_seen_in_time_has_a_name_alone() -> None:
    """Its pods can ask for themselves; the API server does not wait for ever."""
    view = View("cluster.local", new_namespace_s=0.01)

    assert await view.namespace("new") == {"metadata": {"name": "new"}}


async def test_change_of_a_namespace_is_followed() -> None:
    """No restart, and no question to the API server while it waits for ours."""
    api = await api_server()
    async with replica(api) as running:
        await running.ready()
        labels = {"eurekube.io/inject": "disabled"}
        await api.put("/api/v1/namespaces/shop", {"metadata": {"labels": labels}})
        view = running.answering.injector.view
        await until(lambda: _label(view._namespaces.objects) == "disabled")

        assert sidecars(await running.ask(POD)) == []


async def test_replica_is_ready_when_its_leaf_is_trusted() -> None:
    """Not before: the API server would get a TLS error of it."""
    api = await api_server()
    async with replica(api, certified=False) as running:
        injector = running.answering.injector
        await until(lambda: "has no caBundle" in (injector.why_not_ready() or ""))

        async with Client(running.way) as client:
            await Certificates(client, "eurekube", "eurekube-injector", NAMES).turn()

        await running.ready()
        assert sidecars(await running.ask(POD)) == ["eureka-sidecar"]


async def test_api_server_that_is_too_old_is_said() -> None:
    """Its kubelets would wait for the sidecar to finish, for ever."""
    api = await api_server(version="32+")
    async with replica(api) as running:
        injector = running.answering.injector
        await until(lambda: "Kubernetes is 1.32" in (injector.why_not_ready() or ""))

        assert "injector.enabled=false" in await running.page("/readyz")


@pytest.mark.parametrize("kind", ["/api/v1/namespaces", "/apis/eurekube.io"])
async def test_what_cannot_be_read_is_said(kind: str) -> None:
    """A role that lacks a rule, for one."""
    api = await api_server()
    api.refused[kind] = 403
    async with replica(api, certified=False) as running:
        injector = running.answering.injector
        await until(lambda: "cannot be read: refused: 403" in (injector.why_not_ready() or ""))


async def test_registry_that_is_wrong_stops_no_other() -> None:
    """It is as if it were not there."""
    api = await api_server()
    path = "/apis/eurekube.io/v1alpha1/namespaces/other/eurekaclusters/wrong"
    await api.put(path, cluster() | {"spec": {"replicas": "three"}})
    async with replica(api) as running:
        await running.ready()

        assert [each.name for each in running.answering.injector.view.registries] == ["eureka"]
        assert sidecars(await running.ask(POD)) == ["eureka-sidecar"]


async def test_replica_that_ends_is_unready_first_and_answers_on() -> None:
    """API servers go on sending for a moment."""
    api = await api_server()
    async with replica(api) as running:
        await running.ready()
        running.stop.set()
        await until(lambda: running.answering.injector.webhook.closing)

        assert await running.page("/readyz") == "it is stopping\n"
        assert sidecars(await running.ask(POD)) == ["eureka-sidecar"]
        assert await running.end == 0


async def test_port_that_is_taken_is_named() -> None:
    """With hostNetwork it may be another program's."""
    api = await api_server()
    async with replica(api) as running, api.serving() as way:
        taken = InjectorOptions(
            "eurekube", host="127.0.0.1", port=running.answering.port, health_port=0
        )
        with pytest.raises(UnavailableError, match=f"--port {taken.port}: .*in use"):
            async with serve(taken, way):
                pass


@pytest.mark.parametrize(
    ("document", "version"),
    [
        ({"major": "1", "minor": "34"}, (1, 34)),
        ({"major": "1", "minor": "33+"}, (1, 33)),
        ({"major": "", "minor": "x"}, (0, 0)),
        ({}, (0, 0)),
    ],
)
def test_version_is_read(document: dict[str, str], version: tuple[int, int]) -> None:
    """Clouds add a plus."""
    assert _version_of(document) == version


def _label(namespaces: dict[Name, dict[str, Any]]) -> str:
    return str(namespaces[Name("", "shop")]["metadata"]["labels"]["eurekube.io/inject"])
