from __future__ import annotations

import pytest

from eureka_sidecar.wire.http1 import (
    MAX_HEAD_BYTES,
    ProtocolError,
    Response,
    ResponseReader,
    request,
)


def read(data: bytes, *, head: bool = False, limit: int = 65_536) -> Response | None:
    """The answer in `data`, which came at once and was followed by nothing yet."""
    return ResponseReader(limit, head=head).feed(data)


def test_request_has_a_length_where_a_body_is_expected() -> None:
    """Some servers answer a PUT without a length with 411."""
    put = request("PUT", "/eureka/apps/A/i?status=UP", "registry:8761", {"Accept": "a/b"})

    assert put == (
        b"PUT /eureka/apps/A/i?status=UP HTTP/1.1\r\nHost: registry:8761\r\n"
        b"Accept: a/b\r\nContent-Length: 0\r\n\r\n"
    )
    assert request("POST", "/", "h", {}, b"ab").endswith(b"Content-Length: 2\r\n\r\nab")
    assert b"Content-Length" not in request("GET", "/", "h", {})


@pytest.mark.parametrize(
    ("method", "target", "host", "headers"),
    [
        ("GET\r\nX: y", "/", "h", {}),
        ("", "/", "h", {}),
        ("GET", "/ HTTP/1.1\r\nX: y", "h", {}),
        ("GET", "/a b", "h", {}),
        ("GET", "apps", "h", {}),
        ("GET", "/ä", "h", {}),
        ("GET", "/", "h\nX: y", {}),
        ("GET", "/", "h", {"A": "b\r\nX: y"}),
        ("GET", "/", "h", {"A\r\nX": "b"}),
        ("GET", "/", "h", {"": "b"}),
        ("GET", "/", "h", {"Content-Length": "7"}),
    ],
)
def test_nothing_in_a_request_can_begin_another_line(
    method: str, target: str, host: str, headers: dict[str, str]
) -> None:
    """Ids and metadata come from pods; a line end in one would be another request."""
    with pytest.raises(ValueError, match=r"\w+"):
        request(method, target, host, headers)


def test_refused_value_is_not_quoted() -> None:
    """It may be a password with a line end in its file."""
    with pytest.raises(ValueError, match="Authorization") as error:
        request("GET", "/", "h", {"Authorization": "Bearer hunter2\n"})

    assert "hunter2" not in str(error.value)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
ANSWERS = [
    (b"HTTP/1.1 204 \r\n\r\n", 204, b"", True),
    (b"HTTP/1.1 204\r\n\r\n", 204, b"", True),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, b"", True),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", 200, b"ab", True),
    (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nab", 200, b"ab", True),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nab", 200, b"ab", True),
    (b"HTTP/1.1 200 OK\r\nconnection: Close\r\ncontent-length: 0\r\n\r\n", 200, b"", False),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b"", False),
    (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", 200, b"", True),
    (
        CHUNKED + b"2;x=y\r\nab\r\n0a\r\n0123456789\r\n0\r\nTrailer: z\r\n\r\n",
        200,
        b"ab0123456789",
        True,
    ),
    (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n0\r\n\r\n",
        200,
        b"",
        False,
    ),
    (
        INTERIM + b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        404,
        b"",
        True,
    ),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 408 ", 200, b"", False),
]


@pytest.mark.parametrize(("data", "status", "body", "keep_alive"), ANSWERS)
def test_answer_is_read_whole(data: bytes, status: int, body: bytes, keep_alive: bool) -> None:  # noqa: FBT001 - a column
    """Every way in which a server may say where its answer ends (RFC 9112, 6.3)."""
    answer = read(data)

    assert answer
    assert (answer.status, answer.body, answer.keep_alive) == (status, body, keep_alive)


@pytest.mark.parametrize("data", [row[0] for row in ANSWERS[:-1]])
def test_answer_may_come_byte_by_byte(data: bytes) -> None:
    """A packet ends anywhere. It is complete with its last byte, and not before."""
    reader = ResponseReader()
    answers = [reader.feed(data[index : index + 1]) for index in range(len(data))]

    assert answers[:-1] == [None] * (len(data) - 1)
    assert answers[-1] == read(data)


def test_answer_without_a_length_ends_with_the_connection() -> None:
    """Servers of HTTP/1.0 do so, and proxies that give up."""
    reader = ResponseReader()

    assert reader.feed(b"HTTP/1.1 500 Oops\r\n\r\nab") is None
    assert reader.status == 500
    assert reader.eof() == Response(500, {}, b"ab", keep_alive=False)


def test_answer_to_head_has_no_body() -> None:
    """Its headers announce one that does not come."""
    answer = read(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", head=True)

    assert answer
    assert answer.keep_alive
    assert answer.headers == {"content-length": "7"}


def test_repeated_header_is_joined() -> None:
    """As RFC 9110, 5.3 defines it."""
    answer = read(b"HTTP/1.1 204 No\r\nX: a\r\nx:  b \r\n\r\n")

    assert answer
    assert answer.headers == {"x": "a, b"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP/1.1"),
        (b"\x15\x03\x03\x00\x02\x02\n", "does not speak HTTP/1.1"),
        (b"HTTP/2 200 OK\r\n\r\n", "does not speak HTTP/1.1"),
        (b"HTTP/1.1 2x0 OK\r\n\r\n", "status"),
        (b"HTTP/1.1 +20 OK\r\n\r\n", "status"),
        (b"HTTP/1.1 999 OK\r\n\r\n", "status"),
        (b"HTTP/1.1 101 Switching\r\n\r\n", "protocol that was not asked for"),
        (b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n", "header that is none"),
        (b"HTTP/1.1 200 OK\r\n folded\r\n\r\n", "header that is none"),
        (b"HTTP/1.1 200 OK\r\nX\r\n\r\n", "header that is none"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "Content-Length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "Content-Length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n", "body of more than 10 bytes"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 11, "body of more than 10 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "transfer coding"),
        (CHUNKED + b"-1\r\n", "chunk without a size"),
        (CHUNKED + b"\r\n", "chunk without a size"),
        (CHUNKED + b"1\r\nab\r\n", "longer"),
        (
            CHUNKED + b"6\r\n123456\r\n5\r\n",
            "body of more than 10 bytes",
        ),
        (CHUNKED + b"1" * 300, "line of more"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * MAX_HEAD_BYTES, "line of more"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 4_000, "bytes of headers"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000, "bytes of headers"),
    ],
)
def test_what_is_no_answer_or_too_large_is_refused(data: bytes, reason: str) -> None:
    """Whatever listens at a wrong port must not fill a container's 24 MiB."""
    with pytest.raises(ProtocolError, match=reason):
        read(data, limit=10)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "without an answer"),
        (b"HTTP/1.1 2", "in the middle"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", "in the middle"),
        (CHUNKED + b"1\r\na\r\n", "in the middle"),
    ],
)
def test_answer_that_is_broken_off_is_none(data: bytes, reason: str) -> None:
    """Half a document must not be taken for one; nothing at all may be asked for again."""
    reader = ResponseReader()
    reader.feed(data)

    assert reader.started == bool(data)
    with pytest.raises(ProtocolError, match=reason):
        reader.eof()
