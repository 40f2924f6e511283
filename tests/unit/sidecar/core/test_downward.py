from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_sidecar.core.downward import (
    MAX_PROBLEMS,
    PodOptions,
    parse,
    read_options,
)
from eureka_sidecar.core.metadata import MAX_METADATA, MAX_VALUE_BYTES


@pytest.mark.parametrize(
    ("quoted", "value"),
    [
        (r'""', ""),
        (r'"true"', "true"),
        (r'"a=b"', "a=b"),
        (r'"say \"yes\""', 'say "yes"'),
        (r'"C:\\new"', "C:\\new"),
        (r'"ends with \\"', "ends with \\"),
        (r'"one\ntwo\tthree\r"', "one\ntwo\tthree\r"),
        (r'"\a\b\f\v"', "\a\b\f\v"),
        (r'"\x00\x7f"', "\x00\x7f"),
        (r'"\u2028\u00ad"', "\u2028\xad"),
        (r'"\U000e0001"', "\U000e0001"),
        (r'"\xff"', "\ufffd"),
        ('"Zürich 🙂"', "Zürich 🙂"),
    ],
)
def test_values_are_unquoted_as_go_quotes_them(quoted: str, value: str) -> None:
    """Metadata may hold anything, and clients compare it."""
    assert parse(f"key={quoted}\n") == ({"key": value}, ())


def go_quoted(text: str) -> str:
    """`strconv.Quote`, but everything that is not ASCII is escaped."""
    named = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    letters = []
    for letter in text:
        code = ord(letter)
        if letter in named:
            letters.append(named[letter])
        elif 0x20 <= code < 0x7F:
            letters.append(letter)
        elif code < 0x80:
            letters.append(f"\\x{code:02x}")
        else:
            letters.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return f'"{"".join(letters)}"'


@given(st.text())
def test_any_value_comes_back(text: str) -> None:
    """Combinations of escapes that nobody thought of."""
    assert parse(f"key={go_quoted(text)}") == ({"key": text}, ())


@given(st.text(alphabet='\\"xuUn0aG=\n '))
def test_no_text_breaks_it(text: str) -> None:
    """Whoever may annotate the pod must not be able to stop the sidecar."""
    values, problems = parse(text)

    assert len(values) + len(problems) <= text.count("\n") + 1


@pytest.mark.parametrize(
    "line",
    [
        "no value", "key=unquoted", '="nameless"', 'key="', 'key="open', 'key="a"b"', r'key="\"',
        r'key="\q"', r'key="\x1"', r'key="\xg0"', r'key="\u12"', r'key="\ud800"',
        r'key="\U00110000"',
        r'key="\x+1"', r'key="a\"', r'key="a\\"b"',
    ],
)  # fmt: skip
def test_broken_line_is_skipped_and_said_without_its_value(line: str) -> None:
    """The others still count; an annotation may hold what must not be logged."""
    values, problems = parse(f'first="1"\n{line}\nlast="2"')

    assert values == {"first": "1", "last": "2"}
    assert problems == ('line 2 is skipped: it is not key="value"',)


def test_problems_are_counted_off() -> None:
    """A file of 256 KiB may have 100,000 broken lines, and each sentence is kept."""
    long = {f"eurekube.io/metadata.{number}": "x" * 1_025 for number in range(20)}

    assert len(parse("broken\n" * 20)[1]) == MAX_PROBLEMS
    assert len(read_options(long, {}).problems) == MAX_PROBLEMS


def test_pod_without_wishes_has_none() -> None:
    """Foreign annotations mean nothing to us."""
    assert read_options({"kubernetes.io/config.source": "api"}, {"app": "orders"}) == PodOptions()


@pytest.mark.parametrize(("value", "paused"), [("true", True), ("false", False)])
def test_pause_is_said_by_true_and_false(value: str, paused: bool) -> None:  # noqa: FBT001 - a table
    """As Kubernetes' own annotations do."""
    assert read_options({"eurekube.io/paused": value}, {}) == PodOptions(paused=paused)


@pytest.mark.parametrize("value", ["True", "yes", "1", "", " true"])
def test_any_other_pause_is_a_problem_and_no_pause(value: str) -> None:
    """A typing error must not take an instance out of service in silence, or keep it there."""
    found = read_options({"eurekube.io/paused": value}, {})

    assert not found.paused
    assert found.problems == (
        'eurekube.io/paused is neither "true" nor "false": it counts as "false"',
    )


def test_metadata_is_what_follows_the_prefix() -> None:
    """Keys may have dots, as Spring's `management.port`."""
    annotations = {"eurekube.io/metadata.management.port": "8081", "eurekube.io/metadata.v": ""}

    assert read_options(annotations, {}).metadata == {"management.port": "8081", "v": ""}


@pytest.mark.parametrize(
    ("annotations", "labels", "zone"),
    [
        ({}, {"topology.kubernetes.io/zone": "a"}, "a"),
        ({"eurekube.io/zone": "b"}, {"topology.kubernetes.io/zone": "a"}, "b"),
        ({"eurekube.io/zone": ""}, {"topology.kubernetes.io/zone": "a"}, "a"),
        ({"topology.kubernetes.io/zone": "c"}, {}, ""),
    ],
)
def test_zone_is_the_annotation_else_the_label(
    annotations: dict[str, str], labels: dict[str, str], zone: str
) -> None:
    """Kubernetes copies the node's zone into a label (KEP-4742); a user may know better."""
    assert read_options(annotations, labels).zone == zone


def test_only_so_many_keys_are_taken_and_always_the_same() -> None:
    """Every client of the registry gets a copy; order in the file is no wish."""
    names = [f"eurekube.io/metadata.k{number:02}" for number in range(MAX_METADATA + 3)]
    forwards = read_options(dict.fromkeys(names, "v"), {})

    assert list(forwards.metadata) == [f"k{number:02}" for number in range(MAX_METADATA)]
    assert forwards == read_options(dict.fromkeys(reversed(names), "v"), {})
    assert forwards.problems == (
        "eurekube.io/metadata.k32 is dropped: only 32 keys of metadata are allowed",
    )


def test_what_is_too_long_is_dropped_and_said_without_its_value() -> None:
    """Bytes count, not letters: that is what is copied."""
    fits, long = "ü" * (MAX_VALUE_BYTES // 2), "ü" * (MAX_VALUE_BYTES // 2) + "x"
    annotations = {
        "eurekube.io/metadata.a": fits,
        "eurekube.io/metadata.b": long,
        "eurekube.io/metadata.": "nameless",
        "eurekube.io/zone": long,
    }

    found = read_options(annotations, {"topology.kubernetes.io/zone": "a"})

    assert found == PodOptions(
        metadata={"a": fits},
        problems=(
            "eurekube.io/metadata. is dropped: the name of the metadata is missing after the dot",
            "eurekube.io/metadata.b is dropped: it has more than 1024 bytes",
            "eurekube.io/zone is dropped: it has more than 1024 bytes",
        ),
    )


@pytest.mark.parametrize("letter", ["\0", "\x1b", "\x1f", "\ufffe", "\uffff"])
def test_what_xml_cannot_hold_is_dropped(letter: str) -> None:
    """Our registry would refuse the whole instance, and Java's break all who read XML."""
    found = read_options({"eurekube.io/metadata.a": f"x{letter}", "eurekube.io/zone": letter}, {})

    assert found == PodOptions(
        problems=(
            "eurekube.io/metadata.a is dropped: it holds a control character",
            "eurekube.io/zone is dropped: it holds a control character",
        )
    )


@pytest.mark.parametrize("key", ["1a", "a/b", "-a", "\u00fc"])
def test_key_that_xml_cannot_hold_is_dropped(key: str) -> None:
    """A key becomes the name of an element: the rule is that of configured metadata."""
    (problem,) = read_options({f"eurekube.io/metadata.{key}": "x"}, {}).problems

    assert problem == (
        f"eurekube.io/metadata.{key} is dropped: as XML has it, a key is of letters, digits, '_',"
        " '-' and '.', the first a letter or '_'"
    )


def test_lines_and_tabs_are_kept() -> None:
    """XML can hold them, and annotations often end in a line's end."""
    assert read_options({"eurekube.io/metadata.a": "x\ty\r\n"}, {}).metadata == {"a": "x\ty\r\n"}
