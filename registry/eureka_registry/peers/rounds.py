"""Collects renewals and gives them to all peers together: nearly all changes are renewals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from eureka_registry.core.limits import RENEWALS_EVERY_MS
from eureka_registry.core.outbox import Key

_EVERY_S: Final = RENEWALS_EVERY_MS / 1_000


class Rounds:
    """Collects renewals and passes them on at most every `RENEWALS_EVERY_MS`, once per instance.

    The first renewal after a quiet time is passed on at once. Needs a running event loop.
    """

    def __init__(self, hand_out: Callable[[Iterable[Key]], None]) -> None:
        """Pass each round's instances to `hand_out`."""
        self._hand_out = hand_out
        self._renewed: dict[Key, None] = {}
        self._last_s = 0.0
        self._alarm: asyncio.TimerHandle | None = None

    def add(self, key: Key) -> None:
        """Add a renewed instance to the next round."""
        self._renewed[key] = None
        if self._alarm is None:
            loop = asyncio.get_running_loop()
            self._alarm = loop.call_at(self._last_s + _EVERY_S, self.hand_out)

    def hand_out(self) -> None:
        """End the round now."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        renewed, self._renewed = self._renewed, {}
        self._last_s = asyncio.get_running_loop().time()
        if renewed:
            self._hand_out(renewed)
