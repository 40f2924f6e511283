"""The report: a table on a terminal, aligned lines in a pipe, JSON for programs."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from bench.figures import Figure

_HEADINGS: Final = ("figure", "value", "unit", "p50", "p99", "min", "max", "budget", "note")


def text(figures: Sequence[Figure]) -> str:
    """Aligned columns without colour."""
    rows = [_HEADINGS, *(_row(figure) for figure in figures)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADINGS))]
    return "\n".join(
        "  ".join(_aligned(row[i], widths[i], i) for i in range(len(row))).rstrip() for row in rows
    )


def json(figures: Sequence[Figure], problems: Sequence[str]) -> str:
    """Everything, with what machine it was measured on."""
    document = {
        "machine": {"system": platform.platform(), "python": platform.python_version()},
        "figures": figures,
        "problems": problems,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def show(figures: Sequence[Figure], console: Console) -> None:
    """Print a table; over-wide notes wrap."""
    table = Table()
    for place, heading in enumerate(_HEADINGS):
        table.add_column(heading, justify="right" if 0 < place < 7 and place != 2 else "left")
    for figure in figures:
        kept = figure.budget is None or figure.budget.is_kept(figure.value)
        table.add_row(*_row(figure), style=None if kept else "red")
    console.print(table)


def number(value: float) -> str:
    """A number with three figures that matter."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _row(figure: Figure) -> tuple[str, ...]:
    s = figure.spread
    varied = ("", "", "", "") if s is None else tuple(map(number, (s.p50, s.p99, s.min, s.max)))
    return (figure.name, number(figure.value), figure.unit, *varied, _budget(figure), figure.note)


def _budget(figure: Figure) -> str:
    if figure.budget is None:
        return ""
    kept = figure.budget.is_kept(figure.value)
    return f"{figure.budget.text()} {'kept' if kept else 'NOT KEPT'}"


def _aligned(cell: str, width: int, place: int) -> str:
    return cell.rjust(width) if 0 < place < 7 and place != 2 else cell.ljust(width)
