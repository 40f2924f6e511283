"""Connections: limited in number, time and memory, with a fast lane for renewals."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from eureka_registry.core.limits import (
    ANSWERS_BYTES,
    AT_ONCE_BYTES,
    BODIES_BYTES,
    LINGER_BYTES,
    MAX_HEAD_BYTES,
    SHARE_OF_ONE_SOURCE,
)
from eureka_registry.http.budget import Incoming, Outgoing
from eureka_registry.http.fastlane import FastLane
from eureka_registry.http.loopshare import LoopShare
from eureka_registry.http.messages import SERVER_NAME

_log = logging.getLogger(__name__)

MAX_LINE_BYTES: Final = 8190
MAX_HEADERS: Final = 100
_LINGER_S: Final = 2.0
"""Time for a client to read 413 while it still sends."""
_LEFT_BYTES: Final = 16_384
"""Of the last piece read so much may belong to a request that has not come whole, uncounted."""
_SLOW_READER_FACTOR: Final = 10
"""A client that does read, but slowly, gets so many time-outs before it is cut off."""

_REFUSAL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)
_HEAD_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)
_END: Final = b"\r\n\r\n"

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Connection(RequestHandler):
    """One client's connection."""

    __slots__ = (
        "_at_boundary",
        "_began_at",
        "_fast",
        "_head_bytes",
        "_last_bytes",
        "_lingered",
        "_lingering",
        "_server",
        "_unread_bytes",
        "_unread_since",
        "_writing_since",
        "source",
    )

    def __init__(self, server: Server, fast: FastLane | None, keepalive_timeout_s: float) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=keepalive_timeout_s,
            access_log=None,  # type: ignore[arg-type]  # aiohttp takes it for "no access log"
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            max_headers=MAX_HEADERS,
            lingering_time=_LINGER_S,
            auto_decompress=False,
        )
        self._fast = fast
        self._at_boundary = True
        self._began_at: float | None = None
        self._unread_bytes = 0
        self._unread_since = 0.0
        self._writing_since: float | None = None
        self._server = server
        self._head_bytes = self._last_bytes = self._lingered = 0
        self._lingering = False
        self.source = ""
        """The address that the client has, or a proxy before it."""

    def data_received(self, data: bytes) -> None:
        """Answer a plain renewal or registration at once; leave everything else to aiohttp."""
        if (
            self._fast is not None
            and self._at_boundary
            and self._is_waiting()
            and not self._paused  # who does not read answers gets no more of them
        ):
            answer = self._fast.answer(data)
            if answer is not None and self.transport is not None:
                self.transport.write(answer)
                self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
                return
        if self._lingering:
            self._linger(data)
            return
        count = self._request_count
        fast = self._fast if self._at_boundary else None
        whole = fast is not None and fast.is_registration(data)
        super().data_received(data)
        if data:  # aiohttp calls this without data after each request: that changes nothing
            ended = self._request_count > count and self._ends_request(data, whole=whole)
            self._at_boundary = ended
        self._give_up_bodies()
        if data:
            self._count(len(data))

    def connection_lost(self, exc: BaseException | None) -> None:
        """Hold nothing any more."""
        self._server.incoming.release(self)
        super().connection_lost(exc)

    def hold(self, count: int) -> None:
        """Count further bytes that the request under way holds in memory.

        Raises:
            ConnectionResetError: there is no room for them, or the client is gone.
        """
        self._hold(count)
        if self.transport is None or self.transport.is_closing():
            raise ConnectionResetError

    def settle(self, request: web.BaseRequest) -> None:
        """Stop counting the bytes of a request that was answered."""
        self._lingering = not request.content.is_eof()
        if self.transport is None:
            self._server.incoming.release(self)
        elif not self._messages:
            left = 0 if self._at_boundary or self._last_bytes <= _LEFT_BYTES else self._last_bytes
            self._server.incoming.release(self, left)

    @contextmanager
    def sending(self, content: int, size: int) -> Iterator[None]:
        """Count an answer while it is written, up to the little that the transport takes at once.

        `content` is the same for all who get the same object, `size` is in bytes. If clients leave
        too much unread, the slowest ones are disconnected.
        """
        outgoing = self._server.outgoing
        encrypted = self.ssl_context is not None  # so it is another text for each connection
        outgoing.hold(self, self if encrypted else content, size)
        for holder in outgoing.excess(self):
            holder.cut_off()
        try:
            yield
        finally:
            outgoing.release(self)

    @property
    def share(self) -> LoopShare:
        """Bytes of large bodies that all connections together read or write in one turn."""
        return self._server.share

    def refuse(self) -> None:
        """End the connection, with 503 if the answer to its request has not begun."""
        transport = self.transport
        if transport is None:
            return
        begun = self._current_request is None and not self._is_waiting()
        if begun:
            transport.abort()
            return
        transport.write(_REFUSAL)
        transport.close()

    @property
    def idle_since(self) -> float | None:
        """When the last answer was given (the loop's time), or the connection made.

        `None` while a request is being answered.
        """
        if not self._is_waiting() or self.transport is None or self.transport.is_closing():
            return None
        return self._next_keepalive_close_time - self._keepalive_timeout

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is not HTTP with one line, and without a traceback in the log.

        An error of our own goes to aiohttp, which logs it; the client gets no details.
        """
        if status >= 500:  # noqa: PLR2004
            super().handle_error(request, status, exc, message)
            message = None
        else:
            message = _without_quotation(message or "")
            _log.debug("not HTTP from=%s reason=%s", request.remote, message)
        line = message or ""
        response = web.Response(status=status, text=line, headers={"Server": SERVER_NAME})
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:  # noqa: ANN401 - as aiohttp has it
        """Log an error of our own with its traceback; an error of a client is one line."""
        error = kw.get("exc_info")
        if not isinstance(error, ConnectionError | web.RequestPayloadError):
            super().log_exception(*args, **kw)
            return
        _log.info("request broken off reason=%s", " ".join(str(error).split()) or repr(error))

    def overdue(self, now: float, timeout_s: float) -> bool:
        """Whether the client takes too long to send a request or to read an answer."""
        if self._began_at is not None and now - self._began_at > timeout_s:
            return True
        unread = self.transport.get_write_buffer_size() if self.transport is not None else 0
        if not unread:
            self._writing_since = None
            self._unread_bytes = 0
            return False
        if self._writing_since is None:
            self._writing_since = now
        if unread != self._unread_bytes:
            self._unread_bytes, self._unread_since = unread, now
        stuck = now - self._unread_since > timeout_s
        return stuck or now - self._writing_since > timeout_s * _SLOW_READER_FACTOR

    def cut_off(self) -> None:
        """Close at once, whatever is being sent."""
        if self.transport is not None:
            self.transport.abort()

    def _count(self, size: int) -> None:
        """Count the received bytes of a request, and note since when it is incomplete."""
        self._last_bytes = size
        if not self._is_waiting():
            self._began_at = None
            self._head_bytes = 0
        else:
            self._head_bytes += size
            if self._began_at is None:
                self._began_at = self._loop.time()
            if self._head_bytes > MAX_HEAD_BYTES and self.transport is not None:
                self.transport.write(_HEAD_TOO_LARGE)
                self.transport.close()
                return
        self._hold(size)

    def _hold(self, count: int) -> None:
        self._server.incoming.hold(self, count)
        for holder in self._server.incoming.excess():
            holder.refuse()

    def _linger(self, data: bytes) -> None:
        """Drop the rest of a request that was refused; beyond a bound stop reading."""
        self._lingered += len(data)
        if self._lingered > LINGER_BYTES:
            self._pause_transport_reading()
        else:
            super().data_received(data)

    def _give_up_bodies(self) -> None:
        """End bodies whose rest is not HTTP; aiohttp's parser would wait for it for ever."""
        if not self._messages or not isinstance(self._messages[-1][0], _ErrInfo):
            return
        bodies = [payload for _, payload in self._messages]
        if self._current_request is not None:
            bodies.append(self._current_request.content)
        for body in bodies:
            if not body.is_eof():
                body.set_exception(web.RequestPayloadError("the body is malformed"))
                body.feed_eof()

    def _ends_request(self, data: bytes, *, whole: bool) -> bool:
        """Whether the parser, which has just made requests of `data`, holds no piece of another.

        After a request that is complete, what follows it can only end with an empty line if it
        is empty itself, or another whole request, or a fault. Bodies may end with anything, so
        after a request with a body the answer is no, unless it looks like the end of a head, or
        `data` is certainly one `whole` request. Otherwise a client that sends only registrations
        would stay on the ordinary path after the first request there.
        """
        if self._buffer_paused or self._upgraded or not self._messages:
            return False
        _, payload = self._messages[-1]
        return (whole or data.endswith(_END)) and payload.is_eof()

    def _is_waiting(self) -> bool:
        """Whether no complete request is here: nothing queued, nothing in progress."""
        waiter = self._waiter
        return (
            waiter is not None
            and not waiter.done()
            and not self._messages
            and not self._close
            and not self._force_close
            and not self._upgraded
        )


class Server(web.Server):
    """Accepts connections up to a number, and closes those that take too long."""

    def __init__(
        self,
        handler: Handler,
        fast: FastLane | None,
        *,
        keepalive_timeout_s: float,
        request_timeout_s: float,
        max_connections: int,
        bodies_bytes: int = BODIES_BYTES,
    ) -> None:
        """Accept nothing yet.

        Args:
            handler: answers the requests that the fast lane does not.
            fast: the fast lane, if there is one.
            keepalive_timeout_s: seconds that an idle connection is kept.
            request_timeout_s: seconds that a client may take to send a request.
            max_connections: most of them.
            bodies_bytes: most bytes that requests which wait for their answer hold together.
        """
        super().__init__(self._handle)
        self._handler = handler
        self.incoming: Incoming[Connection] = Incoming(bodies_bytes)
        self.outgoing: Outgoing[Connection] = Outgoing(ANSWERS_BYTES)
        self.share = LoopShare(AT_ONCE_BYTES)
        self._longest_idle: list[tuple[float, Connection]] = []
        self._fast = fast
        self._keepalive_timeout_s = keepalive_timeout_s
        self._request_timeout_s = request_timeout_s
        self._max_connections = max_connections
        self.refused = 0
        self.displaced = 0
        """Idle connections closed for new ones."""
        self.cut_off = 0

    def __call__(self) -> RequestHandler:
        """Make the protocol of a new connection."""
        return Connection(self, self._fast, self._keepalive_timeout_s)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Accept a connection; if there are too many, close an idle one for it, else refuse it."""
        assert isinstance(handler, Connection)  # noqa: S101  # __call__ makes no other
        handler.source = str((transport.get_extra_info("peername") or ("",))[0])
        super().connection_made(handler, transport)
        if len(self._connections) <= self._max_connections:
            return
        idle = self._idle_one()
        if idle is not None:
            self.displaced += 1
            idle.cut_off()
            return
        self.refused += 1
        # Not at once: aiohttp's task for it has not begun, and fails on what is closed.
        asyncio.get_running_loop().call_soon(_refuse, transport)

    def cut_off_overdue(self, now: float) -> None:
        """Close what takes too long; call it every few seconds with the loop's time."""
        for connection in self.connections:
            assert isinstance(connection, Connection)  # noqa: S101  # __call__ makes no other
            if connection.overdue(now, self._request_timeout_s):
                self.cut_off += 1
                connection.cut_off()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, Connection)  # noqa: S101  # __call__ makes no other
        try:
            return await self._handler(request)
        finally:
            connection.settle(request)

    def _idle_one(self) -> Connection | None:
        """The connection that is idle for longest, of sources with more than their share first.

        One search among all serves many new connections, so that a flood of them stays cheap.
        """
        if not self._longest_idle:
            self._longest_idle = self._idle_ones()
        while self._longest_idle:
            since, connection = self._longest_idle.pop()
            if connection in self._connections and connection.idle_since == since:
                return connection
        return None

    def _idle_ones(self) -> list[tuple[float, Connection]]:
        """Some of the connections that are idle for longest, the longest last."""
        connections = [each for each in self.connections if isinstance(each, Connection)]
        idle = [(since, each) for each in connections if (since := each.idle_since) is not None]
        sources = Counter(each.source for each in connections)
        share = self._max_connections * SHARE_OF_ONE_SOURCE
        idle.sort(key=lambda found: (sources[found[1].source] <= share, found[0]))
        return idle[: 1 + len(idle) // 64][::-1]


def _without_quotation(message: str) -> str:
    """The message of aiohttp without the received bytes, which might hold a password."""
    return next(iter(message.splitlines()), "").partition(":")[0]


def _refuse(transport: asyncio.Transport) -> None:
    transport.write(_REFUSAL)
    transport.close()
