"""The content of tables, lines and times in words, without their layout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400


class Line(NamedTuple):
    """A line; `about` is empty if it continues the line above, or is a sentence itself."""

    about: str
    text: str


class Table(NamedTuple):
    """Titles, and rows of as many cells."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def table(
    titles: Sequence[str], rows: Iterable[Sequence[str]], optional: Sequence[str] = ()
) -> Table:
    """Make a table; columns that are `optional` are left out if no row has anything in them."""
    rows = [tuple(row) for row in rows]
    kept = [
        at
        for at, title in enumerate(titles)
        if title not in optional or any(row[at] for row in rows)
    ]
    return Table(
        tuple(titles[at] for at in kept), tuple(tuple(row[at] for at in kept) for row in rows)
    )


def span(ms: int) -> str:
    """A span of time as kubectl writes ages: `12s`, `5m30s`, `3h5m`, `4d`; at least `0s`."""
    seconds = max(0, ms) // 1000
    if seconds < 2 * _MINUTE_S:
        return f"{seconds}s"
    if seconds < 10 * _MINUTE_S:
        return _two(seconds, _MINUTE_S, "m", 1, "s")
    if seconds < 3 * _HOUR_S:
        return f"{seconds // _MINUTE_S}m"
    if seconds < 8 * _HOUR_S:
        return _two(seconds, _HOUR_S, "h", _MINUTE_S, "m")
    if seconds < 2 * _DAY_S:
        return f"{seconds // _HOUR_S}h"
    return f"{seconds // _DAY_S}d"


def since(at_ms: int, now_ms: int) -> str:
    """The time since a moment; empty for the moment 0, which means never."""
    return span(now_ms - at_ms) if at_ms else ""


def quantity(number: int, noun: str) -> str:
    """`1 peer`, `3,000 peers`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _two(seconds: int, large_s: int, large: str, small_s: int, small: str) -> str:
    rest = seconds % large_s // small_s
    return f"{seconds // large_s}{large}" + (f"{rest}{small}" if rest else "")
