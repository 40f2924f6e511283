"""A real peer on loopback inside the test's own loop, and a client that sends exact bytes."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from socket import socket
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import msgspec

from eureka_registry.config.settings import Settings
from eureka_registry.http.app import Peer
from eureka_registry.http.connection import Server
from eureka_registry.http.node import Node
from eureka_registry.http.sockets import bind
from eureka_registry.peers.client import open_session

DIRTY = 1_700_000_000_000
"""The `lastDirtyTimestamp` of every document, `D` of `docs/protocol/cases.md`."""

JSON = {"Accept": "application/json"}
REPLICATION = {"x-netflix-discovery-replication": "true"}
DEFAULT_CLASS = "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"
AMAZON_CLASS = "com.netflix.appinfo.AmazonInfo"
QUIET = Settings(register_with_eureka=False, fetch_registry=False, stop_timeout_s=0.2)
"""A peer that is alone, and not an instance of itself."""


class Clock:
    """Epoch milliseconds that pass only when told to."""

    def __init__(self) -> None:
        self.now_ms = 1_795_000_000_000

    def __call__(self) -> int:
        """Give the present moment."""
        return self.now_ms

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now_ms += int(seconds * 1000)


class Response(NamedTuple):
    """What came back; header names in lower case, `raw` every byte of it."""

    status: int
    headers: dict[str, str]
    body: bytes
    raw: bytes

    @property
    def text(self) -> bytes:
        """The body, decompressed if it says so."""
        if self.headers.get("content-encoding") == "gzip":
            return gzip.decompress(self.body)
        return self.body

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the document is
        """The body read as JSON, which it has to be."""
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.text)

    @property
    def xml(self) -> ET.Element:
        """The body read as XML, which it has to be; read by expat."""
        assert self.headers["content-type"] == "application/xml"
        return ET.fromstring(self.text)  # noqa: S314 - our own server's


class Wire:
    """One connection: send bytes, read responses."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def __aenter__(self) -> Wire:
        """Use it in `async with`, which closes it."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close, whatever is on its way."""
        self.writer.transport.abort()

    async def send(self, data: bytes) -> None:
        """Send exactly these bytes."""
        self.writer.write(data)
        await self.writer.drain()

    async def response(self, *, head_only: bool = False) -> Response:
        """Read one response."""
        async with asyncio.timeout(10):
            head = await self.reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            status = int(lines[0].split(" ", 2)[1])
            assert status == 304 or not 300 <= status < 400, "Java clients do not follow"
            pairs = [line.partition(":") for line in lines[1:] if line]
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            size = 0 if head_only or status in (204, 304) else int(headers["content-length"])
            body = await self.reader.readexactly(size)
        return Response(status, headers, body, head + body)

    async def read_to_end(self) -> bytes:
        """Everything until the server closes; a reset counts as closing."""
        pieces = []
        async with asyncio.timeout(10):
            try:
                while piece := await self.reader.read(65_536):
                    pieces.append(piece)
            except ConnectionError:
                pass
        return b"".join(pieces)


class Running:
    """A peer that serves."""

    def __init__(self, peer: Peer, port: int, management_port: int, clock: Clock) -> None:
        self.peer = peer
        self.node: Node = peer.node
        self.port = port
        self.management_port = management_port
        self.clock = clock
        self.stop = asyncio.Event()

    @property
    def server(self) -> Server:
        """The server of the Eureka API."""
        return self.peer._server

    async def connect(self, *, management: bool = False, limit: int = 2**20) -> Wire:
        """Open a connection."""
        port = self.management_port if management else self.port
        return Wire(*await asyncio.open_connection("127.0.0.1", port, limit=limit))

    async def send(self, data: bytes) -> Response:
        """Send bytes on a new connection, and read one response."""
        async with await self.connect() as wire:
            await wire.send(data)
            return await wire.response()

    async def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        management: bool = False,
    ) -> Response:
        """Make a request on a connection of its own."""
        async with await self.connect(management=management) as wire:
            await wire.send(request(method, path, headers, body))
            return await wire.response(head_only=method == "HEAD")

    async def get(self, path: str, **headers: str) -> Response:
        """`GET` below `/eureka`, as JSON unless `accept` says otherwise."""
        wanted = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask("GET", f"/eureka{path}", {"Accept": "application/json", **wanted})

    async def put(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        """`PUT` below `/eureka`."""
        return await self.ask("PUT", f"/eureka{path}", headers)

    async def delete(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        """`DELETE` below `/eureka`."""
        return await self.ask("DELETE", f"/eureka{path}", headers)

    async def post(
        self, document: object, app: str = "FOO", headers: Mapping[str, str] | None = None
    ) -> Response:
        """Register a JSON document (bytes as they are) below `app`."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        return await self.ask("POST", f"/eureka/apps/{app}", sent, body)

    async def reg(
        self,
        app: str = "FOO",
        instance_id: str = "i1",
        headers: Mapping[str, str] | None = None,
        **fields: object,
    ) -> Response:
        """`reg(app,id[,k=v])` of the conformance cases."""
        return await self.post(document(app, instance_id, **fields), app, headers)

    async def batch(self, *items: object, **headers: str) -> Response:
        """Send a replication batch."""
        body = json.dumps({"replicationList": items}).encode()
        sent = {"Content-Type": "application/json", **headers}
        return await self.ask("POST", "/eureka/peerreplication/batch/", sent, body)

    async def state(self, app: str = "FOO", instance_id: str = "i1") -> Any:  # noqa: ANN401
        """The instance's own document, `None` if there is none."""
        answer = await self.get(f"/apps/{app}/{instance_id}")
        return answer.json["instance"] if answer.status == 200 else None


def request(
    method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> bytes:
    """The bytes of an HTTP/1.1 request, for `localhost` unless headers have another `Host`."""
    sent = {"Host": "localhost", **(headers or {})}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode() + (body or b"")


def instance(app: str = "FOO", instance_id: str = "i1", /, **fields: object) -> dict[str, object]:
    """The fields of an instance; one that is given as `...` is left out."""
    given = {
        "instanceId": instance_id,
        "hostName": f"h-{instance_id}",
        "app": app,
        "ipAddr": "10.0.0.1",
        "status": "UP",
        "port": {"$": 8080, "@enabled": "true"},
        "securePort": {"$": 443, "@enabled": "false"},
        "dataCenterInfo": {"@class": DEFAULT_CLASS, "name": "MyOwn"},
        "leaseInfo": {"renewalIntervalInSecs": 30, "durationInSecs": 90},
        "lastDirtyTimestamp": DIRTY,
        **fields,
    }
    return {name: value for name, value in given.items() if value is not ...}


def document(
    app: str = "FOO", instance_id: str = "i1", /, **fields: object
) -> dict[str, dict[str, object]]:
    """What a client registers."""
    return {"instance": instance(app, instance_id, **fields)}


def quiet(**settings: object) -> Settings:
    """Those of a peer that is alone, on free ports, with some changed."""
    return msgspec.structs.replace(QUIET, port=0, management_port=0, **settings)


def running(
    *, fast: bool = True, clock: Clock | None = None, **settings: object
) -> AbstractAsyncContextManager[Running]:
    """Run a peer with these settings on free ports."""
    return serving(quiet(**settings), fast=fast, clock=clock)


@asynccontextmanager
async def at_work(
    peer: Peer,
    sockets: tuple[Sequence[socket], Sequence[socket]],
    stop: asyncio.Event,
    tls_sockets: Sequence[socket] = (),
) -> AsyncIterator[None]:
    """Let a peer run; begin when it is ready, or has failed, and stop it at the end."""
    ready = asyncio.Event()
    task = asyncio.create_task(
        peer.run(*sockets, stop, lambda _node: ready.set(), tls_sockets=tls_sockets)
    )
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        yield
    finally:
        stop.set()
        await task


@asynccontextmanager
async def serving(
    wanted: Settings, *, fast: bool = True, clock: Clock | None = None
) -> AsyncIterator[Running]:
    """Run a peer with exactly these settings."""
    api, management = bind("127.0.0.1", 0), bind("127.0.0.1", 0)
    clock = clock or Clock()
    async with open_session() as session:
        peer = Peer(Node(wanted, session, clock))
        if not fast:
            peer._server._fast = None
        ports = (api[0].getsockname()[1], management[0].getsockname()[1])
        running = Running(peer, *ports, clock)
        async with at_work(peer, (api, management), running.stop):
            yield running
