"""Counts answers and measures their times: exact percentiles in limited memory."""

from __future__ import annotations

import math
from collections import Counter

import msgspec

_US_PER_S = 1_000_000
_US_PER_MS = 1_000


def rank(share: float, count: int) -> int:
    """The place, from 1, of the smallest of `count` values that `share` of them do not exceed.

    The rule of nearest rank: a percentile is always a value that was measured.

    Raises:
        ValueError: there is no value, or `share` is not above 0 and at most 1.
    """
    if count < 1 or not 0 < share <= 1:
        raise ValueError("needs a value, and a share above 0 and at most 1")
    return math.ceil(share * count)


class Latency(msgspec.Struct, frozen=True):
    """Percentiles of answers' durations, in milliseconds."""

    p50: float
    p90: float
    p99: float
    max: float


class Samples:
    """Durations, all of them, to the microsecond.

    Equal ones are counted and not kept, so an hour takes no more memory than a minute.
    """

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def __len__(self) -> int:
        """How many there are."""
        return self._counts.total()

    def add(self, seconds: float) -> None:
        """Add a duration."""
        self._counts[round(seconds * _US_PER_S)] += 1

    def latency(self) -> Latency | None:
        """The percentiles; `None` if there are no durations."""
        count = len(self)
        if not count:
            return None
        wanted = [rank(share, count) for share in (0.5, 0.9, 0.99, 1.0)]
        values: list[float] = []
        passed = 0
        for value in sorted(self._counts):
            passed += self._counts[value]
            while len(values) < len(wanted) and wanted[len(values)] <= passed:
                values.append(value / _US_PER_MS)
        return Latency(*values)


class Phase(msgspec.Struct, frozen=True):
    """The results of one kind of operation.

    `count` is how many were sent, and `errors` how many of them did not get the right answer;
    `answers` counts all by status, or by the failure where no answer came. `per_second` and
    `latency_ms` are of the good ones only; `latency_ms` is `None` if there was none, or if they are
    of several kinds. `bytes_per_answer` are those on the wire, without headers. `generator_share`
    is the part of one core that this program itself took meanwhile.
    """

    name: str
    count: int
    errors: int
    seconds: float
    per_second: float
    latency_ms: Latency | None
    answers: dict[str, int]
    bytes_per_answer: int
    generator_share: float


class Tally:
    """A phase while it lasts."""

    def __init__(
        self,
        name: str,
        moment: float,
        cpu_s: float,
        goal: int | None = None,
        *,
        mixed: bool = False,
    ) -> None:
        """Begin to count.

        Args:
            name: what is done.
            moment: a clock at the begin, in seconds.
            cpu_s: CPU time of this process at the begin, in seconds.
            goal: how many there will be; `None` if time is what ends it.
            mixed: operations of several kinds, whose latencies together mean nothing.
        """
        self.name = name
        self._mixed = mixed
        self.moment = moment
        self.goal = goal
        self.answers: Counter[str] = Counter()
        self.good = Samples()
        self.done = 0
        self.errors = 0
        self._cpu_s = cpu_s
        self._bytes = 0

    def add(self, answer: str, seconds: float, size: int, *, good: bool) -> None:
        """Count an operation: its status or failure, its duration, the bytes of its body."""
        self.done += 1
        self.answers[answer] += 1
        if good:
            self.good.add(seconds)
            self._bytes += size
        else:
            self.errors += 1

    def phase(self, moment: float, cpu_s: float) -> Phase:
        """The results at the end."""
        seconds = moment - self.moment
        good = len(self.good)
        return Phase(
            name=self.name,
            count=self.done,
            errors=self.errors,
            seconds=round(seconds, 3),
            per_second=round(good / seconds, 1) if seconds > 0 else 0.0,
            latency_ms=None if self._mixed else self.good.latency(),
            answers=dict(self.answers.most_common()),
            bytes_per_answer=round(self._bytes / good) if good else 0,
            generator_share=round((cpu_s - self._cpu_s) / seconds, 2) if seconds > 0 else 0.0,
        )
