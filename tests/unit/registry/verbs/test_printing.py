"""What is printed for people, and what for programs."""

from __future__ import annotations

import io
import json

import yaml

from eureka_registry.verbs.printing import print_document, print_lines, print_table
from eureka_registry.verbs.tables import Line
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


def test_table_has_colours_on_a_terminal() -> None:
    """Refused is red."""
    stream = Terminal()

    print_table(stream, ("object", "result"), [("Pod a/b", "refused")])

    assert "Pod a/b" in stream.getvalue()
    assert "refused" in stream.getvalue()


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
