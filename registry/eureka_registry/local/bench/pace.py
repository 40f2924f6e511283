"""Decides when the next operation may be sent."""

from __future__ import annotations

import asyncio
import contextlib
import time


class Pace:
    """Turns at equal distances, or at once if there is no rate.

    A turn that is taken late, because every connection was busy, lies in the past. Measured from
    there, a server that stalls is slow for all requests that had to wait, not only for those that
    it had received (otherwise: coordinated omission).
    """

    def __init__(self, rate: float | None) -> None:
        self._interval_s = 1 / rate if rate else 0.0
        self._next = time.perf_counter()

    def restart(self) -> None:
        """Forget turns that were not taken."""
        self._next = time.perf_counter()

    async def turn(self, stop: asyncio.Event | None = None) -> float:
        """Wait for the next turn; returns the moment (`perf_counter`) from which to measure it.

        `stop` ends the waiting early.
        """
        now = time.perf_counter()
        if not self._interval_s:
            return now
        due = self._next
        self._next += self._interval_s
        if due <= now:
            return due
        await pause(due - now, stop)
        return time.perf_counter()  # a timer that is late is our fault, not the server's

    def spend(self) -> None:
        """Take a turn without waiting for it; the next one has to wait longer instead.

        For operations that a wait would falsify.
        """
        self._next += self._interval_s


async def pause(seconds: float, stop: asyncio.Event | None) -> None:
    """Wait so many seconds, or until `stop` is set."""
    if stop is None:
        await asyncio.sleep(seconds)
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
