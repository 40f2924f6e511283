"""`bench/RESULTS.md`: what was measured side by side, beside `docs/performance.md#budgets`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from bench.figures import median
from bench.table import number


class Better(StrEnum):
    """Which way a value gets better."""

    MORE = "more"
    LESS = "less"


class Goal(msgspec.Struct, frozen=True):
    """What a value is to reach: a bound of its own, or so many times as good as Java's."""

    budget: float
    aim: float | None = None
    times_java: bool = False


class Row(msgspec.Struct, frozen=True):
    """One line of the report: values of each round, ours and Java's.

    `java` is empty where Java has no such thing or was not measured; `note` says why.
    """

    name: str
    unit: str
    better: Better
    ours: list[float]
    java: list[float] = msgspec.field(default_factory=list)
    goal: Goal | None = None
    note: str = ""

    @property
    def advantage(self) -> float | None:
        """How many times as good as Java's our median is; `None` if Java has none that ends."""
        if not self.java or not math.isfinite(median(self.java)):
            return None
        ours, java = median(self.ours), median(self.java)
        return ours / java if self.better is Better.MORE else java / ours


def verdict(row: Row) -> str:
    """In words whether the budget is kept; by how much it is missed; empty without a budget."""
    if row.goal is None:
        return ""
    value = row.advantage if row.goal.times_java else median(row.ours)
    if value is None:
        return "Java was not measured"
    if not _reaches(row, value, row.goal.budget):
        return f"**NOT KEPT**, {_short(row, value, row.goal.budget)}"
    if row.goal.aim is not None and _reaches(row, value, row.goal.aim):
        return "kept, aim reached"
    return "kept"


def page(sections: Sequence[tuple[str, Sequence[Row]]], about: Sequence[str]) -> str:
    """The whole report in Markdown."""
    parts = ["# Results", "", *about]
    for title, rows in sections:
        parts += ["", f"## {title}", body(rows).rstrip("\n")]
    return "\n".join(parts) + "\n"


def body(rows: Sequence[Row]) -> str:
    """A section of the report below its title."""
    return "\n" + "\n".join(_table(rows)) + "\n"


_HEAD: Final = "| | unit | here | Java | here : Java | budget | aim | verdict | note |"


def _table(rows: Sequence[Row]) -> list[str]:
    lines = [_HEAD, "|---|---|--:|--:|--:|--:|--:|---|---|"]
    return [*lines, *(f"| {' | '.join(_cells(row))} |" for row in rows)]


def _cells(row: Row) -> list[str]:
    advantage = row.advantage
    times = "" if advantage is None else f"{number(advantage)} times as good"
    budget, aim = _goals(row)
    values = (spread_text(row.ours), spread_text(row.java))
    return [row.name, row.unit, *values, times, budget, aim, verdict(row), row.note]


def spread_text(values: Sequence[float]) -> str:
    """The median of values, and their least and greatest; `-` without any."""
    if not values:
        return "-"
    if len(values) == 1:
        return number(values[0])
    return f"{number(median(values))} ({number(min(values))} to {number(max(values))})"


def _goals(row: Row) -> tuple[str, str]:
    if row.goal is None:
        return "", ""
    aim = "" if row.goal.aim is None else _goal(row, row.goal.aim)
    return _goal(row, row.goal.budget), aim


def _goal(row: Row, bound: float) -> str:
    if row.goal is not None and row.goal.times_java:
        return f"{bound:g} times"
    return f"{'≥' if row.better is Better.MORE else '≤'} {bound:g}"


def _reaches(row: Row, value: float, bound: float) -> bool:
    is_more = row.better is Better.MORE or (row.goal is not None and row.goal.times_java)
    return value >= bound if is_more else value <= bound


def _short(row: Row, value: float, bound: float) -> str:
    if row.goal is not None and row.goal.times_java:
        return f"{number(value)} times instead of {bound:g}"
    return f"{number(value)} instead of {bound:g} {row.unit}"
