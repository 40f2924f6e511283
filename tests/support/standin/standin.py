"""A kubelet without containers, for clusters without nodes: pods run as far as anybody can see.

Rules:

* It takes the pods that have the label `eurekube.io/cluster`; all others stay `Pending`.
* Each has an address of its own in the cluster's network, at which its management port answers
  `/peers`: it agrees with its peers, at the generation and hash of its cluster's ConfigMap.
* A pod is ready once it is listed in `peers.json`, as a peer that has copied the registry is.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Final

from cluster import namespaces, network, places
from cluster.plan import CONTROL, Plan

from .client import UNANSWERED, Client, Key
from .documents import NODE, Situation
from .kubelet import NETWORK, Kubelet

_START_S: Final = 30.0
_ROUTE: Final = f"local {NETWORK} dev lo"


class StandIn:
    """The one kubelet of a cluster without nodes; it works while its block lasts.

    What reaches its pods must run in the cluster's network (`places.inside`).
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._situations: dict[Key, Situation] = {}
        self._up: Future[tuple[asyncio.AbstractEventLoop, Kubelet, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=self._run, name="stand-in", daemon=True)

    def __enter__(self) -> StandIn:
        """Start it; its node is there afterwards.

        Raises:
            ClusterError: the cluster is gone.
            TimeoutError: it does not start within 30 s.
        """
        self._network(f"route replace {_ROUTE}")
        self._thread.start()
        self._up.result(_START_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Delete its node; the pod garbage collector takes what ran there."""
        loop, _, over = self._up.result()
        loop.call_soon_threadsafe(over.set)
        self._thread.join()
        self._network(f"route del {_ROUTE}")

    @contextmanager
    def situation(self, namespace: str, pod: str, what: Situation) -> Iterator[None]:
        """Let a pod of this name, now or later, play a situation while the block lasts."""
        self._situations[namespace, pod] = what
        self._look()
        try:
            yield
        finally:
            del self._situations[namespace, pod]
            self._look()

    def _look(self) -> None:
        loop, kubelet, _ = self._up.result()
        loop.call_soon_threadsafe(kubelet.look)

    def _network(self, line: str) -> None:
        network.ip_batch(places.lifeline(self._plan, CONTROL).pid, [line])

    def _run(self) -> None:
        """The thread: it alone is in the cluster's network."""
        try:
            pid = places.lifeline(self._plan, CONTROL).pid
            namespaces.join_network(f"/proc/{pid}/ns/net")
            asyncio.run(self._serve())
        except BaseException as error:
            if self._up.done():
                raise
            self._up.set_exception(error)

    async def _serve(self) -> None:
        up, over = asyncio.Event(), asyncio.Event()
        async with Client(self._plan.kubeconfig_inside) as client:
            kubelet = Kubelet(client, self._situations)
            async with asyncio.TaskGroup() as tasks:
                work = tasks.create_task(kubelet.run(up))
                await up.wait()
                self._up.set_result((asyncio.get_running_loop(), kubelet, over))
                await over.wait()
                work.cancel()
            with suppress(*UNANSWERED):
                await client.request("DELETE", f"/api/v1/nodes/{NODE}")
