"""The leader's loop that removes leases of pods that are gone, and carries out pauses.

It looks every two seconds, and at once when a pod changes. A turn in which nothing has changed
costs one request for each EurekaCluster, answered with 304.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from eureka_operator.core.injection.status import INJECTED_LABEL
from eureka_operator.core.kinds import NAMESPACE, NODE, POD, SECRET
from eureka_operator.core.names import CLUSTER_LABEL
from eureka_operator.core.pausing import ClusterName
from eureka_operator.core.pods import (
    Node,
    Pod,
    read_node,
    read_peer,
    read_pod,
)
from eureka_operator.core.reaping import ClusterState, missing_nodes
from eureka_operator.shell.client import ApiError, Client
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.metrics import Metrics
from eureka_operator.shell.mirror import Mirror, objects_of
from eureka_operator.shell.pausing import Pauser
from eureka_operator.shell.reaping import Reaper
from eureka_operator.shell.registries import Reading, Registries
from eureka_operator.shell.registry import Connections, session
from eureka_operator.shell.ways import PeerSecurities, Scope

PERIOD_S: Final = 2.0
"""How often registries are looked at when no pod changes."""

_LEAST_PAUSE_S: Final = 0.2
_MOST_PAUSE_S: Final = 2.0
_REST: Final = 4.0
"""Between two turns so many times the duration of one passes, at most two seconds: a large registry
that changes all the time is read less often, and the operator does other work besides."""
_AGAIN_S: Final = 30.0
_SYSTEM: Final = "kube-system"

_log = logging.getLogger(__name__)

T = TypeVar("T")


class PodTruth:
    """Keeps registries in step with pods, nodes and peers as watches show them.

    `may_act` says whether we still lead. `tell_pods` is called after each change of a pod with a
    sidecar.
    """

    def __init__(
        self,
        kube: Kube,
        metrics: Metrics,
        scope: Scope,
        may_act: Callable[[], bool],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        tell_pods: Callable[[], None] = lambda: None,
    ) -> None:
        self._changed = asyncio.Event()
        self._tell_pods = tell_pods
        tell = self._changed.set
        everywhere = scope.namespaces or (None,)
        self._pods = [
            Mirror(POD, read_pod, each, labels=INJECTED_LABEL, tell=self._note_pod)
            for each in everywhere
        ]
        self._peers = [
            Mirror(POD, read_peer, each, labels=CLUSTER_LABEL, tell=tell) for each in everywhere
        ]
        # Nodes belong to no namespace: an operator of single namespaces may not read them.
        self._nodes = [] if scope.namespaces else [Mirror(NODE, read_node)]
        self._metrics = metrics
        self._namespaces = frozenset(scope.namespaces)
        self._securities = PeerSecurities(
            lambda namespace, name: kube.get(SECRET, namespace, name), scope.domain
        )
        self._now = now
        self._reaper = Reaper(kube, metrics, may_act)
        self._pauser = Pauser(kube, metrics, may_act)
        self._cluster = ClusterUid(kube)
        self._missing: dict[str, datetime] = {}

    @property
    def injected_pods(self) -> list[Pod]:
        """The pods that have a sidecar; empty while they are not all known."""
        return list(self.known_injected_pods or ())

    @property
    def known_injected_pods(self) -> list[Pod] | None:
        """The same; `None` while they are not all known."""
        return _all(self._pods)

    async def run(self, client: Client) -> None:
        """Run for as long as this replica leads; watches use `client`."""
        async with session() as over, asyncio.TaskGroup() as group:
            registries = Registries(Connections(over, self._securities), self._metrics)
            mirrors: list[Mirror[Any]] = [*self._pods, *self._peers, *self._nodes]
            for mirror in mirrors:
                group.create_task(mirror.follow(client))
            while True:
                self._changed.clear()
                await self._run_turn(registries)
                with suppress(TimeoutError):
                    async with asyncio.timeout(PERIOD_S):
                        await self._changed.wait()

    async def turn(self, registries: Registries) -> None:
        """Look at everything once, and do what is due."""
        peers = _all(self._peers)
        if peers is None:
            return
        readings = await registries.read(peer for peer in peers if peer is not None)
        pods = _all(self._pods)
        if pods is None or not readings:
            return
        await self._pauser.pause(pods, readings)
        await self._reap(pods, readings)

    def _note_pod(self) -> None:
        self._changed.set()
        self._tell_pods()

    async def _run_turn(self, registries: Registries) -> None:
        start_s = time.monotonic()
        try:
            await self.turn(registries)
        except Exception as error:  # noqa: BLE001 - a fault in one turn stops no other work
            _log.exception("leases and pods were not compared: %s", error)
        rest_s = _REST * (time.monotonic() - start_s)
        await asyncio.sleep(min(max(rest_s, _LEAST_PAUSE_S), _MOST_PAUSE_S))

    async def _reap(self, pods: list[Pod], readings: Mapping[ClusterName, Reading]) -> None:
        nodes = _by_name(self._nodes) if self._nodes else None
        now = self._now()
        self._missing = missing_nodes(self._missing, pods, nodes, now)
        known = ClusterState(
            now=now,
            cluster_uid=await self._cluster.uid(),
            pods={pod.uid: pod for pod in pods},
            nodes=nodes,
            missing=self._missing,
            namespaces=self._namespaces,
        )
        await self._reaper.reap(readings, known)


class ClusterUid:
    """The uid of this Kubernetes, which the injector writes into what pods register."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._uid = ""
        self._next_s = 0.0

    async def uid(self) -> str:
        """The uid; empty while it cannot be read, and then no lease is removed."""
        if self._uid or time.monotonic() < self._next_s:
            return self._uid
        try:
            found = await self._kube.get(NAMESPACE, "", _SYSTEM)
        except ApiError as error:
            self._next_s = time.monotonic() + _AGAIN_S
            message = (
                "the namespace %s cannot be read, so no lease of a pod that is gone is removed: %s"
            )
            _log.warning(message, _SYSTEM, error)
        else:
            self._uid = "" if found is None else str(found["metadata"]["uid"])
        return self._uid


def _all(mirrors: list[Mirror[T]]) -> list[T] | None:
    """What all of them show; `None` while one of them is not as the API server has it."""
    found = objects_of(mirrors)
    return None if found is None else list(found.values())


def _by_name(mirrors: list[Mirror[Node]]) -> dict[str, Node] | None:
    """The nodes; `None` while they are not all known."""
    found = _all(mirrors)
    return None if found is None else {node.name: node for node in found}
