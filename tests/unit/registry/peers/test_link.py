"""What asking a peer for its digests tells about it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from eureka_registry.core.model import PeerAction
from eureka_registry.core.outbox import Outbox
from eureka_registry.core.pace import Unreachable
from eureka_registry.core.registry import Registry, Rules
from eureka_registry.peers.client import Node, PeerClient, open_session
from eureka_registry.peers.discovery import Peer
from eureka_registry.peers.link import Agreement, Kind, Link
from eureka_registry.peers.sender import Hooks, Sender
from eureka_registry.wire.copies import Digest, encode_digest

NOW = 50_000
TAKEN = (200, b'{"responseList":[]}')
"""What a server answers to a batch without items."""
IGNORE = Hooks(encode=lambda _: None, renewal=lambda _: None, on_reply=lambda _task, _reply: None)


@asynccontextmanager
async def linked(
    status: int, body: bytes = b"", *, batches: tuple[int, bytes] = (404, b"")
) -> AsyncIterator[Link]:
    """A link to a peer that gives this answer to everything but batches, and that one to them."""

    async def answer(request: web.Request) -> web.Response:
        if request.method == "POST":
            return web.Response(status=batches[0], body=batches[1])
        return web.Response(status=status, body=body)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server, open_session() as session:
        url = str(server.make_url("/eureka/"))
        client = PeerClient(session, url, Node("here", "127.0.0.1"))
        sender = Sender(client, Outbox(250, 10_000), IGNORE, lambda: NOW)
        yield Link(Peer("there", url), client, sender, Registry(Rules(), 0), 1_000)


def fail(outbox: Outbox, times: int) -> None:
    """Let batches not arrive, which makes the pauses longer."""
    for attempt in range(times):
        at_ms = attempt * 30_000
        outbox.add(PeerAction.CANCEL, "ORDERS", "a", at_ms, 1_000_000)
        assert outbox.take(at_ms)
        outbox.settle(Unreachable("connection refused"), at_ms)


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b""), (200, encode_digest(Digest("there", "peer2", "ready", {}, 0)))],
    ids=["java", "eurekube"],
)
async def test_a_peer_that_is_back_gets_what_waits_at_once(status: int, body: bytes) -> None:
    """After a long absence the pause is long, too; the answer to a digest ends it."""
    async with linked(status, body, batches=TAKEN) as link:
        fail(link.sender.outbox, 9)
        before_ms = link.sender.outbox.wait_ms(240_001)

        await link.compare(NOW)

        assert (before_ms or 0) > 10_000
        assert link.sender.outbox.wait_ms(240_001) == 0


async def test_server_without_digests_is_java() -> None:
    """A Java server answers 404 to a digest; that it takes batches is all there is to know."""
    async with linked(404, batches=TAKEN) as link:
        await link.compare(NOW)

        assert link.kind is Kind.JAVA
        assert link.why_unavailable(NOW) is None
        assert link.agreement() is Agreement.UNKNOWN


@pytest.mark.parametrize(
    ("batches", "why"),
    [
        ((404, b""), "answers 404 below /eureka/: not a path it serves"),
        ((405, b""), "answers 405 to a batch below /eureka/"),
        ((307, b""), "answers 307 to a batch below /eureka/"),
        ((200, b"<html>"), "is not a Eureka server below /eureka/"),
        ((503, b""), "answered 503"),
    ],
)
async def test_server_that_takes_no_batch_is_not_available(
    batches: tuple[int, bytes], why: str
) -> None:
    """404 is what any server says of a path that it does not serve."""
    async with linked(404, batches=batches) as link:
        await link.compare(NOW)

        assert link.why_unavailable(NOW) == why
        assert link.kind is Kind.UNKNOWN


async def test_peer_that_serves_its_path_again_is_available() -> None:
    """Its own configuration was wrong, and was mended."""
    async with linked(200, encode_digest(Digest("there", "peer2", "ready", {}, 0))) as link:
        link.why_not_served = "answers 404 below /eureka/: not a path it serves"

        await link.compare(NOW)

        assert link.why_unavailable(NOW) is None


async def test_peer_with_the_same_digests_agrees() -> None:
    """Two empty registries are alike; and the peer's own name is taken over."""
    async with linked(200, encode_digest(Digest("there", "peer2", "ready", {}, 0))) as link:
        await link.compare(NOW)

        assert (link.kind, link.name) == (Kind.EUREKUBE, "peer2")
        assert link.agreement() is Agreement.AGREED


@pytest.mark.parametrize("status", [401, 403])
async def test_peer_that_wants_other_credentials_says_so(status: int) -> None:
    """Taken for a healthy Java peer it would lose changes without a word."""
    async with linked(status) as link:
        await link.compare(NOW)

        assert link.why_unavailable(NOW) == f"does not accept our credentials ({status})"


async def test_garbage_is_no_digest() -> None:
    """Some other server has the port."""
    async with linked(200, b"<html>") as link:
        await link.compare(NOW)

        assert link.agreement() is Agreement.UNKNOWN
        assert "not a Digest" in (link.why_unavailable(NOW) or "")
