"""The stand-in's own work: pods are bound, started, made ready and finished; peers answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Final

from aiohttp import web

from . import documents
from .client import MERGE, UNANSWERED, Client, Key, Object, RefusedError, Watched
from .documents import CLUSTER_LABEL, NODE, Config, Pod, Situation, Step

FIRST_ADDRESS: Final = IPv4Address("10.250.0.1")
NETWORK: Final = "10.250.0.0/16"
"""No loopback addresses: an EndpointSlice with one is refused."""
PORT: Final = 8763
_LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_HEARTBEAT_S: Final = 5.0
_ENDING_S: Final = 0.5
"""From a pod's deletion to its end."""
_RETRY_S: Final = 0.3
_FAREWELL_S: Final = 0.1
"""Longer than nothing, which aiohttp takes for endless."""


class Kubelet:
    """One node without containers; `run` it in the cluster's network."""

    def __init__(self, client: Client, situations: dict[Key, Situation]) -> None:
        self.situations = situations
        """By namespace and name of the pod; call `look` after a change."""
        self._client = client
        self._due = asyncio.Event()
        self._pods = Watched(client, "/api/v1/pods", CLUSTER_LABEL, self.look)
        self._configs = Watched(client, "/api/v1/configmaps", CLUSTER_LABEL, self.look)
        self._addresses: dict[str, str] = {}
        self._busy: set[str] = set()
        """The pods that a step is taken for, by uid."""

    def look(self) -> None:
        """Look soon whether a pod needs anything."""
        self._due.set()

    async def run(self, up: asyncio.Event) -> None:
        """Be a node until cancelled; sets `up` once pods are looked after.

        Raises:
            RefusedError: the API server wants no such node.
            OSError: the peers' port is taken.
        """
        await self._register()
        async with _serving(self._answer), asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pods.run())
            tasks.create_task(self._configs.run())
            tasks.create_task(self._beat())
            await self._pods.listed.wait()
            await self._configs.listed.wait()
            up.set()
            await self._look_after_pods(tasks)

    async def _register(self) -> None:
        for path, document in (("/api/v1/nodes", documents.node()), (_LEASES, _lease())):
            with contextlib.suppress(RefusedError):  # there already
                await self._client.request("POST", path, document)
        status = documents.node_status(_now())
        await self._client.request("PATCH", f"/api/v1/nodes/{NODE}/status", status, MERGE)

    async def _beat(self) -> None:
        """Renew the node's Lease, or its pods would be evicted."""
        while True:
            await asyncio.sleep(_HEARTBEAT_S)
            with contextlib.suppress(*UNANSWERED):
                await self._client.request("PATCH", f"{_LEASES}/{NODE}", _lease(), MERGE)

    async def _look_after_pods(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            for document in self._pods.objects.values():
                pod = documents.pod(document)
                known = self._config(pod)
                step = documents.next_step(pod, known, self.situations.get(pod.key))
                if step is not None and pod.uid not in self._busy:
                    self._busy.add(pod.uid)
                    tasks.create_task(self._take(step, pod, document))

    async def _take(self, step: Step, pod: Pod, document: Object) -> None:
        """Take one step; what fails is tried again."""
        try:
            await self._done(step, pod, document)
        except UNANSWERED:
            await asyncio.sleep(_RETRY_S)
        finally:
            self._busy.discard(pod.uid)
            self.look()

    async def _done(self, step: Step, pod: Pod, document: Object) -> None:
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"
        if step is Step.BIND:
            await self._client.request("POST", f"{path}/binding", documents.binding(pod))
            document["spec"]["nodeName"] = NODE  # the watch says so a moment later
            return
        if step is Step.FINISH:
            await asyncio.sleep(_ENDING_S)
            at_once = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod.uid}}
            await self._client.request("DELETE", path, at_once)
            return
        address = pod.address or self._address(pod)
        status = documents.pod_status(document, address, _now(), ready=step is Step.BECOME_READY)
        self._pods.take(await self._client.request("PATCH", f"{path}/status", status, MERGE))

    def _address(self, pod: Pod) -> str:
        """One of its own that no pod had before."""
        if pod.uid not in self._addresses:
            used = {*self._addresses.values(), *(each.address for each in self._running())}
            number = len(used)
            while str(FIRST_ADDRESS + number) in used:
                number += 1
            self._addresses[pod.uid] = str(FIRST_ADDRESS + number)
        return self._addresses[pod.uid]

    def _running(self) -> Iterator[Pod]:
        pods = map(documents.pod, self._pods.objects.values())
        return (pod for pod in pods if pod.runs)

    def _config(self, pod: Pod) -> Config:
        """The configuration of a pod's cluster; an empty one if there is none."""
        for (namespace, _), document in self._configs.objects.items():
            cluster = document["metadata"]["labels"][CLUSTER_LABEL]
            if (namespace, cluster) == (pod.namespace, pod.cluster):
                found = documents.config(document)
                if found is not None:
                    return found
        return Config()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        """Answer for the pod whose address was dialled."""
        assert request.transport is not None
        address = request.transport.get_extra_info("sockname")[0]
        running = list(self._running())
        pod = next((each for each in running if each.address == address), None)
        if pod is None:
            request.transport.abort()
            return web.Response(status=404)
        if self.situations.get(pod.key) is Situation.UNREACHABLE:
            await asyncio.Event().wait()
        if request.path != "/peers":
            return web.Response(status=404)
        siblings = [
            each
            for each in running
            if (each.namespace, each.cluster) == (pod.namespace, pod.cluster)
        ]
        return web.json_response(
            documents.peers_page(pod, self._config(pod), siblings, self.situations)
        )


@contextlib.asynccontextmanager
async def _serving(
    answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
) -> AsyncIterator[None]:
    """Listen for all pods at once."""
    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=_FAREWELL_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, "0.0.0.0", PORT).start()
        yield
    finally:
        await runner.cleanup()


def _lease() -> Object:
    return documents.lease(_now(micro=True))


def _now(*, micro: bool = False) -> str:
    """RFC 3339: Kubernetes' `MicroTime` has fractions, its `Time` none."""
    now = datetime.now(UTC)
    return f"{now:%Y-%m-%dT%H:%M:%S.%f}Z" if micro else f"{now:%Y-%m-%dT%H:%M:%S}Z"
