"""Connections: bounded in number, in time, and with a fast lane for renewals."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from eureka_registry.http.fastlane import FastLane
from eureka_registry.http.messages import SERVER_NAME

_log = logging.getLogger(__name__)

MAX_LINE_BYTES: Final = 8190
MAX_HEADERS: Final = 100
_LINGER_S: Final = 2.0
"""Time for a client to read 413 while it still sends; what it sends is decompressed meanwhile."""
_SLOW_READER_FACTOR: Final = 10
"""A client that does read, but slowly, gets so many time-outs before it is cut off."""

_REFUSAL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
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
        "_unread_bytes",
        "_unread_since",
        "_writing_since",
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
        )
        self._fast = fast
        self._at_boundary = True
        self._began_at: float | None = None
        self._unread_bytes = 0
        self._unread_since = 0.0
        self._writing_since: float | None = None

    def data_received(self, data: bytes) -> None:
        """Answer a plain renewal at once; leave everything else to aiohttp."""
        if self._fast is not None and self._at_boundary and self._is_waiting():
            answer = self._fast.answer(data)
            if answer is not None and self.transport is not None:
                self.transport.write(answer)
                self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
                return
        count = self._request_count
        super().data_received(data)
        self._at_boundary = self._request_count > count and self._ends_request(data)
        self._give_up_bodies()
        whole = not self._is_waiting()
        if whole:
            self._began_at = None
        elif self._began_at is None and data:
            self._began_at = self._loop.time()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no HTTP with one line, and without a traceback in the log.

        An error of our own goes to aiohttp, which logs it; the client learns nothing of it.
        """
        if status >= 500:  # noqa: PLR2004
            super().handle_error(request, status, exc, message)
            message = None
        else:
            message = _without_quotation(message or "")
            _log.debug("no HTTP from=%s reason=%s", request.remote, message)
        line = message or ""
        response = web.Response(status=status, text=line, headers={"Server": SERVER_NAME})
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:  # noqa: ANN401 - as aiohttp has it
        """Log an error of our own with its traceback; one that a client made is one line."""
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
        """Close at once, whatever is on its way."""
        if self.transport is not None:
            self.transport.abort()

    def _give_up_bodies(self) -> None:
        """End bodies whose rest is no HTTP; aiohttp's parser leaves them waiting for it."""
        if not self._messages or not isinstance(self._messages[-1][0], _ErrInfo):
            return
        bodies = [payload for _, payload in self._messages]
        if self._current_request is not None:
            bodies.append(self._current_request.content)
        for body in bodies:
            if not body.is_eof():
                body.set_exception(web.RequestPayloadError("the body is malformed"))
                body.feed_eof()

    def _ends_request(self, data: bytes) -> bool:
        """Whether the parser, which has just made requests of `data`, holds no piece of another.

        After a request that is complete, what follows it can only end with an empty line if it
        is empty itself, or another whole request, or a fault. Bodies may end with anything, so
        after a request with a body the answer is no, unless it looks like the end of a head.
        """
        if self._buffer_paused or self._upgraded or not self._messages:
            return False
        _, payload = self._messages[-1]
        return data.endswith(_END) and payload.is_eof()

    def _is_waiting(self) -> bool:
        """Whether no whole request is here: nothing queued, nothing in progress."""
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
    """Accepts connections, up to a number, and cuts off those that take too long."""

    def __init__(
        self,
        handler: Handler,
        fast: FastLane | None,
        *,
        keepalive_timeout_s: float,
        request_timeout_s: float,
        max_connections: int,
    ) -> None:
        super().__init__(handler)
        self._fast = fast
        self._keepalive_timeout_s = keepalive_timeout_s
        self._request_timeout_s = request_timeout_s
        self._max_connections = max_connections
        self.refused = 0
        self.cut_off = 0

    def __call__(self) -> RequestHandler:
        """Make the protocol of a new connection."""
        return Connection(self, self._fast, self._keepalive_timeout_s)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Take a connection, or refuse it if there are too many."""
        super().connection_made(handler, transport)
        if len(self._connections) > self._max_connections:
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


def _without_quotation(message: str) -> str:
    """What aiohttp says, without what was sent: it might be a password."""
    return next(iter(message.splitlines()), "").partition(":")[0]


def _refuse(transport: asyncio.Transport) -> None:
    transport.write(_REFUSAL)
    transport.close()
