"""What is printed for people, and what for programs."""

from __future__ import annotations

import io
import json
import re

import pytest
import yaml

from eureka_registry.verbs.printing import (
    print_document,
    print_line,
    print_lines,
    print_notes,
    print_rows,
    print_table,
)
from eureka_registry.verbs.tables import Line, Table
from eureka_registry.wire.fields import Literal

_HOSTILE = "a\x1b[31mb\nc\x07"


class Terminal(io.StringIO):
    """A stream at which a person sits."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_table_is_plain_where_it_is_not_seen() -> None:
    """One row is one line, however long it is; and no line ends in blanks."""
    stream = io.StringIO()

    print_table(stream, ("object", "result"), [("Pod a/b", "ok"), ("x" * 200, "")])

    assert (
        stream.getvalue() == f"{'OBJECT'.ljust(203)}RESULT\n{'Pod a/b'.ljust(203)}ok\n{'x' * 200}\n"
    )


GREEN, RED, YELLOW = 32, 31, 33


@pytest.mark.parametrize(
    ("colour", "words"),
    [
        (GREEN, ("injected", "UP", "Ready", "ready", "agreed", "True")),
        (YELLOW, ("skipped", "STARTING", "OUT_OF_SERVICE", "UNKNOWN")),
        (RED, ("refused", "DOWN", "diverged", "Failed", "Unreachable", "False")),
    ],
)
def test_outcomes_and_statuses_have_colours_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, colour: int, words: tuple[str, ...]
) -> None:
    """And no other words, as numbers and URLs; a file has no colours at all."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        print_table(stream, ("object", "result"), [("http://a/1", word) for word in words])

    for word in words:
        assert re.search(rf"\x1b\[{colour}m{word} *\x1b\[0m", terminal.getvalue())
    assert "http://a/1 " in terminal.getvalue()
    assert "\x1b" not in file.getvalue()


def test_nothing_is_cut_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever copies a URL needs all of it."""
    monkeypatch.setenv("COLUMNS", "40")
    table, lines = Terminal(), Terminal()

    print_table(table, ("a", "b"), [("1", "x" * 100)])
    print_lines(lines, "title", [Line("", "First."), Line("registry", "x" * 100)])

    for stream in (table, lines):
        assert stream.getvalue().count("x") == 100
        assert "\u2026" not in stream.getvalue()
    plain = re.sub(r"\x1b\[\d+m", "", lines.getvalue())
    assert plain.startswith("title\n  First.\n")
    assert "registry" in lines.getvalue()


def test_titles_are_in_capitals_but_for_urls() -> None:
    """`diff` has the servers as titles."""
    stream = io.StringIO()

    print_rows(stream, Table(("field", "http://a/eureka"), (("status", "UP"),)))

    assert stream.getvalue() == "FIELD    http://a/eureka\nstatus   UP\n"


class Watched(io.StringIO):
    """A stream of which another program reads each line at once."""

    flushed = ""

    def flush(self) -> None:
        """Show what was written so far."""
        self.flushed = self.getvalue()


def test_lines_come_at_once() -> None:
    """`watch` is read by other programs."""
    stream = Watched()

    print_line(stream, "\u00fc is well")

    assert stream.flushed == "\u00fc is well\n"


def test_notes_say_that_they_are_notes() -> None:
    """They stand beside results."""
    stream = io.StringIO()

    print_notes(stream, ["first", "second\n"])

    assert stream.getvalue() == "note: first\nnote: second\\n\n"


def test_nothing_that_a_terminal_obeys_is_printed() -> None:
    """A file from anywhere may have such names."""
    for stream in (io.StringIO(), Terminal()):
        print_table(stream, ("object",), [(_HOSTILE,)])
        print_lines(stream, _HOSTILE, [Line("", "first"), Line("a", _HOSTILE)])

        assert stream.getvalue().count(r"a\x1b[31mb\nc\x07") == 3


def test_lines_stand_below_their_title() -> None:
    """A line that goes on with the one above has nothing on its left."""
    stream = io.StringIO()

    print_lines(stream, "Pod a/b", [Line("", "First."), Line("registry", "u1"), Line("", "u2")])

    assert stream.getvalue() == "Pod a/b\n  First.\n  registry  u1\n            u2\n"


def test_documents_are_json_or_yaml() -> None:
    """A number that the reader kept as text is written as text by both."""
    document = {"instance": {"port": Literal("1e3"), "b": [True, None]}}
    as_json, as_yaml = io.StringIO(), io.StringIO()

    print_document(as_json, "json", document)
    print_document(as_yaml, "yaml", document)

    assert json.loads(as_json.getvalue()) == yaml.safe_load(as_yaml.getvalue()) == document


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("json", '{\n  "name": "\\u00fc",\n  "app": "A"\n}\n'),
        ("yaml", "name: \u00fc\napp: A\n"),
    ],
)
def test_documents_keep_their_order_and_can_be_read(form: str, text: str) -> None:
    """People read them, too."""
    stream = io.StringIO()

    print_document(stream, form, {"name": "\u00fc", "app": "A"})

    assert stream.getvalue() == text
