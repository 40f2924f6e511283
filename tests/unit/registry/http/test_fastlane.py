"""What the fast lane recognises: one whole plain request, and nothing it is not sure of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_registry.http.auth import Identity
from eureka_registry.http.fastlane import Block, FastLane, harmless, split

PLAIN = b"PUT /eureka/apps/foo/a:b-1 HTTP/1.1\r\nHost: x\r\n\r\n"


REGISTRATION = b"POST /eureka/apps/foo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
LIMIT = 100

Seen = tuple[object, ...] | None


def result_of(
    data: bytes, answer: bytes | None = b"answer", known: dict[bytes, Identity] | None = None
) -> Seen:
    """What is renewed or registered, and for whom; `None` if that is left to aiohttp."""
    calls: list[tuple[object, ...]] = []

    def renew(*renewed: object) -> bytes | None:
        calls.append(renewed)
        return answer

    def register(*registered: object) -> bytes | None:
        calls.append(registered)
        return answer

    lane = FastLane(renew, register, LIMIT, known.get if known is not None else None)
    given = lane.answer(data)
    assert given == (answer if calls else None)
    return calls[0] if calls else None


@pytest.mark.parametrize(
    ("line", "renewed"),
    [
        (b"/eureka/apps/foo/a:b-1", (("FOO", "a:b-1"), None, None, None)),
        (b"/eureka/v2/apps/A.b_c-1/i", (("A.B_C-1", "i"), None, None, None)),
        (b"/eureka/apps/A/i?status=UP", (("A", "i"), None, "UP", None)),
        (
            b"/eureka/apps/A/i?status=OUT_OF_SERVICE&lastDirtyTimestamp=12",
            (("A", "i"), 12, "OUT_OF_SERVICE", None),
        ),
        (b"/eureka/apps/A/i?lastDirtyTimestamp=12", None),
        (b"/eureka/apps/A/i?status=UP&lastDirtyTimestamp=", None),
        (b"/eureka/apps/A/i?status=UP&lastDirtyTimestamp=" + b"9" * 19, None),
        (b"/eureka/apps/A/i?status=up", None),
        (b"/eureka/apps/A/i?", None),
        (b"/eureka/apps/A/i%41", None),
        (b"/eureka/apps/A/i;x", None),
        (b"/eureka/apps/A/i/", None),
        (b"/eureka/apps/A/i/status", None),
        (b"/eureka/apps/A", None),
        (b"/eureka/v1/apps/A/i", None),
        (b"/ctx/eureka/apps/A/i", None),
        (b"http://x/eureka/apps/A/i", None),
        (b"/eureka/apps/A/\xc3\xbc", None),
    ],
)
def test_renewals(line: bytes, renewed: Seen) -> None:
    """Percent escapes, parameters and other queries are somebody else's business."""
    assert result_of(b"PUT %b HTTP/1.1\r\nHost: x\r\n\r\n" % line) == renewed


@pytest.mark.parametrize(
    ("path", "app"),
    [
        (b"/eureka/apps/foo", "FOO"),
        (b"/eureka/v2/apps/A.b_c-1", "A.B_C-1"),
        (b"/eureka/apps/deltas", "DELTAS"),
        (b"/eureka/apps/delta", None),
        (b"/eureka/apps/A/", None),
        (b"/eureka/apps/A?x", None),
        (b"/eureka/apps/%41", None),
        (b"/eureka/v1/apps/A", None),
        (b"/eureka/apps/" + b"x" * 201, None),
    ],
)
def test_registrations(path: bytes, app: str | None) -> None:
    """`delta` is another resource."""
    head = b"Host: x\r\nContent-Type: a/b; c=d\r\nContent-Length: 3\r\n\r\n"
    registered = result_of(b"POST %b HTTP/1.1\r\n" % path + head + b"\r\n\r")

    assert registered == ((app, "a/b; c=d", b"\r\n\r", None) if app else None)


def test_a_refused_registration_is_left_to_aiohttp() -> None:
    """The ordinary way says why."""
    assert result_of(REGISTRATION, answer=None) == ("FOO", "", b"{}", None)


WHO = Identity("who")


@pytest.mark.parametrize(
    ("head", "taken"),
    [
        (b"Host: x\r\nAuthorization: a b\r\n", True),
        (b"authorization: a b\r\nHost: x\r\n", True),
        (b"Host: x\r\nAuthorization: a b\r\nAccept: y\r\n", True),
        (b"Host: x\r\n", False),
        (b"Host: x\r\nAuthorization: a  b\r\n", False),
        (b"Host: x\r\nAuthorization: a b \r\n", False),
        (b"Host: x\r\nAuthorization:a b\r\n", False),
        (b"Host: x\r\nAUTHORIZATION: a b\r\n", False),
        (b"Host: x\r\nAuthorization: a b\r\nAuthorization: a b\r\n", False),
        (b"Host: x\r\nAuthorization: a b\r\n folded\r\n", False),
        (b"Host: x\r\nX-Authorization: a b\r\n", False),
        (b"Host: x\nAuthorization: a b\r\n", False),
        (b"Host: x\r\nPragma: Authorization: a b\r\nAccept: y\r\n", False),
        (b"Host: x\r\nUnknown: y\r\nAuthorization: a b\r\n", False),
    ],
)
def test_where_not_everybody_may_do_everything_who_asks_is_known(head: bytes, taken: bool) -> None:  # noqa: FBT001
    """By one header, byte for byte; the rest is as harmless as without it."""
    known = {b"a b": WHO}
    renewed = result_of(b"PUT /eureka/apps/a/i HTTP/1.1\r\n" + head + b"\r\n", known=known)
    registered = result_of(
        b"POST /eureka/apps/a HTTP/1.1\r\n" + head + b"Content-Length: 1\r\n\r\nx", known=known
    )

    assert renewed == ((("A", "i"), None, None, WHO) if taken else None)
    assert registered == (("A", "", b"x", WHO) if taken else None)


def test_a_refused_renewal_is_left_to_aiohttp() -> None:
    """The ordinary way says why."""
    assert result_of(PLAIN, answer=None) == (("FOO", "a:b-1"), None, None, None)


def test_heads_that_differ_in_credentials_alone_are_one() -> None:
    """Each client has its own; to remember all would take megabytes."""
    rest = b"Host: x\r\nAccept: y\r\n\r\n"
    one = rest.replace(b"Accept", b"Authorization: first\r\nAccept")
    other = b"Authorization: second\r\n" + rest

    assert split(one) == (rest, b"first")
    assert split(other) == (rest, b"second")
    assert split(b"Authorization: cut") == (b"Authorization: cut", b"")
    assert split(b"uthorization: x\r\n") == (b"uthorization: x\r\n", b"")


@pytest.mark.parametrize("length", [0, 1, LIMIT, LIMIT + 1])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_body_is_as_long_as_was_said_and_may_be(length: int, more: int) -> None:
    """Else it belongs to another request, or is too large."""
    head = REGISTRATION.replace(b": 2", b": %d" % length)[:-2]
    body = b"x" * max(0, length + more)

    assert (result_of(head + body) is not None) == (len(body) == length <= LIMIT)


@pytest.mark.parametrize(
    ("head", "block"),
    [
        (b"Host: x\r\n\r\n", Block(0, "")),
        (b"Host: x\r\ncontent-length:12\r\nContent-Type: A/b \r\n\r\n", Block(12, "A/b ")),
    ],
)
def test_what_a_block_says_of_the_body(head: bytes, block: Block) -> None:
    """Its length and its type."""
    assert harmless(head) == block


@pytest.mark.parametrize(
    "head",
    [
        b"Host: x\r\n\r\n",
        b"host:x\r\n\r\n",
        b"Host:\r\n\r\n",
        b"Host: x\r\nContent-Length: 0\r\n\r\n",
        b"Host: x\r\nConnection: Keep-Alive\r\nAccept: a b\r\n\r\n",
    ],
)
def test_harmless_headers(head: bytes) -> None:
    """Those that change nothing about a request."""
    assert harmless(head) is not None


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\r\n",
        b"\r\n\r\n",
        b"Accept: x\r\n\r\n",
        b"Host: x\r\n",
        b"Host: x\r\n\r\nx",
        b"Host: x\r\n\r\n\r\n",
        b"Host: x\n\n",
        b"Host: x\r\nHost: x\r\n\r\n",
        b"Host: x\r\nAccept: a\r\naccept: b\r\n\r\n",
        b"Host: x\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        b"Host: x\r\nContent-Length: 0 \r\n\r\n",
        b"Host: x\r\nContent-Length: 00\r\n\r\n",
        b"Host: x\r\nContent-Length: +1\r\n\r\n",
        b"Host: x\r\nContent-Length: 1, 1\r\n\r\n",
        b"Host: x\r\nContent-Length: 1_0\r\n\r\n",
        b"Host: x\r\nContent-Length:\r\n\r\n",
        b"Host: x\r\nContent-Length: 9999999999\r\n\r\n",
        b"Host: x\r\nConnection: close\r\n\r\n",
        b"Host: x\r\nExpect: 100-continue\r\n\r\n",
        b"Host: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"Host: x\r\nx-netflix-discovery-replication: true\r\n\r\n",
        b"Host: x\r\n folded\r\n\r\n",
        b"Host : x\r\n\r\n",
        b"Host:  x\r\n\r\n",
        b"Host:\tx\r\n\r\n",
        b"Host: x\r\nAccept: \xff\r\n\r\n",
        b"Host: x\r\nAccept: a\x00\r\n\r\n",
        b"Host: x\r\nAccept: a\rb\r\n\r\n",
        b"Host: x\r\nUnknown: 1\r\n\r\n",
    ],
)
def test_anything_else_is_left_to_aiohttp(head: bytes) -> None:
    """Duplicates too: which of two counts is the parser's to say."""
    assert harmless(head) is None


@pytest.mark.parametrize("whole", [PLAIN, REGISTRATION])
@given(data=st.data())
def test_a_part_is_nothing(whole: bytes, data: st.DataObject) -> None:
    """The rest may be anything."""
    assert result_of(whole[: data.draw(st.integers(0, len(whole) - 1))]) is None


@pytest.mark.parametrize("whole", [PLAIN, REGISTRATION])
@given(more=st.binary(min_size=1, max_size=50))
def test_more_than_one_request_is_nothing(whole: bytes, more: bytes) -> None:
    """Pipelining keeps its order only in one place."""
    assert result_of(whole + more) is None


def test_a_renewal_with_a_body_is_nothing() -> None:
    """Nobody sends one, and nobody would read it."""
    said = PLAIN.replace(b"\r\n\r\n", b"\r\nContent-Length: 2\r\n\r\n")

    assert result_of(said) is None
    assert result_of(said + b"{}") is None


def test_long_requests_are_left_alone() -> None:
    """What is remembered is bounded, in size and in number."""
    lane = FastLane(lambda *_: b"", lambda *_: b"", LIMIT)
    assert lane.answer(PLAIN[:-2] + b"Pragma: " + b"x" * 4096 + b"\r\n\r\n") is None
    for number in range(10_000):
        lane.answer(PLAIN[:-2] + b"Pragma: %d\r\n\r\n" % number)

    assert len(lane._seen) <= 4096
