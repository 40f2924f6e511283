"""Leases of instances that the operator itself registers and renews.

Each is a state machine of the sidecar (`eureka_sidecar.core.lease`), whose one server is whichever
ready peer of its EurekaCluster answers: a peer that does not is passed over for a moment, and the
next one gets the same request. Renewals are spread over their interval by the machine itself.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from eureka_operator.core.pausing import ClusterName
from eureka_operator.core.pods import Peer
from eureka_operator.core.registrations.held import (
    RegisteredInstance,
    registered_content,
    removable_instance,
)
from eureka_operator.core.registrations.wanted import DesiredInstance, Key
from eureka_operator.shell.metrics import Metrics
from eureka_operator.shell.registry import Connections, RegistryError
from eureka_sidecar.core.configuration import Instance
from eureka_sidecar.core.document import Content
from eureka_sidecar.core.lease import Lease
from eureka_sidecar.core.metrics import Counters
from eureka_sidecar.core.operations import Answer, Operation, Outcome, Request, outcome

_PASS_OVER_MS: Final = 5_000
_LEAST_PASS_OVER_MS: Final = 1_000
"""If there is no other peer: one late answer does not mean that it is gone."""
_ATTEMPTS: Final = 2
"""Peers that one request is tried at."""
_MOST_AT_ONCE: Final = 16
_WAIT_FOR_PEER_MS: Final = 1_000
_PATHS: Final = ("/eureka/",)
_QUIET: Final = (Operation.RENEW, Operation.VERIFY)

_log = logging.getLogger(__name__)


class Entry:
    """A lease: its cluster, its registration (uid), and the instance that is wanted now.

    `wanted` is `None` for a lease that has to be removed.
    """

    def __init__(
        self, cluster: ClusterName, lease: Lease, owner: str, wanted: DesiredInstance | None
    ) -> None:
        self.cluster = cluster
        self.key = Key(lease.instance.app, lease.instance.id)
        self.lease = lease
        self.owner = owner
        self.wanted = wanted
        self.closed_ms: int | None = None
        self.wake_ms: int | None = None


class Leases:
    """All leases, over one session; `may_act` says whether we still lead.

    `on_change` is called when a registry has taken a change, or has refused one.
    """

    def __init__(
        self,
        connections: Connections,
        metrics: Metrics,
        may_act: Callable[[], bool],
        on_change: Callable[[], None],
        now_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
    ) -> None:
        self._connections = connections
        self._metrics = metrics
        self._may_act = may_act
        self._on_change = on_change
        self._now_ms = now_ms
        self._counters = Counters()
        self._entries: dict[ClusterName, dict[Key, Entry]] = defaultdict(dict)
        self._peers: dict[ClusterName, list[Peer]] = {}
        self._failed_ms: dict[Peer, int] = {}
        self._heap: list[tuple[int, int, Entry]] = []
        self._order = itertools.count()
        self._wake_event = asyncio.Event()
        self._slots = asyncio.Semaphore(_MOST_AT_ONCE)

    def __iter__(self) -> Iterator[Entry]:
        """All leases, in no order."""
        return (entry for each in self._entries.values() for entry in each.values())

    def of(self, cluster: ClusterName) -> dict[Key, Entry]:
        """The leases of a cluster."""
        return self._entries[cluster]

    def set_peers(self, peers: Iterable[Peer]) -> None:
        """Set which peers are ready."""
        found: dict[ClusterName, list[Peer]] = defaultdict(list)
        for each in sorted(peers, key=lambda peer: peer.name):
            found[ClusterName(each.namespace, each.cluster)].append(each)
        self._peers = dict(found)
        since_ms = self._now_ms() - _PASS_OVER_MS
        self._failed_ms = {peer: at for peer, at in self._failed_ms.items() if at > since_ms}

    @property
    def clusters(self) -> set[ClusterName]:
        """The clusters that have a ready peer or a lease."""
        return self._peers.keys() | {name for name, each in self._entries.items() if each}

    async def full_list(self, cluster: ClusterName, tag: str) -> tuple[str, bytes] | None:
        """What a peer holds, and its tag (`Registry.full_list`).

        Raises:
            RegistryError: No peer answers.
        """
        peers = self._available_peers(cluster)
        if not peers:
            raise RegistryError("no peer answers")
        try:
            registry = await self._connections.to(peers[0])
            return await registry.full_list(tag)
        except RegistryError:
            self._pass_over(peers[0])
            raise

    def want(
        self,
        cluster: ClusterName,
        owner: str,
        wanted: DesiredInstance,
        former: RegisteredInstance | None = None,
    ) -> None:
        """Register an instance as it is wanted, or change it.

        Args:
            cluster: the EurekaCluster.
            owner: uid of the registration.
            wanted: the instance.
            former: the instance that a former leader registered, if it was read just now.
        """
        entry = self._entries[cluster].get(wanted.key)
        if entry is None:
            self._begin(cluster, owner, wanted, former)
            return
        if entry.closed_ms is not None:
            return  # it is wanted again; once it is removed it begins anew
        entry.owner = owner
        if entry.wanted is not None and entry.wanted.instance != wanted.instance:
            self._begin(cluster, owner, wanted, None)
        elif entry.wanted is not wanted:
            entry.wanted = wanted
            entry.lease.set_content(wanted.content)
            self._schedule(entry)

    def remove(self, entry: Entry) -> None:
        """Remove a lease from its registry, and then from here."""
        if entry.closed_ms is None:
            entry.closed_ms = self._now_ms()
            entry.wanted = None
            entry.lease.close(entry.closed_ms)
            self._schedule(entry)

    def remove_registered(self, cluster: ClusterName, instance: RegisteredInstance) -> None:
        """Remove an instance that a registry holds and that is not known here."""
        lease = self._lease(removable_instance(instance), Content(instance.status))
        lease.adopt(Content(instance.status), instance.dirty_ms, self._now_ms())
        entry = Entry(cluster, lease, instance.registration_uid, None)
        self._entries[cluster][instance.key] = entry
        self.remove(entry)

    async def run(self) -> None:
        """Send what is due, for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._next_due()
                entry = self._take()
                if entry is not None:
                    await self._slots.acquire()
                    group.create_task(self._exchange(entry))

    def _begin(
        self,
        cluster: ClusterName,
        owner: str,
        wanted: DesiredInstance,
        former: RegisteredInstance | None,
    ) -> None:
        lease = self._lease(wanted.instance, wanted.content)
        if former is not None:
            lease.adopt(registered_content(former, wanted), former.dirty_ms, self._now_ms())
        entry = Entry(cluster, lease, owner, wanted)
        self._entries[cluster][wanted.key] = entry
        self._schedule(entry)

    def _lease(self, instance: Instance, content: Content) -> Lease:
        return Lease(instance, _PATHS, content, random.random, self._counters)

    def _schedule(self, entry: Entry, least_ms: int = 0) -> None:
        wake_ms = entry.lease.wake_ms(self._now_ms())
        if wake_ms is None:
            entry.wake_ms = None
            return
        entry.wake_ms = max(wake_ms, least_ms)
        heapq.heappush(self._heap, (entry.wake_ms, next(self._order), entry))
        self._wake_event.set()

    async def _next_due(self) -> None:
        """Return when the first lease of the heap is due."""
        while True:
            self._wake_event.clear()
            wait_s = None
            if self._heap:
                wait_s = (self._heap[0][0] - self._now_ms()) / 1_000
                if wait_s <= 0:
                    return
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake_event.wait()
            except TimeoutError:
                return

    def _take(self) -> Entry | None:
        """The first lease of the heap; `None` if its time has changed."""
        at_ms, _, entry = heapq.heappop(self._heap)
        if entry.wake_ms != at_ms or self._entries[entry.cluster].get(entry.key) is not entry:
            return None
        entry.wake_ms = None
        return entry

    async def _exchange(self, entry: Entry) -> None:
        """Send the request of a lease, and give it the answer."""
        try:
            await self._ask(entry)
        except Exception as error:  # noqa: BLE001 - one odd lease stops no other
            _log.exception("%s in EurekaCluster %s: %s", entry.key, entry.cluster, error)
            self._schedule(entry, self._now_ms() + _WAIT_FOR_PEER_MS)
        finally:
            self._slots.release()

    async def _ask(self, entry: Entry) -> None:
        lease = entry.lease
        if not self._may_act():
            return
        if not self._available_peers(entry.cluster):
            if self._is_over(entry):
                self._drop(entry)
            else:
                self._schedule(entry, self._now_ms() + _WAIT_FOR_PEER_MS)
            return
        request = lease.next_request(self._now_ms(), time.time_ns() // 1_000_000)
        if request is None:
            self._schedule(entry)
            return
        answer = await self._answer(entry.cluster, request)
        result = outcome(request.operation, answer)
        self._metrics.registration_request(request.operation.value, result.value)
        lease.receive(answer, self._now_ms())
        for each in lease.take_events():
            _log.debug("%s in EurekaCluster %s: %s", entry.key, entry.cluster, each)
        if lease.finished or self._is_over(entry):
            self._drop(entry)
        else:
            self._schedule(entry)
        if request.operation not in _QUIET or result is not Outcome.DONE:
            self._on_change()

    def _is_over(self, entry: Entry) -> bool:
        """Whether a lease that is to be removed has ended by itself meanwhile."""
        lasts_ms = entry.lease.instance.duration_s * 1_000
        return entry.closed_ms is not None and self._now_ms() > entry.closed_ms + lasts_ms

    def _drop(self, entry: Entry) -> None:
        if self._entries[entry.cluster].get(entry.key) is entry:
            del self._entries[entry.cluster][entry.key]
        self._on_change()

    async def _answer(self, cluster: ClusterName, request: Request) -> Answer:
        answer = Answer(0, reason="no peer answers", sent=False)
        for peer in self._available_peers(cluster)[:_ATTEMPTS]:
            answer = await self._exchange_with(peer, request)
            if outcome(request.operation, answer) is not Outcome.FAILED:
                break
            self._pass_over(peer)
        return answer

    async def _exchange_with(self, peer: Peer, request: Request) -> Answer:
        try:
            registry = await self._connections.to(peer)
        except RegistryError as error:
            return Answer(0, reason=str(error), sent=False)
        return await registry.exchange(request)

    def _pass_over(self, peer: Peer) -> None:
        self._failed_ms[peer] = self._now_ms()

    def _available_peers(self, cluster: ClusterName) -> list[Peer]:
        """Peers that have not failed just now."""
        peers = self._peers.get(cluster, ())
        return self._without_failure(peers, _PASS_OVER_MS) or self._without_failure(
            peers, _LEAST_PASS_OVER_MS
        )

    def _without_failure(self, peers: Iterable[Peer], least_ms: int) -> list[Peer]:
        """Those whose last failure is so long ago, or that had none."""
        since_ms = self._now_ms() - least_ms
        return [each for each in peers if self._failed_ms.get(each, since_ms) <= since_ms]
