"""Tables and lines: by rich on a terminal, plain for programs and files; JSON and YAML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final, TextIO

import yaml
from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from eureka_registry.verbs.tables import Line, Table

_COLOURS: Final = {
    "injected": "green",
    "skipped": "yellow",
    "refused": "red",
    "UP": "green",
    "DOWN": "red",
    "STARTING": "yellow",
    "OUT_OF_SERVICE": "yellow",
    "UNKNOWN": "yellow",
    "Ready": "green",
    "ready": "green",
    "agreed": "green",
    "diverged": "red",
    "Failed": "red",
    "Unreachable": "red",
    "True": "green",
    "False": "red",
}
"""Of cells with exactly these words."""
_BETWEEN: Final = 3


def print_table(stream: TextIO, titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows below titles; outcomes and statuses are coloured."""
    cells = [[_printable(cell) for cell in row] for row in rows]
    if stream.isatty():
        table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
        for title in titles:
            table.add_column(title, overflow="fold")
        for row in cells:
            table.add_row(*(Text(cell, style=_COLOURS.get(cell, "")) for cell in row))
        Console(file=stream, highlight=False).print(table)
        return
    lines = [[_heading(title) for title in titles], *cells]
    widths = [max(len(row[at]) for row in lines) + _BETWEEN for at in range(len(titles))]
    for row in lines:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("".join(padded).rstrip(), file=stream)


def print_rows(stream: TextIO, table: Table) -> None:
    """Print a table."""
    print_table(stream, table.titles, table.rows)


def print_lines(stream: TextIO, title: str, lines: Iterable[Line]) -> None:
    """Print a title, and lines below it."""
    shown = [Line(each.about, _printable(each.text)) for each in lines]
    width = max((len(each.about) for each in shown), default=0) + 2
    if not stream.isatty():
        print(_printable(title), file=stream)
        for at, each in enumerate(shown):
            print(f"  {each.about.ljust(width if at else 0)}{each.text}", file=stream)
        return
    console = Console(file=stream, highlight=False)
    console.print(Text(_printable(title), style="bold"))
    table = RichTable(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for at, each in enumerate(shown):
        if at:
            table.add_row(each.about, Text(each.text))
        else:
            console.print(Text(f"  {each.text}"))
    console.print(table)


def print_notes(stream: TextIO, notes: Iterable[str]) -> None:
    """Print notes beside the results."""
    for note in notes:
        print(f"note: {_printable(note)}", file=stream)


def print_line(stream: TextIO, text: str) -> None:
    """Print one line without buffering, for readers of live output."""
    print(_printable(text), file=stream, flush=True)


def print_document(stream: TextIO, form: str, document: object) -> None:
    """Print a JSON document, as `json` or `yaml`."""
    if form == "yaml":
        plain = json.loads(json.dumps(document))  # of subclasses PyYAML would write the names
        yaml.safe_dump(plain, stream, sort_keys=False, allow_unicode=True)
    else:
        print(json.dumps(document, indent=2), file=stream)


def _heading(title: str) -> str:
    """A title in capitals, unless it is a URL."""
    return title if "://" in title else title.upper()


def _printable(text: str) -> str:
    """A text of one line without control characters."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
