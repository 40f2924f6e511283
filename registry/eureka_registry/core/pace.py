"""Decides when a peer may get the next batch, by the results of the last ones.

A failure is followed by a pause, 1 s after congestion and 100 ms otherwise, doubled with every
further failure in a row up to 30 s (Java: `TrafficShaper`, which does not double). After
`OPEN_AFTER` of them the peer is taken for dead.
"""

from __future__ import annotations

from typing import Final

import msgspec

CONGESTION_PAUSE_MS: Final = 1_000
"""First pause after a 503 or a read time-out (Java `SERVER_UNAVAILABLE_SLEEP_TIME_MS`)."""

FAILURE_PAUSE_MS: Final = 100
"""First pause after any other failure (Java `RETRY_SLEEP_TIME_MS`)."""

LONGEST_PAUSE_MS: Final = 30_000
"""Upper bound of either pause, before it is spread (Java `TrafficShaper`)."""

OPEN_AFTER: Final = 5
"""Failures in a row after which the circuit is open."""

_MOST_DOUBLINGS: Final = 9  # 100 ms doubled so often is beyond the longest pause


class Delivered(msgspec.Struct, frozen=True):
    """The peer took the batch, whatever it says of single items."""


class Congested(msgspec.Struct, frozen=True):
    """The peer answers but is overloaded: 503 or a read time-out. `reason` is a sentence."""

    reason: str


class Unreachable(msgspec.Struct, frozen=True):
    """The batch did not arrive, or no usable answer came back. `reason` is a sentence."""

    reason: str


class Refused(msgspec.Struct, frozen=True):
    """The peer answered with an HTTP status that no retry changes."""

    status: int


class Interrupted(msgspec.Struct, frozen=True):
    """We cancelled the batch ourselves; it says nothing about the peer."""


Outcome = Delivered | Congested | Unreachable | Refused | Interrupted
"""What became of a batch."""

Failure = Congested | Unreachable | Refused
"""An outcome that speaks against the peer."""


class Pace:
    """When the next batch may be sent, by the number of failures in a row."""

    __slots__ = (
        "_failures",
        "failing_since_ms",
        "is_open",
        "is_refused",
        "next_try_ms",
        "trouble",
    )

    def __init__(self) -> None:
        self.note_success()

    def note_success(self) -> None:
        """The peer took a batch, or answers again."""
        self._failures = 0
        self.is_open = False
        self.is_refused = False
        self.failing_since_ms: int | None = None
        self.next_try_ms = 0
        self.trouble = ""

    def note_failure(self, outcome: Failure, now_ms: int, spread: float) -> None:
        """Begin a pause, which is longer by the share `spread` of it."""
        first_ms = CONGESTION_PAUSE_MS if isinstance(outcome, Congested) else FAILURE_PAUSE_MS
        pause_ms = min(LONGEST_PAUSE_MS, first_ms << min(self._failures, _MOST_DOUBLINGS))
        self._failures += 1
        self.is_open = self._failures >= OPEN_AFTER
        self.is_refused = isinstance(outcome, Refused)
        self.next_try_ms = now_ms + pause_ms + int(pause_ms * spread)
        self.trouble = _trouble(outcome)
        if self.failing_since_ms is None:
            self.failing_since_ms = now_ms


def _trouble(outcome: Failure) -> str:
    if isinstance(outcome, Refused):
        return f"refused with status {outcome.status}"
    return outcome.reason


def span(span_ms: int) -> str:
    """A length of time for people."""
    seconds = -(-span_ms // 1_000)
    if seconds < 120:  # noqa: PLR2004 - two minutes
        return f"{seconds} s"
    minutes = seconds // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"  # noqa: PLR2004
