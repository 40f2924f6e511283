"""How long a server is loaded before its first figure: until its rate has stopped rising.

A JVM compiles what is asked of it often, in several steps, for a minute or more; a fixed time was
too short on some machines, and its figures were those of a server that starts.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

WINDOWS: Final = 3
"""So many windows in a row must agree."""

SPREAD: Final = 0.05
"""How far the least of them may be below the greatest."""


class Warmth(msgspec.Struct, frozen=True):
    """What warming up came to; `is_steady` is false where the limit came first."""

    took_s: float
    windows: list[float]
    is_steady: bool

    @property
    def text(self) -> str:
        """In words, for the note of a row."""
        if self.is_steady:
            return f"warm after {self.took_s:.0f} s"
        return f"not steady within {self.took_s:.0f} s"


def are_steady(windows: Sequence[float]) -> bool:
    """Whether the last windows agree."""
    last = windows[-WINDOWS:]
    return len(last) == WINDOWS and min(last) >= (1 - SPREAD) * max(last)


async def warm_up(
    window: Callable[[], Awaitable[float]], limit_s: float, *, least_s: float = 0.0
) -> Warmth:
    """Take windows until the last three agree.

    Args:
        window: loads the server for a while and gives its rate, or its median time.
        limit_s: after so long it is given up.
        least_s: steadiness does not count before: a JVM rests between two steps.
    """
    began = time.perf_counter()
    windows: list[float] = []
    while True:
        windows.append(await window())
        took_s = time.perf_counter() - began
        if are_steady(windows) and took_s >= least_s:
            return Warmth(took_s, windows, is_steady=True)
        if took_s >= limit_s:
            return Warmth(took_s, windows, is_steady=False)
