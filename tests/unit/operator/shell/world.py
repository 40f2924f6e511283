"""An API server of a few paths, and a real registry, for what the operator does between the two."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import ClientSession, web
from aiohttp.test_utils import RawTestServer
from kubernetes.aio.client import Configuration

from eureka_operator.core.instances import Instance
from eureka_operator.core.kinds import Object
from eureka_operator.core.pausing import ClusterName
from eureka_operator.core.pods import Pod
from eureka_operator.shell.client import Client
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.metrics import Metrics
from eureka_operator.shell.registries import Reading
from eureka_operator.shell.registry import Connections, Registry, session
from eureka_operator.shell.ways import PeerSecurities
from support.server import Running, running

PROD: Final = ClusterName("prod", "eureka")
CLUSTER_UID: Final = "cluster-1"
ID: Final = "orders-1.shop:orders:8080"


class Api:
    """Answers `GET` from `objects` by path and `lists` by path, and keeps what is written.

    A path in `failing` is answered with that status. `asked` are all requests.
    """

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.lists: dict[str, list[Object]] = {}
        self.failing: dict[str, int] = {}
        self.asked: list[str] = []
        self.events: list[Object] = []
        self.written: list[tuple[str, Any]] = []
        self.watches: asyncio.Queue[Object] = asyncio.Queue()
        self._written = asyncio.Condition()

    async def until(self, told: int) -> None:
        """Wait until so many events were told."""
        async with asyncio.timeout(20), self._written:
            await self._written.wait_for(lambda: len(self.events) >= told)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Be the API server."""
        path = request.path
        self.asked.append(f"{request.method} {path}")
        if path in self.failing:
            return _status(self.failing[path])
        if request.method != "GET":
            return await self._write(request)
        if "watch" in request.query:
            return await self._watch(request)
        if path in self.lists:
            terms = request.query.get("labelSelector", "").split(",")
            items = [each for each in self.lists[path] if _matches(each, terms)]
            return web.json_response({"items": items, "metadata": {"resourceVersion": "1"}})
        return web.json_response(self.objects[path]) if path in self.objects else _status(404)

    async def _write(self, request: web.BaseRequest) -> web.Response:
        body = json.loads(await request.read())
        if not request.path.endswith("/events"):
            self.written.append((request.path, body))
            return web.json_response(body)
        async with self._written:
            self.events.append(body)
            self._written.notify_all()
        return web.json_response(body)

    async def _watch(self, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        if "injected" not in request.query.get("labelSelector", ""):
            await asyncio.Event().wait()
        while True:
            await response.write(json.dumps(await self.watches.get()).encode() + b"\n")

    @property
    def event_list(self) -> list[tuple[str, str, str]]:
        """Events as kind of the object, reason and message."""
        return [
            (each["involvedObject"]["kind"], each["reason"], each["message"])
            for each in self.events
        ]


def _matches(found: Object, terms: list[str]) -> bool:
    """Whether labels are as a selector of the forms `a`, `!a` and `a!=b` wants them."""
    labels = found["metadata"].get("labels", {})
    for term in filter(None, terms):
        key, is_unequal, value = term.partition("!=")
        if is_unequal and key:
            matches = labels.get(key) != value
        else:
            matches = (term.lstrip("!") in labels) != term.startswith("!")
        if not matches:
            return False
    return True


def _status(code: int) -> web.Response:
    return web.json_response({"message": f"a refusal with {code}"}, status=code)


class World:
    """An API server, a registry, and what the operator works with."""

    def __init__(self, api: Api, peer: Running, client: Client, registry: Registry) -> None:
        self.api = api
        self.peer = peer
        self.client = client
        self.registry = registry
        self.metrics = Metrics()
        self.kube = Kube(client, "operator-1")

    async def register(self, number: int = 1, **metadata: str) -> None:
        """Register as the sidecar of pod `orders-N` does."""
        known = {
            "pod-name": f"orders-{number}",
            "pod-uid": f"uid-{number}",
            "namespace": "shop",
            "cluster-uid": CLUSTER_UID,
        }
        metadata = {name.replace("_", "-"): value for name, value in metadata.items()}
        name = f"orders-{number}.shop:orders:8080"
        answer = await self.peer.reg("ORDERS", name, metadata=known | metadata)
        assert answer.status == 204

    async def readings(self) -> dict[ClusterName, Reading]:
        """What the registry holds."""
        return {PROD: Reading(self.registry, await self.registry.instances(None))}

    async def status(self, number: int = 1) -> tuple[str, str] | None:
        """The status of an instance and its override, as clients see it."""
        found = await self.peer.state("ORDERS", f"orders-{number}.shop:orders:8080")
        return None if found is None else (found["status"], found["overriddenStatus"])

    def metric(self, name: str) -> list[str]:
        """The metric's samples."""
        lines = self.metrics.exposition().decode().splitlines()
        return [each for each in lines if each.startswith(f"eureka_operator_{name}")]


def plain(session: ClientSession) -> Connections:
    """What peers without a certificate are asked over."""

    async def no_secret(_namespace: str, _name: str) -> None:
        raise AssertionError

    return Connections(session, PeerSecurities(no_secret, "cluster.local"))


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Both on loopback, in this test's loop."""
    api = Api()
    async with RawTestServer(api.answer) as server, running() as peer, session() as connections:
        found = Configuration()
        found.host = str(server.make_url("")).rstrip("/")
        async with Client(found) as client:
            yield World(api, peer, client, Registry(connections, "127.0.0.1", peer.port))


def pod(number: int = 1, **rest: Any) -> Pod:  # noqa: ANN401 - fields of different types
    """A pod as it is kept."""
    fields = {"uid": f"uid-{number}", "namespace": "shop", "name": f"orders-{number}"}
    return Pod(**{**fields, "phase": "Running", "node": "node-1", **rest})


def document(number: int = 1, **rest: Any) -> Object:  # noqa: ANN401 - any field
    """A pod as the API server has it."""
    metadata = {
        "namespace": "shop",
        "name": f"orders-{number}",
        "uid": f"uid-{number}",
        "resourceVersion": "1",
        "labels": {"eurekube.io/injected": "true"},
        **rest.pop("metadata", {}),
    }
    return {"metadata": metadata, "spec": {"nodeName": "node-1"}, **rest}


def cluster() -> Object:
    """The EurekaCluster."""
    return {
        "apiVersion": "eurekube.io/v1alpha1",
        "kind": "EurekaCluster",
        "metadata": {"namespace": "prod", "name": "eureka", "uid": "uid-of-eureka"},
    }


def instance(number: int = 1) -> Instance:
    """What `World.register` registers, as it is read."""
    return Instance(
        app="ORDERS",
        id=f"orders-{number}.shop:orders:8080",
        pod_uid=f"uid-{number}",
        pod=f"orders-{number}",
        namespace="shop",
        cluster_uid=CLUSTER_UID,
        status="UP",
    )
