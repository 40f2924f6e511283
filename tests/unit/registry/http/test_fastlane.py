"""What the fast lane recognises: one whole plain renewal, and nothing it is not sure of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_registry.http.fastlane import FastLane, is_harmless

PLAIN = b"PUT /eureka/apps/foo/a:b-1 HTTP/1.1\r\nHost: x\r\n\r\n"


def seen(data: bytes) -> tuple[str, str, int | None] | None:
    """What is renewed, `None` if that is left to aiohttp."""
    calls: list[tuple[str, str, int | None]] = []

    def renew(app: str, instance_id: str, last_dirty_ms: int | None) -> bytes:
        calls.append((app, instance_id, last_dirty_ms))
        return b"answer"

    answer = FastLane(renew).answer(data)
    assert (answer == b"answer") == bool(calls)
    return calls[0] if calls else None


@pytest.mark.parametrize(
    ("line", "renewed"),
    [
        (b"/eureka/apps/foo/a:b-1", ("FOO", "a:b-1", None)),
        (b"/eureka/v2/apps/A.b_c-1/i", ("A.B_C-1", "i", None)),
        (b"/eureka/apps/A/i?status=UP", ("A", "i", None)),
        (b"/eureka/apps/A/i?status=OUT_OF_SERVICE&lastDirtyTimestamp=12", ("A", "i", 12)),
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
def test_request_lines(line: bytes, renewed: tuple[str, str, int | None] | None) -> None:
    """Percent escapes, parameters and other queries are somebody else's business."""
    assert seen(b"PUT %b HTTP/1.1\r\nHost: x\r\n\r\n" % line) == renewed


@pytest.mark.parametrize(
    "block",
    [
        b"Host: x\r\n\r\n",
        b"host:x\r\n\r\n",
        b"Host:\r\n\r\n",
        b"Host: x\r\nContent-Length: 0\r\n\r\n",
        b"Host: x\r\nConnection: Keep-Alive\r\nAccept: a b\r\n\r\n",
    ],
)
def test_harmless_headers(block: bytes) -> None:
    """Those that change nothing about a renewal."""
    assert is_harmless(block)


@pytest.mark.parametrize(
    "block",
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
        b"Host: x\r\nContent-Length: 2\r\n\r\n",
        b"Host: x\r\nContent-Length: 0 \r\n\r\n",
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
def test_anything_else_is_left_to_aiohttp(block: bytes) -> None:
    """Duplicates too: which of two counts is the parser's to say."""
    assert not is_harmless(block)


@given(cut=st.integers(0, len(PLAIN) - 1))
def test_a_part_is_nothing(cut: int) -> None:
    """The rest may be anything."""
    assert seen(PLAIN[:cut]) is None


@given(more=st.binary(min_size=1, max_size=50))
def test_more_than_one_request_is_nothing(more: bytes) -> None:
    """Pipelining and bodies keep their order only in one place."""
    assert seen(PLAIN + more) is None


def test_long_requests_are_left_alone() -> None:
    """What is remembered is bounded, in size and in number."""
    lane = FastLane(lambda *_: b"")
    assert lane.answer(PLAIN[:-2] + b"Pragma: " + b"x" * 4096 + b"\r\n\r\n") is None
    for number in range(10_000):
        lane.answer(PLAIN[:-2] + b"Pragma: %d\r\n\r\n" % number)

    assert len(lane._seen) <= 4096
