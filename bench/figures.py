"""What was measured: a value, how much it varied, and what `docs/performance.md#budgets` allows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from eureka_registry.local.bench.figures import rank


class Spread(msgspec.Struct, frozen=True):
    """How values are spread over their range."""

    p50: float
    p99: float
    min: float
    max: float
    count: int


class Budget(msgspec.Struct, frozen=True):
    """The bound a value is to keep; `at_least` if more is better. `aim` is what we hope for."""

    bound: float
    at_least: bool = False
    aim: float | None = None

    def is_kept(self, value: float) -> bool:
        """Whether a value keeps the bound."""
        return value >= self.bound if self.at_least else value <= self.bound

    def text(self) -> str:
        """The bound in words."""
        sign = ">=" if self.at_least else "<="
        aim = "" if self.aim is None else f" (aim {self.aim:,g})"
        return f"{sign} {self.bound:,g}{aim}"


class Figure(msgspec.Struct, frozen=True):
    """One line of the report. `value` is the median where there is a spread, unless `of` says so.

    `note` says what a reader must know to make use of it.
    """

    name: str
    unit: str
    value: float
    spread: Spread | None = None
    budget: Budget | None = None
    note: str = ""


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed (nearest rank).

    Args:
        ordered: at least one value, in ascending order.
        share: above 0, at most 1.

    Raises:
        ValueError: there is no value, or no such share.
    """
    return ordered[rank(share, len(ordered)) - 1]


def median(values: Sequence[float]) -> float:
    """The value in the middle, or the mean of the two that are.

    Raises:
        ValueError: there is no value.
    """
    if not values:
        raise ValueError("needs a value")
    ordered = sorted(values)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) / 2


def spread(values: Sequence[float]) -> Spread:
    """Sum up values.

    Raises:
        ValueError: there is none.
    """
    ordered = sorted(values)
    return Spread(median(ordered), percentile(ordered, 0.99), ordered[0], ordered[-1], len(ordered))


def rates(counts: Sequence[int], moments: Sequence[float]) -> list[float]:
    """Events per second between neighbouring looks at a running count.

    Raises:
        ValueError: looks and moments are not as many, or a moment is not after the one before it.
    """
    if len(counts) != len(moments):
        raise ValueError("each look needs its moment")
    if any(later <= sooner for sooner, later in pairwise(moments)):
        raise ValueError("moments must grow")
    return [
        (counts[i + 1] - counts[i]) / (moments[i + 1] - moments[i]) for i in range(len(counts) - 1)
    ]
