"""Limits the memory of all connections: requests that arrive, answers that nobody has read yet."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Final, Generic, TypeVar

_H = TypeVar("_H", bound=Hashable)

_KEPT: Final = 7 / 8
"""Beyond a budget so much of it is kept: an attack pays with much for each look at all holders."""


class Incoming(Generic[_H]):
    """Bytes of requests, by connection."""

    def __init__(self, limit: int) -> None:
        """Begin with nothing held.

        Args:
            limit: bytes that all may hold together.
        """
        self.limit = limit
        self.used = 0
        self._held: dict[_H, int] = {}

    def hold(self, holder: _H, count: int) -> None:
        """Count further bytes of a holder, or fewer if `count` is negative."""
        self._held[holder] = self._held.get(holder, 0) + count
        self.used += count

    def release(self, holder: _H, left: int = 0) -> None:
        """Count at most `left` bytes of a holder from now on."""
        count = self._held.pop(holder, 0)
        self.used -= count
        if left and count:
            self.hold(holder, min(left, count))

    def excess(self) -> Iterator[_H]:
        """The largest holders beyond the limit, until enough is released; each is released."""
        if self.used <= self.limit:
            return
        for holder in sorted(self._held, key=self._held.__getitem__, reverse=True):
            if self.used <= self.limit * _KEPT:
                return
            self.release(holder)
            yield holder


class Outgoing(Generic[_H]):
    """Bytes of answers that are being written, by connection; what they share counts once."""

    def __init__(self, limit: int) -> None:
        """Begin with nothing held; `limit` is in bytes."""
        self.limit = limit
        self.used = 0
        self._held: dict[_H, Hashable] = {}
        self._shared: dict[Hashable, tuple[int, int]] = {}

    def hold(self, holder: _H, content: Hashable, size: int) -> None:
        """Count an answer to a holder that holds nothing yet."""
        holders, _ = self._shared.get(content, (0, 0))
        if not holders:
            self.used += size
        self._shared[content] = (holders + 1, size)
        self._held[holder] = content

    def release(self, holder: _H) -> None:
        """Stop counting a holder."""
        if holder not in self._held:
            return
        content = self._held.pop(holder)
        holders, size = self._shared.pop(content)
        if holders > 1:
            self._shared[content] = (holders - 1, size)
        else:
            self.used -= size

    def excess(self, newest: _H) -> Iterator[_H]:
        """The oldest holders beyond the limit, until enough is released; each is released.

        `newest` is none of them.
        """
        if self.used <= self.limit:
            return
        for holder in list(self._held):
            if self.used <= self.limit * _KEPT:
                return
            if holder != newest:
                self.release(holder)
                yield holder
