"""Another region's registry, fetched as the Java server does it (`RemoteRegionRegistry`).

All of it at first, then its delta; all of it again when the delta is refused, cannot be read, leads
to another hash than the region's, or may have forgotten changes since the last fetch. Whatever goes
wrong, what we hold stays, the problem is logged once and shown, and the next try comes.

We ask for the region's own instances only, by naming a region that nobody has: a server that itself
mirrors our region would else give us our own back, and the departed among them for ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import aiohttp
import msgspec

from eureka_registry.core.mirror import Mirror
from eureka_registry.core.model import Instance
from eureka_registry.core.pace import Congested, Refused, Unreachable
from eureka_registry.peers.client import Answer, Limits, Node, PeerClient
from eureka_registry.peers.pause import pause
from eureka_registry.wire.documents import BadDocument, Envelope
from eureka_registry.wire.jsoncodec import decode_applications

_log = logging.getLogger(__name__)

AGENT: Final = "Java-EurekaClient-RemoteRegion"
"""The `User-Agent` by which Java knows this kind of client."""

OWN_ONLY: Final = {"regions": "none"}
"""Servers ignore names of regions they do not know (`docs/protocol/regions.md#other-regions`)."""

TRUSTED_MS: Final = 150_000
"""After so long a pause a delta, which holds 180 s, may be short of a change that no hash shows."""

FIRST_PAUSE_S: Final = 1.0
"""The pause after a first failure; it doubles with each further one, up to the interval."""


class Bounds(msgspec.Struct, frozen=True):
    """Seconds between two fetches, and the most instances taken from one region."""

    interval_s: float = 30.0
    max_instances: int = 100_000


class RegionClient(PeerClient):
    """A peer client whose requests say that they come from another region."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, node: Node, limits: Limits
    ) -> None:
        super().__init__(session, url, node, limits)
        self._headers = self._headers | {"User-Agent": AGENT}


class Region:
    """Another region, our mirror of it, and the state of its fetches.

    `fetched_ms` is the moment of the last good fetch, `None` before the first. `problem` says in
    words what is wrong now. `full_fetches` and `delta_fetches` count the good ones.
    """

    def __init__(
        self,
        name: str,
        client: RegionClient,
        mirror: Mirror,
        bounds: Bounds,
        now_ms: Callable[[], int],
    ) -> None:
        self.name = name
        self.client = client
        self.mirror = mirror
        self.fetched_ms: int | None = None
        self.problem: str | None = None
        self.full_fetches = 0
        self.delta_fetches = 0
        self.bounds = bounds
        self._now_ms = now_ms

    async def run(self) -> None:
        """Fetch at once and every interval, for ever; sooner after the first failures."""
        pause_s = FIRST_PAUSE_S
        while True:
            if await self.fetch():
                pause_s = FIRST_PAUSE_S
                await pause(lambda: self.bounds.interval_s)
                continue
            await asyncio.sleep(min(pause_s, self.bounds.interval_s))
            pause_s = min(2 * pause_s, self.bounds.interval_s)

    def request_full_fetch(self, client: RegionClient | None = None) -> None:
        """Fetch everything in the next round, with another client if one is given.

        The present instances stay until then.
        """
        self.client = client or self.client
        self.fetched_ms = None

    async def fetch(self) -> bool:
        """Bring the mirror up to date once; false if nothing usable came, and `problem` says why.

        A usable list with a fault counts as fetched, and is also a problem.
        """
        good = self.full_fetches + self.delta_fetches
        problem = await self._fetch()
        if problem != self.problem:
            self.problem = problem
            if problem is None:
                _log.info("region is well region=%s instances=%d", self.name, self.mirror.size)
            else:
                _log.warning("region has a problem region=%s problem=%s", self.name, problem)
        return self.full_fetches + self.delta_fetches > good

    async def _fetch(self) -> str | None:
        """Do one round; returns `None`, or what was wrong."""
        if self._delta_will_do():
            answer = await self.client.get("apps/delta", OWN_ONLY)
            problem = _silence(answer)
            if problem is not None:
                return problem
            if await self._take_delta(answer):
                return None
        answer = await self.client.get("apps/", OWN_ONLY)
        problem = _silence(answer) or self._refusal(answer)
        return problem or await self._take_full(answer)

    def _delta_will_do(self) -> bool:
        if self.fetched_ms is None:
            return False
        return self._now_ms() - self.fetched_ms < TRUSTED_MS

    async def _take_delta(self, answer: Answer) -> bool:
        """Fetch and apply the delta; returns whether the result has the region's hash."""
        read = await self._read(answer)
        if isinstance(read, str) or read.problems:
            return False
        changes = _instances(read)
        if self.mirror.known + len(changes) > self.bounds.max_instances:
            return False  # what is too much, a full fetch tells exactly
        if not self.mirror.apply(changes, read.hashcode, self._now_ms()):
            return False
        self.fetched_ms = self._now_ms()
        self.delta_fetches += 1
        return True

    async def _take_full(self, answer: Answer) -> str | None:
        read = await self._read(answer)
        if isinstance(read, str):
            return read
        instances = _instances(read)
        if len(instances) > self.bounds.max_instances:
            return f"has {len(instances)} instances, more than {self.bounds.max_instances}"
        self.mirror.replace(instances, self._now_ms())
        self.fetched_ms = self._now_ms()
        self.full_fetches += 1
        return _fault(read, self.mirror.hashcode())

    def _refusal(self, answer: Answer) -> str | None:
        if isinstance(answer.outcome, Refused):
            return f"answered {answer.outcome.status}"
        return "its URL leads to this peer itself" if answer.is_self else None

    async def _read(self, answer: Answer) -> Envelope | str:
        """The list of an answer, or in words why there is none."""
        if answer.body is None:
            return "gave no list"
        try:
            # A large region takes a good part of a second to read.
            return await asyncio.to_thread(decode_applications, answer.body, self._now_ms())
        except BadDocument as error:
            return f"list not readable: {error}"


def _silence(answer: Answer) -> str | None:
    """Why a region did not answer; if set, further requests are useless."""
    if isinstance(answer.outcome, Unreachable | Congested):
        return answer.outcome.reason
    return None


def _instances(read: Envelope) -> list[Instance]:
    return [instance for _, instances in read.applications for instance in instances]


def _fault(read: Envelope, own_hash: str) -> str | None:
    if read.problems:
        return f"{len(read.problems)} instances not readable, such as {read.problems[0]}"
    if read.hashcode != own_hash:
        return f"says its hash is {read.hashcode!r:.80}, but what it lists comes to {own_hash!r}"
    return None
