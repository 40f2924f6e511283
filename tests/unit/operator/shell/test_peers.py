"""Peers that are asked what they see."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from eureka_operator.shell import peers
from eureka_operator.shell.peers import reports

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """A peer's management port."""
    async with RawTestServer(handler, host=host) as server:
        assert server.port is not None
        yield server.port


def answering(text: str, status: int = 200) -> Handler:
    """A peer that says this."""

    async def answer(request: web.BaseRequest) -> web.Response:
        assert request.path == "/peers"
        return web.Response(text=text, status=status)

    return answer


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_report_is_the_peers_document(host: str) -> None:
    """Over both families."""
    async with serving(answering('{"name": "peer1", "generation": 7}'), host) as port:
        found = await reports({"eureka-peer-1": host}, port)

    assert found == {"eureka-peer-1": {"name": "peer1", "generation": 7}}


@pytest.mark.parametrize(
    ("text", "status", "sentence"),
    [
        ("starting", 503, "answers 503"),
        ("<html>", 200, "answers with no report: JSON is malformed"),
        ("[]", 200, "answers with no report: Expected `object`, got `array`"),
    ],
)
async def test_answer_that_is_no_report_is_told_in_words(
    text: str, status: int, sentence: str
) -> None:
    """They go into a condition's message."""
    async with serving(answering(text, status)) as port:
        found = await reports({"eureka-peer-1": "127.0.0.1"}, port)

    assert sentence in str(found["eureka-peer-1"])
    assert f"http://127.0.0.1:{port}/peers" in str(found["eureka-peer-1"])


async def test_peer_that_is_away_spoils_no_others_report() -> None:
    """127.0.0.2 is as local, and nobody listens there."""
    async with serving(answering("{}")) as port:
        found = await reports({"one": "127.0.0.1", "two": "127.0.0.2"}, port)

    assert found["one"] == {}
    assert "cannot be reached" in str(found["two"])


async def test_peer_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A NetworkPolicy drops packets; nobody refuses."""
    monkeypatch.setattr(peers, "_TIMEOUT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = await reports({"one": "127.0.0.1"}, silent.getsockname()[1])

    assert str(found["one"]).endswith("does not answer within 0.05 s")


async def test_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever listens there by now."""
    monkeypatch.setattr(peers, "_MOST_BYTES", 1000)

    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 1000)
            await asyncio.sleep(0)

    async with serving(endless) as port:
        found = await reports({"one": "127.0.0.1"}, port)

    assert str(found["one"]).endswith("answers with more than 1000 bytes")
