"""Finds applications that differ at another peer, by digests that come in pages."""

from __future__ import annotations

from typing import Final

from eureka_registry.core.registry import Registry
from eureka_registry.peers.client import DIGEST_PATH, PeerClient
from eureka_registry.peers.copying import NotCopiedError, failure_text
from eureka_registry.wire.copies import Digest, decode_digest

_MOST_PAGES: Final = 50
"""A peer that lists more applications than 50 pages hold is not believed."""


async def differing_applications(
    registry: Registry, client: PeerClient, first: Digest
) -> frozenset[str]:
    """Applications that differ from a peer's; the peer's first page of digests is given.

    Raises:
        NotCopiedError: a page is missing.
        BadDocument: a page cannot be read.
    """
    if first.whole is not None and first.whole == f"{registry.digest():016x}":
        return frozenset()
    different = _page_differences(registry, first, "")
    after, pages = first.next, 1
    while after is not None:
        page = await _page_behind(client, after, pages)
        different |= _page_differences(registry, page, after)
        after, pages = page.next, pages + 1
    return frozenset(different)


async def _page_behind(client: PeerClient, after: str, pages: int) -> Digest:
    answer = await client.get(DIGEST_PATH, {"after": after})
    if pages >= _MOST_PAGES:
        raise NotCopiedError(f"digests come in more than {_MOST_PAGES} pages", answer)
    if answer.body is None or answer.is_self:
        raise NotCopiedError(f"digests not read: {failure_text(answer.outcome)}", answer)
    page = decode_digest(answer.body)
    if page.next is not None and page.next <= after:
        raise NotCopiedError("digests not readable: their pages do not advance", answer)
    return page


def _page_differences(registry: Registry, page: Digest, after: str) -> set[str]:
    """Names from `after` to the last one of a page that only one of the two has, or that differ."""
    mine = {
        name: f"{application.digest:016x}"
        for name, application in registry.applications.items()
        if name > after and (page.next is None or name <= page.next)
    }
    names = mine.keys() | page.applications.keys()
    return {name for name in names if mine.get(name) != page.applications.get(name)}
