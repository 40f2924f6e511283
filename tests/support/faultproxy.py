"""A proxy before an Eureka server: each request meets the fault that `choose` gives it."""

from __future__ import annotations

import asyncio
import enum
import threading
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

AFTERWARDS_S = 0.1
"""How long after its client has given up a delayed request reaches the server."""

_ENOUGH_BYTES = 2**20


class Fault(enum.Enum):
    """What becomes of a request."""

    PASS = "passed on"  # noqa: S105 - a request's
    NOT_FOUND = "answered 404, and the server never sees it"
    FORGET = "answered 404 by a server that has lost the instance"
    REFUSE = "answered 400, and the server never sees it"
    ERROR = "answered 500, and the server never sees it"
    CLOSE_BEFORE = "connection closed before the server sees it"
    CLOSE_AFTER = "connection closed after its effect, without the answer"
    HOLD = "has its effect at once, and no answer before the client gives up"
    DELAY = "has its effect after the client has given up, before its next request"


_PLAIN = {
    Fault.NOT_FOUND: b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    Fault.FORGET: b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    Fault.REFUSE: b"HTTP/1.1 400 Bad Request\r\nContent-Length: 7\r\n\r\nrefused",
    Fault.ERROR: b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
}


class Exchange(NamedTuple):
    """A request as it came, and what became of it."""

    method: str
    target: str
    fault: Fault


class _Request(NamedTuple):
    method: str
    target: str
    raw: bytes

    @property
    def app(self) -> str:
        """The application in the path."""
        return app_of(self.target)


def app_of(target: str) -> str:
    """The application in the path of a request."""
    return target.partition("apps/")[2].partition("/")[0]


class FaultProxy:
    """Listens on a free port of loopback while the block lasts; one thread, one loop."""

    def __init__(self, upstream: int, choose: Callable[[str, str], Fault]) -> None:
        """Prepare a proxy.

        Args:
            upstream: port of the server on loopback.
            choose: gives the fault for a method and a target; called in the order of arrival, in
                the proxy's thread.
        """
        self.choose = choose
        self.seen: list[Exchange] = []
        """All requests, in the order of arrival."""
        self.port = 0
        self._upstream = upstream
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._late: dict[str, asyncio.Task[None]] = {}
        """The delayed request of an application, which has no effect yet."""
        self._listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="faultproxy")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None

    @property
    def url(self) -> str:
        """The base URL that a client of Spring's paths is given."""
        return f"http://127.0.0.1:{self.port}/eureka/"

    def __enter__(self) -> FaultProxy:
        """Listen."""
        self._thread.start()
        assert self._listening.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        """Drop what is under way."""
        assert self._loop is not None
        assert self._end is not None
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1_024)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._end.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for _, writer in self._idle:
            writer.transport.abort()
        await asyncio.sleep(0)  # transports close in the next round

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._start(self._serve(reader, writer))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await _request(reader):
                fault = self.choose(request.method, request.target)
                self.seen.append(Exchange(request.method, request.target, fault))
                await self._wait_for_late(request)
                answer = await self._answer(request, fault, reader)
                if not answer:
                    return
                writer.write(answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return  # one of the two has gone
        finally:
            writer.transport.abort()

    async def _answer(self, request: _Request, fault: Fault, reader: asyncio.StreamReader) -> bytes:
        """What is answered; nothing: the connection is closed."""
        match fault:
            case Fault.PASS:
                return await self._forward(request)
            case Fault.FORGET:
                await self._forget(request)
                return _PLAIN[fault]
            case Fault.NOT_FOUND | Fault.REFUSE | Fault.ERROR:
                return _PLAIN[fault]
            case Fault.CLOSE_AFTER:
                await self._forward(request)
            case Fault.HOLD:
                await self._forward(request)
                await reader.read()
            case Fault.DELAY:
                late = self._start(self._forward_late(request, reader))
                self._late[request.app] = late
                await asyncio.wait({late})
            case Fault.CLOSE_BEFORE:
                pass
        return b""

    async def _forward_late(self, request: _Request, reader: asyncio.StreamReader) -> None:
        await reader.read()
        await asyncio.sleep(AFTERWARDS_S)
        await self._forward(request)

    async def _wait_for_late(self, request: _Request) -> None:
        """Let the application's delayed request come first, also on a busy machine.

        One that comes later still, after a pause that its client has confirmed, ends that pause,
        and no client can know.
        """
        late = self._late.pop(request.app, None)
        if late is not None:
            await asyncio.wait({late})

    async def _forget(self, request: _Request) -> None:
        before, _, names = request.target.partition("?")[0].partition("apps/")
        app, *instance = names.split("/")
        if instance:
            target = f"{before}apps/{app}/{instance[0]}"
            head = f"DELETE {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            await self._forward(_Request("DELETE", target, head.encode()))

    async def _forward(self, request: _Request) -> bytes:
        if not self._idle:
            self._idle.append(await asyncio.open_connection("127.0.0.1", self._upstream))
        reader, writer = self._idle.pop()
        try:
            writer.write(request.raw)
            answer = await _message(reader, is_answer=True)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
            raise
        if b"connection: close" in answer.partition(b"\r\n\r\n")[0].lower():
            writer.transport.abort()
        else:
            self._idle.append((reader, writer))
        return answer


async def _request(reader: asyncio.StreamReader) -> _Request | None:
    """The next request; `None`: the client has closed."""
    try:
        raw = await _message(reader)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    method, target, _ = raw.split(b" ", 2)
    return _Request(method.decode(), target.decode(), raw)


async def _message(reader: asyncio.StreamReader, *, is_answer: bool = False) -> bytes:
    """A request or an answer, byte for byte; an answer without a length has no body."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = [line.partition(b":") for line in head.split(b"\r\n")[1:]]
    fields = {name.strip().lower(): value.strip() for name, _, value in lines}
    if is_answer and fields.get(b"transfer-encoding", b"").lower() == b"chunked":
        return head + await _chunks(reader)
    size = int(fields.get(b"content-length", b"0"))
    assert size < _ENOUGH_BYTES
    return head + await reader.readexactly(size)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    pieces = []
    size = 1
    while size:
        line = await reader.readuntil(b"\r\n")
        size = int(line, 16)
        pieces += [line, await reader.readexactly(size + 2)]
    return b"".join(pieces)
