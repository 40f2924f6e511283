"""Single values, read as Jackson reads them (`docs/protocol/documents.md#fields`)."""

import pytest

from eureka_registry.core.model import Status
from eureka_registry.wire.fields import (
    INT_MAX,
    LONG_MAX,
    BadDocument,
    Literal,
    display_text,
    flag,
    known_status,
    metadata,
    read_integer,
    refused_document,
    status,
    text,
)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("a", "a"),
        ("", ""),
        (None, None),
        (5, "5"),
        (True, "true"),
        (False, "false"),
        (Literal("1.50"), "1.50"),
        (1.5, "1.5"),
    ],
)
def test_a_scalar_is_read_as_the_text_that_was_written(value: object, read: str | None) -> None:
    """Case 226: a host name 5 and an address `true` are texts to Jackson."""
    assert text(value, "hostName") == read


@pytest.mark.parametrize("value", [[], {}, [1], {"a": 1}])
def test_an_object_is_no_text(value: object) -> None:
    """Java loses its place there; the field is named."""
    with pytest.raises(BadDocument, match="hostName is not a text"):
        text(value, "hostName")


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (8080, 8080),
        ("8080", 8080),
        (" 8080 ", 8080),
        ("-1", -1),
        ("8080.9", 8080),
        (Literal("8080.9"), 8080),
        (Literal("1e3"), 1000),
        (8080.9, 8080),
        ("x", 0),
        ("", 0),
        ("0x10", 0),
        ("1_000", 0),
        ("nan", 0),
        ("9" * 400, 0),
        ("1e400", 0),
        (str(INT_MAX + 1), 0),
        (True, 1),
        (INT_MAX, INT_MAX),
        (-INT_MAX - 1, -INT_MAX - 1),
        (None, None),
    ],
)
def test_numbers_are_read_from_texts_too(value: object, read: int | None) -> None:
    """Every client writes ports and moments in its own way."""
    assert read_integer(value, "port") == read


@pytest.mark.parametrize(
    "value", [INT_MAX + 1, -INT_MAX - 2, Literal("1e400"), Literal("9999999999.0"), [], {}]
)
def test_a_number_no_java_peer_could_read_is_refused(value: object) -> None:
    """Passed on, it would make a Java peer drop a whole batch."""
    with pytest.raises(BadDocument, match="port is not a number"):
        read_integer(value, "port")


def test_a_moment_may_be_as_large_as_a_java_long() -> None:
    """Milliseconds do not fit into 32 bits."""
    assert read_integer(LONG_MAX, "lastDirtyTimestamp", bound=LONG_MAX) == LONG_MAX


def test_text_that_is_no_number_is_refused_where_it_counts_as_nothing() -> None:
    """XStream answers 400 to it."""
    with pytest.raises(BadDocument, match="port"):
        read_integer("x", "port", otherwise=None)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (True, True),
        (False, False),
        (1, True),
        (-1, True),
        (0, False),
        (Literal("1.5"), False),
        (1.5, False),
        ("true", True),
        (" true ", True),
        ("True", False),
        ("1", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("default", [True, False])
def test_flags_follow_jackson(value: object, read: bool, default: bool) -> None:  # noqa: FBT001
    """Case 220: of texts only `true` is true, of numbers every whole one but 0."""
    assert flag(value, "@enabled", default=default) is read


def test_a_flag_not_given_is_the_default() -> None:
    """`port` is enabled by default, `securePort` is not."""
    assert flag(None, "@enabled", default=True)
    with pytest.raises(BadDocument):
        flag([], "@enabled", default=True)


def test_a_status_is_exact_in_json_and_of_any_case_in_xml() -> None:
    """Cases 25 to 27."""
    assert status("up", "status", default=Status.UP) is Status.UNKNOWN
    assert status("up", "status", default=Status.DOWN, fold=True) is Status.UP
    assert status(None, "status", default=Status.UP) is Status.UP
    assert status("", "status", default=Status.UP) is Status.UNKNOWN


def test_a_known_status_is_an_exact_word() -> None:
    """Java's `valueOf` takes nothing else."""
    assert known_status("OUT_OF_SERVICE") is Status.OUT_OF_SERVICE
    assert known_status("bogus") is None
    assert known_status(None) is None


def test_metadata_become_texts() -> None:
    """Case 30, and nested values as a lenient server reads them."""
    given = {"a": 1, "b": True, "c": None, "@class": "x", "n": {"x": 1}, "l": [1], "d": ""}

    assert metadata(given) == {"a": "1", "b": "true", "c": "null", "d": ""}
    assert metadata(None) == {}


@pytest.mark.parametrize("value", [[], [{}], "x", 5])
def test_metadata_that_are_no_map_are_refused(value: object) -> None:
    """A Java thread spins for ever on an array."""
    with pytest.raises(BadDocument, match="metadata is not an object"):
        metadata(value)


def test_values_in_messages_are_short_and_printable() -> None:
    """Messages go into headers and logs."""
    assert display_text("ü\n") == "'\\xfc\\n'"
    assert len(display_text("x" * 500)) == 60


def test_a_refusal_may_carry_a_sentence_for_the_client() -> None:
    """Java's fixed sentence says nothing."""
    assert refused_document("why").sentence == str(refused_document("why")) == "why"
    assert BadDocument("why").sentence is None
