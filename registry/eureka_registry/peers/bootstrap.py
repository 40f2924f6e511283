"""The start: copy the registry from a peer, and do not wait for ever for anybody.

All peers are asked at once, again and again, and nobody waits for a slow one. A ready one's copy is
complete, and so is a Java server's list. A peer that is itself starting gives what it has, perhaps
from a snapshot. We are done when

* a ready peer's copy was taken over, or
* every peer is either starting like us, or is ourselves, or refuses connections for a second: then
  there is nothing to be had (two peers that start together do not wait for each other), or
* `timeout_s` is over: some peer neither answers nor refuses.

What then is still missing the comparison of digests brings later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from enum import Enum
from typing import Final

import msgspec

from eureka_registry.core.model import LeaseInfo
from eureka_registry.core.outbox import Delivered, Refused, Unreachable
from eureka_registry.core.registry import Registry
from eureka_registry.peers.client import Answer
from eureka_registry.peers.link import COPY_PATH, Link
from eureka_registry.peers.merge import merge
from eureka_registry.wire import jsoncodec
from eureka_registry.wire.copies import decode_copy
from eureka_registry.wire.documents import BadDocument

_log = logging.getLogger(__name__)

RETRY_S: Final = 0.2
REFUSED_GRACE_S: Final = 1.0
"""So long a refused connection may still be a peer whose process is just being started."""

_REFUSED: Final = "connection refused"


class Heard(Enum):
    """What a peer had to say."""

    COPIED = "copied"
    STARTING = "starting"
    OURSELVES = "ourselves"
    ABSENT = "absent"
    SILENT = "silent"


class Outcome(msgspec.Struct, frozen=True):
    """How the start went: from whom the copy is (`None`: nobody), and how it ended, in words."""

    source: str | None
    sentence: str


async def copy_registry(
    links: Callable[[], Sequence[Link]],
    registry: Registry,
    own_node: str,
    timeout_s: float,
    now_ms: Callable[[], int],
) -> Outcome:
    """Fill `registry` from the peers; `links` gives the present ones."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    survey = _Survey(lambda link: _ask(link, registry, own_node, now_ms))
    try:
        while True:
            asked = list(links())
            heard = await survey.ask(asked)
            for link, what in zip(asked, heard, strict=True):
                if what is Heard.COPIED:
                    return Outcome(link.name, f"copied {registry.size} instances from {link.name}")
            waited = loop.time() - began
            if _nothing_to_be_had(heard, waited):
                return Outcome(None, _describe(asked, heard))
            if waited > timeout_s:
                return Outcome(None, f"gave up after {timeout_s:g} s: {_describe(asked, heard)}")
            await asyncio.sleep(RETRY_S)
    finally:
        await survey.end()


class _Survey:
    """What each peer said last. One that does not answer holds up neither the others nor us."""

    def __init__(self, ask: Callable[[Link], Coroutine[None, None, Heard]]) -> None:
        self._ask = ask
        self._asking: dict[Link, asyncio.Task[Heard]] = {}
        self._heard: dict[Link, Heard] = {}

    async def ask(self, links: Sequence[Link]) -> list[Heard]:
        """Ask all that are not being asked already; wait a moment for their answers."""
        for link in links:
            if link not in self._asking:
                self._asking[link] = asyncio.create_task(self._ask(link))
        if self._asking:
            await asyncio.wait(self._asking.values(), timeout=RETRY_S)
        for link in [link for link, task in self._asking.items() if task.done()]:
            self._heard[link] = self._asking.pop(link).result()
        return [self._heard.get(link, Heard.SILENT) for link in links]

    async def end(self) -> None:
        """Give up the questions still open."""
        for task in self._asking.values():
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)


def _nothing_to_be_had(heard: Sequence[Heard], waited_s: float) -> bool:
    gone = {Heard.STARTING, Heard.OURSELVES}
    if waited_s >= REFUSED_GRACE_S:
        gone.add(Heard.ABSENT)
    return all(what in gone for what in heard)


def _describe(links: Sequence[Link], heard: Sequence[Heard]) -> str:
    if not links:
        return "there are no peers"
    return ", ".join(
        f"{link.name} is {what.value}" for link, what in zip(links, heard, strict=True)
    )


async def _ask(link: Link, registry: Registry, own_node: str, now_ms: Callable[[], int]) -> Heard:
    if link.sender.is_self:
        return Heard.OURSELVES
    answer = await link.client.get(COPY_PATH)
    if answer.node is not None and answer.node == own_node:
        link.sender.is_self = True
        return Heard.OURSELVES
    match answer.outcome:
        case Delivered():
            return _take_copy(link, registry, answer, now_ms())
        case Refused():
            return await _ask_java(link, registry, now_ms)
        case Unreachable(reason) if reason == _REFUSED:
            return Heard.ABSENT
        case _:
            return Heard.SILENT


def _take_copy(link: Link, registry: Registry, answer: Answer, now_ms: int) -> Heard:
    try:
        copy = decode_copy(answer.body or b"", now_ms)
    except BadDocument as error:
        _log.warning("copy not readable peer=%s reason=%s", link.name, error)
        return Heard.SILENT
    for problem in copy.problems:
        _log.warning("instance not copied peer=%s reason=%s", link.name, problem)
    merge(registry, copy.instances, now_ms, starting=True)
    return Heard.COPIED if copy.stage == "ready" else Heard.STARTING


async def _ask_java(link: Link, registry: Registry, now_ms: Callable[[], int]) -> Heard:
    """A Java server gives its list; when its leases were renewed it does not tell.

    Naming a region that nobody has leaves out the instances of its own remote regions.
    """
    answer = await link.client.get("apps/", {"regions": "none"})
    if answer.body is None:
        return Heard.SILENT
    now = now_ms()
    try:
        document = jsoncodec.decode_applications(answer.body, now)
    except BadDocument as error:
        _log.warning("list not readable peer=%s reason=%s", link.name, error)
        return Heard.SILENT
    for problem in document.problems:
        _log.warning("instance not copied peer=%s reason=%s", link.name, problem)
    instances = [
        msgspec.structs.replace(instance, lease=_from_now(instance.lease, now))
        for _, listed in document.applications
        for instance in listed
    ]
    merge(registry, instances, now)
    return Heard.COPIED


def _from_now(lease: LeaseInfo, now_ms: int) -> LeaseInfo:
    return msgspec.structs.replace(lease, renewed_at_ms=now_ms, registered_at_ms=now_ms)
