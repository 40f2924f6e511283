"""Counts of the last minute: renewals that came, and evictions that are still allowed."""

from __future__ import annotations

from collections import deque
from typing import Final

MINUTE_MS: Final = 60_000


class MinuteRate:
    """Events of the last sixty seconds.

    Counting is one addition; `sample` does the rest. Netflix's `MeasuredRate` shows the last whole
    minute only and 0 during the first.
    """

    def __init__(self, now_ms: int) -> None:
        self._samples: deque[tuple[int, int]] = deque([(now_ms, 0)])

    def sample(self, total: int, now_ms: int) -> None:
        """Remember the running total; call it about once a second."""
        self._samples.append((now_ms, total))
        while self._samples[1][0] <= now_ms - MINUTE_MS:  # never the sample of now
            self._samples.popleft()

    def last_minute(self) -> int:
        """Events between the first and the last sample of the last minute."""
        return self._samples[-1][1] - self._samples[0][1]


class EvictionBudget:
    """At most `1 - threshold` of the registry is evicted within a minute.

    Netflix evicts that share per pass of a timer that runs once a minute (`evict`), so that a
    mistaken clock or network does not empty a registry at once; here passes may come more often.
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self._taken: deque[tuple[int, int]] = deque()

    def take(self, wanted: int, size: int, now_ms: int) -> int:
        """Take up to `wanted` evictions from a registry that now holds `size` leases."""
        while self._taken and self._taken[0][0] <= now_ms - MINUTE_MS:
            self._taken.popleft()
        before = sum(count for _, count in self._taken)
        whole = size + before
        granted = max(0, min(wanted, whole - int(whole * self.threshold) - before))
        if granted:
            self._taken.append((now_ms, granted))
        return granted
