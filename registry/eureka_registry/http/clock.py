"""The clock of a peer: nobody sets it, it never goes back, and it follows the machine's slowly.

`core.clock` has the rule and its reasons. Leases need a clock that stops while a machine is
suspended: `CLOCK_MONOTONIC` does, `CLOCK_BOOTTIME` would end all leases at once.
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


class Clock:
    """`now_ms` gives the time in epoch milliseconds; `follow` is to be called now and then.

    `follow` corrects the time, and returns by how many milliseconds the machine's clock has jumped
    ahead of ours since the last call: the machine may have been suspended for that long.
    `steady_ns` is a monotonic clock, `wall_ns` the machine's own.
    """

    def __init__(
        self,
        steady_ns: Callable[[], int] = time.monotonic_ns,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        # A method takes twice as long as this closure, and every request asks for the time.
        looked_ms = steady_ns() // _NS
        offset_ms = wall_ns() // _NS - looked_ms
        floor_ms = left_ms = 0

        def now_ms() -> int:
            read_ms = steady_ns() // _NS + offset_ms
            return read_ms if read_ms > floor_ms else floor_ms  # noqa: FURB136 - max() is a call

        def follow() -> int:
            nonlocal looked_ms, offset_ms, floor_ms, left_ms
            floor_ms = now_ms()
            steady_ms = steady_ns() // _NS
            ahead_ms = wall_ns() // _NS - steady_ms - offset_ms
            jumped_ms = ahead_ms - left_ms
            correction = correction_ms(ahead_ms, steady_ms - looked_ms)
            looked_ms = steady_ms
            offset_ms += correction
            left_ms = ahead_ms - correction
            _tell(jumped_ms)
            return jumped_ms

        self.now_ms = now_ms
        self.follow = follow


def _tell(jumped_ms: int) -> None:
    if abs(jumped_ms) >= _WORTH_A_LINE_MS:
        _log.warning(
            "the machine's clock jumped seconds=%+.0f: this peer follows it slowly, by 1/%d of "
            "the time that passes; a restart takes it over at once",
            jumped_ms / 1000,
            SLOWNESS,
        )
