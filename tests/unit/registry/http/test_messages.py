"""What is read out of a request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from eureka_registry.http.messages import Call, RequestError
from eureka_registry.wire.negotiate import Form, Format


def call(query: str = "", **headers: str) -> Call:
    """A request."""
    given = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return Call("PUT", query, given, b"", 0)


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", {}),
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a=1&a=2", {"a": "1"}),
        ("flag", {"flag": ""}),
        ("flag=", {"flag": ""}),
        ("=v", {}),
        ("a=b+c%20d", {"a": "b c d"}),
        ("a=%zz", {"a": "%zz"}),
        ("a=%C3%BC", {"a": "ü"}),
        ("a=%C3", {"a": "\ufffd"}),
        ("a=1;b=2", {"a": "1;b=2"}),
        ("a=1=2", {"a": "1=2"}),
        ("&&a=1&&", {"a": "1"}),
    ],
)
def test_a_query_is_read_as_java_does(query: str, fields: dict[str, str]) -> None:
    """Cases D3 and D4: the first of several counts, a name alone holds nothing."""
    assert call(query).query == fields


def test_fields_are_bounded() -> None:
    """A line of eight thousand characters holds four thousand of them."""
    with pytest.raises(RequestError, match="more than 256 fields"):
        _ = call("&".join("a" for _ in range(300))).query


@pytest.mark.parametrize(
    ("text", "moment"),
    [("1", 1), ("-5", -5), ("007", 7), ("9223372036854775807", 2**63 - 1),
     ("-9223372036854775807", -(2**63) + 1)],
)  # fmt: skip
def test_moments(text: str, moment: int) -> None:
    """What a Java `long` holds."""
    assert call(f"t={text}").moment("t") == moment
    assert call("x=1").moment("t") is None


@pytest.mark.parametrize(
    "text",
    ["", "-", "--1", "1-", "%2B1", "1.0", "1e3", "0x1", "1_000", "%20" + "1", "%D9%A1", "²",
     "9223372036854775808", "9" * 20, "9" * 5000],
)  # fmt: skip
def test_what_is_no_moment(text: str) -> None:
    """Refused with a short sentence, before anything is done."""
    with pytest.raises(RequestError) as error:
        call(f"t={text}").moment("t")

    assert len(str(error.value)) < 120


@given(query=st.text(max_size=80))
def test_any_query_is_read(query: str) -> None:
    """Names are never empty."""
    assert "" not in call(query).query


@pytest.mark.parametrize(
    ("value", "peer"), [("true", True), ("TRUE", False), ("1", False), ("false", False)]
)
def test_only_the_exact_word_makes_a_peer(value: str, *, peer: bool) -> None:
    """Case 72."""
    assert call(x_netflix_discovery_replication=value).from_peer is peer


def test_forms() -> None:
    """Version 1 matters to XML only."""
    assert call(accept="application/json").form(v1=True) == Form(Format.JSON)
    assert call(x_eureka_accept="compact").form(v1=True) == Form(Format.XML, compact=True, v1=True)
    assert call(accept_encoding="gzip").gzip
    assert not call().gzip
