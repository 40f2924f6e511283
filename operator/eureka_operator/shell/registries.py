"""Reads what the registries of all EurekaClusters hold, each from one of its peers.

A peer is kept for as long as it is ready and answers: what was changed there is seen there at once,
and its tags spare reading a list anew that has not changed. One that does not answer is passed over
for a while: what is read of other clusters must not wait for it time and again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from eureka_operator.core.pausing import ClusterName
from eureka_operator.core.pods import Peer
from eureka_operator.shell.metrics import Metrics
from eureka_operator.shell.registry import Connections, Listing, Registry, RegistryError

_PASS_OVER_S: Final = 30.0
"""So long a peer that did not answer is not asked again; another one of its cluster is."""

_log = logging.getLogger(__name__)


class Reading(NamedTuple):
    """A registry, and its instances a moment ago."""

    registry: Registry
    listing: Listing


class Registries:
    """Reads registries over one session; remembers lists that have not changed."""

    def __init__(
        self,
        connections: Connections,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connections = connections
        self._metrics = metrics
        self._clock = clock
        self._skipped: dict[Peer, float] = {}
        self._peers: dict[ClusterName, Peer] = {}
        self._listings: dict[ClusterName, Listing] = {}
        self._problems: dict[ClusterName, str] = {}

    async def read(self, peers: Iterable[Peer]) -> dict[ClusterName, Reading]:
        """The instances of each cluster's registry, without clusters whose peer does not answer.

        Args:
            peers: the peers of all clusters that are ready.
        """
        there = list(peers)
        now_s = self._clock()
        self._skipped = {peer: end_s for peer, end_s in self._skipped.items() if end_s > now_s}
        answering = [peer for peer in there if peer not in self._skipped]
        self._peers = _select_peers(answering, self._peers)
        clusters = {_name(peer) for peer in there}
        for memory in (self._listings, self._problems):
            for gone in memory.keys() - clusters:
                del memory[gone]
        found = await asyncio.gather(*(self._read(*each) for each in self._peers.items()))
        return {name: each for name, each in zip(self._peers, found, strict=True) if each}

    async def _read(self, name: ClusterName, peer: Peer) -> Reading | None:
        before = self._listings.get(name)
        try:
            registry = await self._connections.to(peer)
            listing = await registry.instances(before)
        except RegistryError as error:
            self._metrics.count_registry_read("failed")
            self._skipped[peer] = self._clock() + _PASS_OVER_S
            self._note(name, str(error))
            return None
        self._metrics.count_registry_read("unchanged" if listing is before else "read")
        if self._problems.pop(name, None):
            _log.info("%s: its registry can be read again", name)
        self._listings[name] = listing
        return Reading(registry, listing)

    def _note(self, name: ClusterName, problem: str) -> None:
        """Log a problem when it begins."""
        if name not in self._problems:
            _log.warning(
                "%s: leases of pods that are gone are not removed, and pods not paused: %s; does a"
                " NetworkPolicy keep the operator from the registry's port?",
                name,
                problem,
            )
        self._problems[name] = problem


def _select_peers(
    peers: Iterable[Peer], before: dict[ClusterName, Peer]
) -> dict[ClusterName, Peer]:
    """One peer of each cluster: the former one, else the first by name."""
    found: dict[ClusterName, Peer] = {}
    for peer in sorted(peers, key=lambda each: each.name):
        name = _name(peer)
        if name not in found or peer == before.get(name):
            found[name] = peer
    return found


def _name(peer: Peer) -> ClusterName:
    return ClusterName(peer.namespace, peer.cluster)
