"""Requests as bytes, and answers to them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_sidecar.wire.requests import MAX_HEAD_BYTES, Refused, Request, RequestReader, answer


def read(*lines: str) -> Request | None:
    """A request of these lines."""
    return RequestReader().feed("\r\n".join([*lines, "", ""]).encode("latin-1"))


def refusal(*lines: str) -> int:
    """The status that a request of these lines is refused with."""
    with pytest.raises(Refused) as caught:
        read(*lines)
    return caught.value.status


def test_request_is_read_and_decoded() -> None:
    """Percent signs and plus are how clients write what is not a letter."""
    request = read("GET /v1/a%70ps/X?vip=a%3A7001&zone=z+1&secure HTTP/1.1", "HOST: LocalHost:80 ")

    query = {"vip": "a:7001", "zone": "z 1", "secure": ""}
    assert request == Request("GET", "/v1/apps/X", query, "localhost:80", True)  # noqa: FBT003 - by place


@given(st.integers(1, 70))
def test_request_is_the_same_in_whatever_pieces_it_comes(size: int) -> None:
    """TCP keeps no boundaries."""
    data = b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\nGET /next HTTP/1.1\r\n\r\n"
    reader = RequestReader()
    paths = []
    for start in range(0, len(data), size):
        request = reader.feed(data[start : start + size])
        while request:
            paths.append(request.path)
            request = reader.feed(b"")

    assert paths == ["/ping", "/next"]


@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [("1.1", "", True), ("1.1", "Close", False), ("1.0", "", False), ("1.0", "keep-alive", False)],
)
def test_connection_is_kept_as_long_as_both_sides_may_think_so(
    version: str, connection: str, *, kept: bool
) -> None:
    """HTTP/1.0 has no keep-alive of its own; closing is always right."""
    request = read(f"GET / HTTP/{version}", f"Connection: {connection}")

    assert request
    assert request.keep_alive is kept


@pytest.mark.parametrize(
    "line",
    [
        "",
        "GET /",
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 x",
        "G(T / HTTP/1.1",
        "GET http://localhost/ HTTP/1.1",
        "GET /a\tb HTTP/1.1",
        "GET /%zz HTTP/1.1",
        "GET /%4 HTTP/1.1",
        "GET /%+1 HTTP/1.1",
        "GET /%ff HTTP/1.1",
        "GET /?" + "a=1&" * 17 + " HTTP/1.1",
    ],
)
def test_first_line_that_is_none_is_refused(line: str) -> None:
    """What another program would read differently is not read at all."""
    assert refusal(line, "Host: localhost") == 400


@pytest.mark.parametrize(
    "header",
    ["Host", ": x", " Host: x", "Ho st: x", "Host : x", "Host: a\r\nHost: b", "A: x\nHost: y"],
)
def test_header_that_is_none_is_refused(header: str) -> None:
    """The check of `Host` is only as good as its reading."""
    assert refusal("GET / HTTP/1.1", header) == 400


@pytest.mark.parametrize("header", ["Content-Length: 5", "Transfer-Encoding: chunked"])
def test_request_with_a_body_is_refused(header: str) -> None:
    """Its body would be read as the next request."""
    assert refusal("GET / HTTP/1.1", header) == 413


def test_request_of_another_version_is_refused() -> None:
    """HTTP/2 begins with a first line of its own."""
    assert refusal("PRI * HTTP/2.0") == 505


def test_request_without_end_is_refused() -> None:
    """8 KiB, and nothing more is kept of it."""
    reader = RequestReader()
    assert reader.feed(b"GET / HTTP/1.1\r\nA: " + b"x" * (MAX_HEAD_BYTES - 100)) is None

    with pytest.raises(Refused) as caught:
        reader.feed(b"x" * 100)

    assert caught.value.status == 431
    assert refusal("GET / HTTP/1.1", "A: " + "x" * MAX_HEAD_BYTES) == 431


@given(st.binary(max_size=200))
def test_whatever_comes_is_a_request_or_refused(data: bytes) -> None:
    """Any other exception would end the sidecar, and with it the lease."""
    with suppress(Refused):
        RequestReader().feed(data + b"\r\n\r\n")


def test_answer_says_its_length_and_is_not_cached() -> None:
    """A kept connection needs the length; a cache would serve what has gone."""
    assert answer(200, b"[]", "application/json", [("Age", "3")], keep_alive=True) == (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        b"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nAge: 3\r\n"
        b"Connection: keep-alive\r\n\r\n[]"
    )
