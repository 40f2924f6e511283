"""Repairs differences with another peer, and names those that are left."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from typing import Final

from eureka_registry.core.model import Instance, PeerAction
from eureka_registry.core.registry import Registry
from eureka_registry.peers.client import PeerClient
from eureka_registry.peers.copying import in_pieces, read_leases, read_pages
from eureka_registry.peers.merge import differing_ids, merge
from eureka_registry.peers.sender import Sender
from eureka_registry.wire.copies import Page

_log = logging.getLogger(__name__)

NAMED_PER_APPLICATION: Final = 20
REPAIRED_AT_ONCE: Final = 20
"""Applications copied one by one; where more differ, all of the registry is copied besides."""

_CANCEL_AGE_MS: Final = 30_000
_SETTLING_MS: Final = 2_000
"""A change younger than this may still be on its way to the other peer, or from it."""


class Repair:
    """Takes over newer documents of one peer, and tells it of cancellations that it missed."""

    def __init__(
        self,
        registry: Registry,
        client: PeerClient,
        sender: Sender,
        most: int,
        name: Callable[[], str],
    ) -> None:
        """Begin without differences; a copy of more than `most` instances fails."""
        self.diverged: dict[str, list[str]] = {}
        """Instances that differ although nobody has changed them for a while, by application."""
        self.repaired = 0
        """How many leases were taken over or cancelled."""
        self._registry = registry
        self._client = client
        self._sender = sender
        self._most = most
        self._name = name

    def keep(self, different: Collection[str]) -> None:
        """Forget applications that do not differ any more."""
        self.diverged = {app: ids for app, ids in self.diverged.items() if app in different}

    async def take_over(self, applications: Sequence[str], now_ms: int) -> bool:
        """Copy applications that differ.

        Returns:
            Whether there was nothing to take over and nothing diverged: what differs are leases
            that changed just now, or are over.

        Raises:
            NotCopiedError: a copy could not be read to its end.
        """
        repaired = self.repaired
        for app in applications[:REPAIRED_AT_ONCE]:
            await self._take_application(app, now_ms)
        if len(applications) > REPAIRED_AT_ONCE:
            await self._take_everything(now_ms)
            return False
        return self.repaired == repaired and not self.diverged

    async def _take_application(self, app: str, now_ms: int) -> None:
        """Take over page by page; each is compared with the part of ours that it covers."""
        settled_ms = now_ms - _SETTLING_MS - self._sender.outbox.lag_ms(now_ms)
        ids: list[str] = []
        behind = ""
        async for page in read_pages(self._client, self._most, app=app):
            theirs = [each for each in await self._documents(page, now_ms) if each.app == app]
            up_to = None if page.next is None else page.next[1]
            part = (behind, up_to)
            ids += differing_ids(self._registry, app, theirs, now_ms, settled_ms, part)
            behind = up_to or ""
            await self._merge(theirs, now_ms)
        self._show(app, ids)

    async def _take_everything(self, now_ms: int) -> None:
        async for page in read_pages(self._client, self._most):
            await self._merge(await self._documents(page, now_ms), now_ms)

    async def _documents(self, page: Page, now_ms: int) -> list[Instance]:
        return [
            instance async for some in read_leases(page, self._name(), now_ms) for instance in some
        ]

    async def _merge(self, theirs: Sequence[Instance], now_ms: int) -> None:
        async for some in in_pieces(theirs):
            merged = merge(self._registry, some, now_ms)
            self.repaired += len(merged.taken) + len(merged.to_cancel)
            for key in merged.to_cancel:
                self._sender.add(PeerAction.CANCEL, *key, _CANCEL_AGE_MS)

    def _show(self, app: str, ids: Sequence[str]) -> None:
        if not ids:
            self.diverged.pop(app, None)
            return
        if app not in self.diverged:
            _log.warning("peers diverged peer=%s app=%s instances=%s", self._name(), app, ids[:5])
        self.diverged[app] = list(ids[:NAMED_PER_APPLICATION])
