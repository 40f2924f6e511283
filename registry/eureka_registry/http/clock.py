"""The clock of a peer: never set, never back, and following the machine's own slowly.

The rule, and why, is in `core.clock`. `CLOCK_MONOTONIC` stands still while a machine is suspended,
which is what leases need; `CLOCK_BOOTTIME`, which does not, would end all of them at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from eureka_registry.core.clock import SLOWNESS, correction_ms

_log = logging.getLogger(__name__)
_NS: Final = 1_000_000
_WORTH_A_LINE_MS: Final = 10_000
_IN_STEP_MS: Final = 1_000


class Clock:
    """Gives the time in epoch milliseconds when called; `follow` is to be called now and then.

    `steady_ns` is a clock that nobody sets, `wall_ns` the machine's own.
    """

    __slots__ = ("_ahead_ms", "_floor_ms", "_looked_ms", "_offset_ms", "_steady_ns", "_wall_ns")

    def __init__(
        self,
        steady_ns: Callable[[], int] = time.monotonic_ns,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._steady_ns = steady_ns
        self._wall_ns = wall_ns
        self._looked_ms = steady_ns() // _NS
        self._offset_ms = wall_ns() // _NS - self._looked_ms
        self._floor_ms = 0
        self._ahead_ms = 0

    def __call__(self) -> int:
        """The time now, never less than it was."""
        now_ms = self._steady_ns() // _NS + self._offset_ms
        return now_ms if now_ms > self._floor_ms else self._floor_ms

    def follow(self) -> int:
        """Correct the clock by what has become due.

        Returns the milliseconds by which the machine's clock has jumped ahead of ours since the
        last time: so long it may have been suspended. 0 or less: it was not.
        """
        self._floor_ms = self()
        steady_ms = self._steady_ns() // _NS
        ahead_ms = self._wall_ns() // _NS - steady_ms - self._offset_ms
        jumped_ms = ahead_ms - self._ahead_ms
        correction = correction_ms(ahead_ms, steady_ms - self._looked_ms)
        self._looked_ms = steady_ms
        self._offset_ms += correction
        self._ahead_ms = ahead_ms - correction
        self._tell(ahead_ms, jumped_ms)
        return jumped_ms

    def _tell(self, ahead_ms: int, jumped_ms: int) -> None:
        """Log a jump of the machine's clock, and when ours has caught up with one."""
        if abs(jumped_ms) >= _WORTH_A_LINE_MS:
            _log.warning(
                "the machine's clock jumped seconds=%+.0f: this peer follows it by 1/%d of the "
                "time that passes; a restart takes it over at once",
                jumped_ms / 1000,
                SLOWNESS,
            )
