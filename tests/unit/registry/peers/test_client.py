"""One peer over HTTP: what it is sent, and what is made of its answers."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from eureka_registry.core.pace import Congested, Delivered, Outcome, Refused, Unreachable
from eureka_registry.peers.client import Answer, Limits, Node, PeerClient, open_session
from support.authority import Authority

NODE = Node("node-7", "10.0.0.9")
QUICK = Limits(connect_timeout_s=5, read_timeout_s=0.05, answer_bytes=1_000)
PATIENT = Limits(connect_timeout_s=5, read_timeout_s=5, answer_bytes=1_000)

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """The session all peers share."""
    async with open_session() as opened:
        yield opened


@asynccontextmanager
async def serving(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[BaseTestServer]:
    """A peer that answers every request with this handler."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server:
        yield server


@asynccontextmanager
async def peer_that_runs(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a peer that does with every connection what `talk` does."""
    done: list[asyncio.Task[None]] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        done.append(task)
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in done:
            task.cancel()
        await asyncio.gather(*done, return_exceptions=True)


def answering(data: bytes) -> Talk:
    """Read a request's head, write these bytes, and close."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        await writer.drain()

    return talk


async def post(session: aiohttp.ClientSession, port: int, limits: Limits = PATIENT) -> Answer:
    """Send a batch to the peer on this port."""
    client = PeerClient(session, f"http://127.0.0.1:{port}/eureka", NODE, limits)
    return await client.post_batch(b"{}")


async def test_batch_looks_as_from_a_java_peer(session: aiohttp.ClientSession) -> None:
    """Java's rate limiter lets a peer through by these headers."""
    seen: list[tuple[web.Request, bytes]] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append((request, await request.read()))
        return web.Response(body=b'{"responseList":[]}', headers={"X-Eurekube-Node": "node-8"})

    async with serving(handle) as server:
        client = PeerClient(session, str(server.make_url("/eureka")), NODE, PATIENT)
        answer = await client.post_batch(b'{"replicationList":[]}')

    request, body = seen[0]
    assert answer == Answer(Delivered(), b'{"responseList":[]}', "node-8")
    assert body == b'{"replicationList":[]}'
    assert (request.method, request.path) == ("POST", "/eureka/peerreplication/batch/")
    wanted = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "DiscoveryIdentity-Name": "DefaultServer",
        "DiscoveryIdentity-Version": "1.0",
        "DiscoveryIdentity-Id": "10.0.0.9",
        "X-Eurekube-Node": "node-7",
    }
    assert wanted.items() <= dict(request.headers).items()
    assert "Authorization" not in request.headers


async def test_java_peer_names_no_node(session: aiohttp.ClientSession) -> None:
    """What is missing must not look like an id."""

    async def handle(_: web.Request) -> web.Response:
        return web.Response(body=b"{}")

    async with serving(handle) as server:
        assert (await post(session, server.port or 0)).node is None


async def test_credentials_of_the_url_are_sent_and_never_shown(
    session: aiohttp.ClientSession,
) -> None:
    """Spring Security in front of a Java peer wants them unasked, percent escapes resolved."""
    seen: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        return web.Response(status=401)

    async with serving(handle) as server:
        url = str(server.make_url("/eureka/"))
        with_user = url.replace("//", "//bob:s%40cr%C3%A9t@")
        client = PeerClient(session, with_user, NODE, PATIENT)
        answer = await client.post_batch(b"{}")

    assert seen == [aiohttp.encode_basic_auth("bob", "s@crét", "utf-8")]
    assert client.url == url
    assert answer.outcome == Refused(401)


async def test_get_fetches_below_the_service_url(session: aiohttp.ClientSession) -> None:
    """Copies at the start and digests come this way."""
    seen: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request.path_qs)
        return web.Response(body=gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"})

    async with serving(handle) as server:
        client = PeerClient(session, str(server.make_url("/eureka")), NODE, PATIENT)
        answer = await client.get("apps/", {"regions": "a,b"})

    assert seen == ["/eureka/apps/?regions=a,b"]
    assert answer.body == b"{}"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (503, Congested("answered 503")),
        (400, Refused(400)),
        (404, Refused(404)),
        (500, Refused(500)),
        (302, Refused(302)),
        (304, Refused(304)),
    ],
)
async def test_status_tells_whether_a_retry_helps(
    session: aiohttp.ClientSession, status: int, outcome: Outcome
) -> None:
    """Java retries after a 503 only."""
    requests: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        requests.append(request.path)
        return web.Response(
            status=status, headers={"Location": "/else", "X-Eurekube-Node": "node-9"}
        )

    async with serving(handle) as server:
        answer = await post(session, server.port or 0)

    assert answer == Answer(outcome, None, "node-9")
    assert len(requests) == 1


async def test_nobody_listening_is_unreachable(session: aiohttp.ClientSession) -> None:
    """The reason is what the dashboard shows of a stopped peer."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # taken and not listening: nobody else gets the port
        answer = await post(session, taken.getsockname()[1])

    assert answer == Answer(Unreachable("connection refused"))


async def test_unknown_name_is_unreachable() -> None:
    """In a cluster's first seconds names are not known yet; that passes."""

    class NoNames(aiohttp.abc.AbstractResolver):
        async def resolve(self, *_: object, **__: object) -> list[aiohttp.abc.ResolveResult]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        async def close(self) -> None:
            pass

    connector = aiohttp.TCPConnector(resolver=NoNames())
    async with aiohttp.ClientSession(connector=connector) as session:
        answer = await PeerClient(session, "http://peer9:8761/", NODE).post_batch(b"{}")

    assert answer == Answer(Unreachable("name not known"))


async def test_silent_peer_is_congested(session: aiohttp.ClientSession) -> None:
    """It is there and does not answer in time: it needs a rest, not a new connection."""

    async def talk(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with peer_that_runs(talk) as port:
        answer = await post(session, port, QUICK)

    assert answer == Answer(Congested("no answer within 0.05 s"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "connection closed before the answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "answer broken off or damaged"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "answer is not HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_001, "answer larger than 1000 bytes"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
            + gzip.compress(b"x" * 9_999, mtime=0),
            "answer larger than 1000 bytes",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnogz",
            "answer broken off or damaged",
        ),
    ],
)
async def test_unusable_answer_is_unreachable(
    session: aiohttp.ClientSession, data: bytes, reason: str
) -> None:
    """Nothing is known of the batch, so it is sent again."""
    async with peer_that_runs(answering(data)) as port:
        answer = await post(session, port)

    assert answer == Answer(Unreachable(reason), too_large="larger" in reason)


async def test_endless_answer_is_cut_off(session: aiohttp.ClientSession) -> None:
    """A peer, or what answers in its place, must not fill our memory."""
    cut = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
        except ConnectionError:
            cut.set()

    async with peer_that_runs(talk) as port, asyncio.timeout(10):
        answer = await post(session, port)
        await cut.wait()

    assert answer == Answer(Unreachable("answer larger than 1000 bytes"), too_large=True)


async def test_connection_is_kept(session: aiohttp.ClientSession) -> None:
    """A connection for every batch would cost more than the batch."""
    connections: set[object] = set()

    async def handle(request: web.Request) -> web.Response:
        connections.add(request.transport)
        return web.Response(body=b"{}")

    async with serving(handle) as server:
        for _ in range(3):
            await post(session, server.port or 0)

    assert len(connections) == 1


async def test_refused_upload_does_not_hang(session: aiohttp.ClientSession) -> None:
    """A peer may answer and never read the rest of a large batch."""
    release = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        await release.wait()

    async with peer_that_runs(talk) as port, asyncio.timeout(10):
        client = PeerClient(session, f"http://127.0.0.1:{port}/", NODE, PATIENT)
        answer = await client.post_batch(b"x" * 33_554_432)

    assert answer.outcome == Congested("answered 503")


async def test_untrusted_certificate_says_so(tmp_path: Path) -> None:
    """A bare "SSL error" would not tell that a certificate authority is missing."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*Authority(tmp_path).issue("peer1").values())
    async with peer_that_runs(answering(b""), tls) as port, open_session() as session:
        client = PeerClient(session, f"https://127.0.0.1:{port}/", NODE, PATIENT)
        answer = await client.post_batch(b"{}")

    assert isinstance(answer.outcome, Unreachable)
    assert answer.outcome.reason.startswith("TLS certificate not trusted: ")


async def test_plain_http_on_a_tls_url_says_so(session: aiohttp.ClientSession) -> None:
    """https:// in front of a plain port is a common mistake."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with peer_that_runs(talk) as port:
        client = PeerClient(session, f"https://127.0.0.1:{port}/", NODE, PATIENT)
        answer = await client.post_batch(b"{}")

    assert isinstance(answer.outcome, Unreachable)
    assert answer.outcome.reason.startswith("TLS failed: ")


async def test_host_that_no_dns_can_hold_is_unreachable(session: aiohttp.ClientSession) -> None:
    """A URL from a peer list may pass for one, and must not end the process."""
    client = PeerClient(session, "http://peer1/eureka", NODE, PATIENT)
    client.url = f"http://{'a' * 64}.example/eureka/"

    answer = await client.get("apps/")

    assert isinstance(answer.outcome, Unreachable)
