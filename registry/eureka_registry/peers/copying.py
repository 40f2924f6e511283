"""Reads another peer's registry in pages, and stores some leases at a time.

The event loop runs between two parts, so a large registry does not block other work. A page is
refused if it is larger than its limit, does not continue after the last one, or is one too many.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Final, TypeVar

from eureka_registry.core.limits import LEASES_AT_ONCE
from eureka_registry.core.model import Instance
from eureka_registry.core.pace import Congested, Outcome, Refused, Unreachable
from eureka_registry.core.pages import BEGIN, Cursor
from eureka_registry.core.registry import Registry
from eureka_registry.peers.client import COPY_PATH, Answer, PeerClient
from eureka_registry.peers.merge import merge
from eureka_registry.wire.copies import Page, decode_leases, decode_page
from eureka_registry.wire.documents import BadDocument

_log = logging.getLogger(__name__)

_NAMED: Final = 5
_T = TypeVar("_T")


class NotCopiedError(Exception):
    """A copy ended before its last page because of `answer`; the text says why.

    It is `too_large` if the peer holds more than can be copied.
    """

    def __init__(self, reason: str, answer: Answer, *, too_large: bool = False) -> None:
        super().__init__(reason)
        self.answer = answer
        self.too_large = too_large or answer.too_large


async def read_pages(
    client: PeerClient, most: int, *, app: str | None = None, after: Cursor = BEGIN
) -> AsyncIterator[Page]:
    """The pages of a peer's copy after `after`, or of the leases of `app`.

    Raises:
        NotCopiedError: it cannot be read to its end, or holds more than `most` leases.
    """
    read = 0
    while True:
        params = {"after_app": after[0], "after_id": after[1]}
        answer = await client.get(COPY_PATH, params if app is None else {**params, "app": app})
        page = _page(answer, after)
        read += len(page.leases)
        if read > most:
            reason = f"copy of more than {most} instances (max_instances)"
            raise NotCopiedError(reason, answer, too_large=True)
        yield page
        if page.next is None:
            return
        after = page.next


def _page(answer: Answer, after: Cursor) -> Page:
    if answer.body is None or answer.is_self:
        raise NotCopiedError(f"copy not read: {failure_text(answer.outcome)}", answer)
    try:
        page = decode_page(answer.body)
    except BadDocument as error:
        raise NotCopiedError(f"copy not readable: {error}", answer) from error
    if page.next is not None and (page.next <= after or not page.leases):
        raise NotCopiedError("copy not readable: its pages do not advance", answer)
    return page


async def read_leases(page: Page, peer: str, now_ms: int) -> AsyncIterator[list[Instance]]:
    """The documents of a page, some at a time; those that cannot be read are logged."""
    unread: list[str] = []
    async for some in in_pieces(page.leases):
        instances, problems = decode_leases(some, now_ms)
        unread += problems
        yield instances
    for problem in unread[:_NAMED]:
        _log.warning("instance not copied peer=%s reason=%s", peer, problem)
    if len(unread) > _NAMED:
        _log.warning("instances not copied peer=%s more=%d", peer, len(unread) - _NAMED)


async def take_over(registry: Registry, page: Page, peer: str, now_ms: Callable[[], int]) -> None:
    """Merge a page into a registry that starts."""
    async for instances in read_leases(page, peer, now_ms()):
        merge(registry, instances, now_ms(), starting=True)


async def in_pieces(items: Sequence[_T]) -> AsyncIterator[Sequence[_T]]:
    """The items in small groups; other tasks run in between."""
    for some in pieces(items):
        yield some
        await asyncio.sleep(0)


def pieces(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """The items in small groups."""
    for first in range(0, len(items), LEASES_AT_ONCE):
        yield items[first : first + LEASES_AT_ONCE]


def failure_text(outcome: Outcome) -> str:
    """Briefly, why a request failed."""
    match outcome:
        case Congested(reason) | Unreachable(reason):
            return reason
        case Refused(status):
            return f"answered {status}"
        case _:
            return "no answer"
