"""The start: copies the registry from a peer, within a time limit.

All peers are asked at once, again and again, and nobody waits for a slow one. A ready one's copy is
complete, and so is a Java server's list. A peer that is itself starting gives what it has, perhaps
from a snapshot. We are done when

* a ready peer's copy was taken over, all its pages, or
* every peer is either starting like us, or is ourselves, or refuses connections for a second: then
  there is nothing to be had (two peers that start together do not wait for each other), or
* nothing has come for `timeout_s`: some peer neither answers nor refuses; or its copy cannot be
  read to its end, and then the start is not complete, and says so.

A copy that breaks off goes on where it was. What changed behind its cursor, and what is missing
after a start that was not complete, the comparison of digests brings.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from enum import Enum
from typing import Final, NamedTuple

import msgspec

from eureka_registry.core.limits import LONGEST_COPY
from eureka_registry.core.model import Instance, LeaseInfo
from eureka_registry.core.pace import Refused, Unreachable
from eureka_registry.core.pages import BEGIN, Cursor
from eureka_registry.core.registry import Registry
from eureka_registry.peers.copying import NotCopiedError, in_pieces, read_pages, take_over
from eureka_registry.peers.link import Link
from eureka_registry.peers.merge import merge
from eureka_registry.wire import jsoncodec
from eureka_registry.wire.documents import BadDocument

_log = logging.getLogger(__name__)

RETRY_S: Final = 0.2
REFUSED_GRACE_S: Final = 1.0
"""So long a refused connection may still be a peer whose process is just being started."""

_REFUSED: Final = "connection refused"
_NAMED: Final = 5
_STALLED_S: Final = 1.0


class PeerReport(Enum):
    """What a peer answered."""

    COPIED = "copied"
    STARTING = "starting"
    OURSELVES = "ourselves"
    ABSENT = "absent"
    SILENT = "silent"
    TOO_LARGE = "too large to be copied"


class Outcome(msgspec.Struct, frozen=True):
    """The result of the start: the copied peer (`None`: none), and how it ended, in words.

    It is not `complete` if some peer certainly holds instances that we lack.
    """

    source: str | None
    sentence: str
    complete: bool = True


async def copy_registry(
    links: Callable[[], Sequence[Link]],
    registry: Registry,
    timeout_s: float,
    most: int,
    now_ms: Callable[[], int],
) -> Outcome:
    """Fill `registry` from the peers; `links` gives the present ones.

    A copy of more than `most` instances fails.
    """
    copying = _CopyProgress(registry, most, now_ms)
    survey = _Survey(copying.ask)
    began = asyncio.get_running_loop().time()
    try:
        while True:
            asked = list(links())
            reports = await survey.ask(asked)
            for link, report in zip(asked, reports, strict=True):
                if report is PeerReport.COPIED:
                    return Outcome(link.name, f"copied {registry.size} instances from {link.name}")
            if _no_peer_has_copy(reports, asyncio.get_running_loop().time() - began):
                return Outcome(None, _describe(asked, reports))
            if copying.is_stuck(began, timeout_s):
                words = f"gave up after {timeout_s:g} s: {_describe(asked, reports)}"
                return Outcome(None, words, complete=not copying.lacks(reports))
            await asyncio.sleep(RETRY_S)
    finally:
        await survey.end()


class _Survey:
    """The last answer of each peer.

    A peer that does not answer delays neither the others nor us.
    """

    def __init__(self, ask: Callable[[Link], Coroutine[None, None, PeerReport]]) -> None:
        self._ask = ask
        self._asking: dict[Link, asyncio.Task[PeerReport]] = {}
        self._heard: dict[Link, PeerReport] = {}

    async def ask(self, links: Sequence[Link]) -> list[PeerReport]:
        """Ask all peers that are not being asked already; wait a moment for their answers."""
        for link in links:
            if link not in self._asking:
                self._asking[link] = asyncio.create_task(self._ask(link))
        if self._asking:
            await asyncio.wait(self._asking.values(), timeout=RETRY_S)
        for link in [link for link, task in self._asking.items() if task.done()]:
            self._heard[link] = self._asking.pop(link).result()
        return [self._heard.get(link, PeerReport.SILENT) for link in links]

    async def end(self) -> None:
        """Cancel the requests that are still open."""
        for task in self._asking.values():
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)


def _no_peer_has_copy(reports: Sequence[PeerReport], waited_s: float) -> bool:
    gone = {PeerReport.STARTING, PeerReport.OURSELVES}
    if waited_s >= REFUSED_GRACE_S:
        gone.add(PeerReport.ABSENT)
    return all(report in gone for report in reports)


def _describe(links: Sequence[Link], reports: Sequence[PeerReport]) -> str:
    if not links:
        return "there are no peers"
    return ", ".join(
        f"{link.name} is {report.value}" for link, report in zip(links, reports, strict=True)
    )


class _Place(NamedTuple):
    """How far a copy has come: of which process, after which lease, and whether it was ready."""

    node: str | None
    after: Cursor
    ready: bool


_BEGIN: Final = _Place(None, BEGIN, ready=True)


class _CopyProgress:
    """The copies under way: how far each has come, and when one made progress last."""

    def __init__(self, registry: Registry, most: int, now_ms: Callable[[], int]) -> None:
        self._registry = registry
        self._most = most
        self._now_ms = now_ms
        self._reached: dict[Link, _Place] = {}
        self._said: dict[Link, str] = {}
        self._too_large: set[Link] = set()
        self._moved_s = 0.0
        self._leader: Link | None = None

    def is_stuck(self, began_s: float, timeout_s: float) -> bool:
        """Whether there was no progress for a while, or the copy takes far too long."""
        now_s = asyncio.get_running_loop().time()
        idle_s = now_s - max(began_s, self._moved_s)
        return idle_s > timeout_s or now_s - began_s > LONGEST_COPY * timeout_s

    def lacks(self, reports: Sequence[PeerReport]) -> bool:
        """Whether there is a copy that was not read to its end."""
        return bool(self._reached) or PeerReport.TOO_LARGE in reports

    async def ask(self, link: Link) -> PeerReport:
        """Copy from one peer, from where the last try ended at that process."""
        if link.sender.is_self:
            return PeerReport.OURSELVES
        if link in self._too_large:
            return PeerReport.TOO_LARGE
        try:
            return await self._copy(link)
        except NotCopiedError as error:
            return await self._without_copy(link, error)
        finally:
            if self._leader is link:
                self._leader = None

    async def _copy(self, link: Link) -> PeerReport:
        """Go on where the last try ended, if that process is still running."""
        place = self._reached.pop(link, _BEGIN)
        if place.node != link.client.seen.current:
            place = _BEGIN
        ready = place.ready
        async for page in read_pages(link.client, self._most, after=place.after):
            await take_over(self._registry, page, link.name, self._now_ms)
            ready = ready and page.stage == "ready"  # what was not ready may have lacked something
            if page.next is not None:
                self._reached[link] = _Place(page.node, page.next, ready)
                self._moved_s = asyncio.get_running_loop().time()
                await self._wait_for_turn(link)
        self._reached.pop(link, None)
        return PeerReport.COPIED if ready else PeerReport.STARTING

    async def _wait_for_turn(self, link: Link) -> None:
        """Wait for the copy that is under way: one at a time is quickest, unless it is stuck."""
        loop = asyncio.get_running_loop()
        # Polled, because no event tells that the other copy makes no progress.
        while self._waits(link, loop.time()):  # noqa: ASYNC110
            await asyncio.sleep(RETRY_S)
        self._leader = link

    def _waits(self, link: Link, now_s: float) -> bool:
        return self._leader not in (None, link) and now_s - self._moved_s < _STALLED_S

    async def _without_copy(self, link: Link, error: NotCopiedError) -> PeerReport:
        answer = error.answer
        if answer.is_self:
            link.sender.mark_as_self()
            return PeerReport.OURSELVES
        match answer.outcome:
            case Refused():
                return await self._ask_java(link)
            case Unreachable(reason) if reason == _REFUSED:
                return PeerReport.ABSENT
            case _:
                if answer.body is not None or error.too_large:
                    self._say(link, str(error))
                return self._report_of(link, too_large=error.too_large)

    async def _ask_java(self, link: Link) -> PeerReport:
        """Copy the list of a Java server; it does not say when its leases were renewed.

        The request names a region that does not exist: this leaves out the instances of its remote
        regions.
        """
        answer = await link.client.get("apps/", {"regions": "none"})
        if answer.body is None:
            if answer.too_large:
                self._say(link, "its list is too large")
            return self._report_of(link, too_large=answer.too_large)
        now = self._now_ms()
        try:
            document = await asyncio.to_thread(jsoncodec.decode_applications, answer.body, now)
        except BadDocument as error:
            self._say(link, f"list not readable: {error}")
            return PeerReport.SILENT
        for problem in document.problems[:_NAMED]:
            _log.warning("instance not copied peer=%s reason=%s", link.name, problem)
        listed = [instance for _, instances in document.applications for instance in instances]
        async for some in in_pieces(listed):
            merge(self._registry, [_renew_now(each, now) for each in some], now)
        return PeerReport.COPIED

    def _report_of(self, link: Link, *, too_large: bool) -> PeerReport:
        if not too_large:
            return PeerReport.SILENT
        self._too_large.add(link)  # nothing is gained by asking again
        return PeerReport.TOO_LARGE

    def _say(self, link: Link, reason: str) -> None:
        """Log once why a peer cannot be copied; it is asked again and again."""
        if self._said.get(link) != reason:
            self._said[link] = reason
            _log.warning("peer cannot be copied peer=%s reason=%s", link.name, reason)


def _renew_now(instance: Instance, now_ms: int) -> Instance:
    return msgspec.structs.replace(instance, lease=_from_now(instance.lease, now_ms))


def _from_now(lease: LeaseInfo, now_ms: int) -> LeaseInfo:
    return msgspec.structs.replace(lease, renewed_at_ms=now_ms, registered_at_ms=now_ms)
