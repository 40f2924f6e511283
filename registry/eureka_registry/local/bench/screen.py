"""Prints a benchmark: progress on a terminal, then tables and a verdict, or JSON."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import msgspec
from rich import box
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from eureka_registry.local.bench.figures import Latency, Phase, Tally
from eureka_registry.local.bench.report import Freshness, Report, Sight
from eureka_registry.local.bench.verdict import Weight, in_ms, verdict
from eureka_registry.verbs.tables import quantity

_DRAW_EVERY_S: Final = 0.25
_STYLES: Final = {Weight.GOOD: "green", Weight.NOTE: "yellow", Weight.BAD: "bold red"}
_PIPE_WIDTH: Final = 100
_LATENCIES: Final = ("p50", "p90", "p99", "max ms")
_SPARE: Final = ("bytes", "p90", "p50")
"""Columns that a narrow terminal goes without, in this order."""
_FIRST_WIDTH: Final = 16
_UNBOUNDED: Final = 1_000

Row = tuple[str | Text, ...]


class Progress:
    """A line on standard error that says what is being done; only on a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._tally: Tally | None = None

    def begin(self, tally: Tally) -> None:
        """Show this phase from now on."""
        self._tally = tally

    async def draw(self) -> None:
        """Draw at intervals, until cancelled."""
        if not self._console.is_terminal:
            return
        with self._live:
            while True:
                if self._tally is not None:
                    line = Text(phase_line(self._tally, time.perf_counter()), overflow="ellipsis")
                    self._live.update(line, refresh=True)
                await asyncio.sleep(_DRAW_EVERY_S)

    def say(self, sentence: str) -> None:
        """Print a line, on a terminal or not."""
        self._console.print(escape(sentence), highlight=False, soft_wrap=True)


def phase_line(tally: Tally, now_s: float) -> str:
    """The line for a phase under way."""
    of = "" if tally.goal is None else f" of {tally.goal:,}"
    errors = f", {tally.errors:,} errors" if tally.errors else ""
    return f"{tally.name}: {tally.done:,}{of}{errors}, {now_s - tally.moment:.1f} s"


def show(report: Report, output: str, console: Console | None = None) -> None:
    """Print a report on standard output, in colours only on a terminal."""
    console = console or Console(highlight=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    if output == "json":
        console.out(as_json(report), highlight=False)
        return
    console.print(Text(headline(report)), soft_wrap=not console.is_terminal)
    console.print(fit_table(console, phase_rows(report.phases)))
    if report.sight or report.freshness:
        console.print(fit_table(console, sight_rows(report)))
    for sentence in verdict(report):
        text = Text(sentence.text, style=_STYLES[sentence.weight])
        console.print(text, soft_wrap=not console.is_terminal)
    if report.left is not None:  # unbroken, so that it can be copied
        console.print(Text(f"To remove them: {report.left.remove}"), soft_wrap=True)


def as_json(report: Report) -> str:
    """The report as a document; the fields are explained in docs/benchmarking.md."""
    sentences = [sentence.text for sentence in verdict(report)]
    document = msgspec.to_builtins(report) | {"passed": report.passed, "verdict": sentences}
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def headline(report: Report) -> str:
    """What was measured, at which server."""
    rate = "as fast as it goes" if report.rate is None else f"{report.rate:g} operations a second"
    holding = report.found[report.urls[0]]
    return (
        f"{report.application}: {quantity(report.instances, 'instance')} at {report.urls[0]}, "
        f"which held {quantity(holding.instances, 'instance')} of "
        f"{quantity(holding.applications, 'application')}; "
        f"{quantity(report.connections, 'connection')}, {rate}"
    )


def phase_rows(phases: list[Phase]) -> list[Row]:
    """A row for each kind of operation: how many, how fast, and how long they took."""
    return [("operation", "sent", "errors", "a second", "bytes", *_LATENCIES), *map(_row, phases)]


def _row(phase: Phase) -> Row:
    return (
        phase.name,
        f"{phase.count:,}",
        _error_count(phase.errors),
        f"{phase.per_second:,.0f}",
        f"{phase.bytes_per_answer:,}" if phase.latency_ms else "",
        *_latency(phase.latency_ms),
    )


def sight_rows(report: Report) -> list[Row]:
    """Rows for how soon a change could be read, and where."""
    rows: list[Row] = [("a change can be read", "changes", "never", *_LATENCIES)]
    seen: list[tuple[str, Freshness | Sight]] = []
    if report.freshness is not None:
        seen.append(("in the list", report.freshness))
    seen += [(f"itself, {sight.url}", sight) for sight in report.sight]
    for where, found in seen:
        never = _error_count(found.unseen)
        rows.append((where, f"{found.changes:,}", never, *_latency(found.after_ms)))
    return rows


def fit_table(console: Console, rows: list[Row]) -> Table:
    """A table, on a narrow terminal without optional columns; the first row has the headings."""
    table = _table(rows)
    unbounded = console.options.update(max_width=_UNBOUNDED)
    for spared in _SPARE:
        if Measurement.get(console, unbounded, table).minimum <= console.width:
            break
        kept = [place for place, heading in enumerate(rows[0]) if heading != spared]
        rows = [tuple(row[place] for place in kept) for row in rows]
        table = _table(rows)
    return table


def _table(rows: list[Row]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
    first, *headings = (str(heading) for heading in rows[0])
    table.add_column(first, overflow="fold", min_width=_FIRST_WIDTH)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True, min_width=len(heading))
    for row in rows[1:]:
        table.add_row(*row)
    return table


def _latency(latency: Latency | None) -> list[str]:
    if latency is None:
        return ["", "", "", ""]
    return [in_ms(value) for value in (latency.p50, latency.p90, latency.p99, latency.max)]


def _error_count(count: int) -> Text:
    """A count of errors, marked unless it is 0."""
    return Text(f"{count:,}", style="red" if count else "")
