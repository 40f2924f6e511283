"""Connections: bounded in number, in time, and with a fast lane for renewals."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from eureka_registry.http.fastlane import FastLane

MAX_LINE_BYTES: Final = 8190
MAX_HEADERS: Final = 100
_SLOW_READER_FACTOR: Final = 10
"""A client that does read, but slowly, gets so many time-outs before it is cut off."""

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Connection(RequestHandler):
    """One client's connection."""

    __slots__ = ("_began_at", "_fast", "_unread_bytes", "_unread_since", "_writing_since")

    def __init__(self, server: Server, fast: FastLane | None, keepalive_timeout_s: float) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=keepalive_timeout_s,
            access_log=None,  # type: ignore[arg-type]  # aiohttp takes it for "no access log"
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            max_headers=MAX_HEADERS,
        )
        self._fast = fast
        self._began_at: float | None = None
        self._unread_bytes = 0
        self._unread_since = 0.0
        self._writing_since: float | None = None

    def data_received(self, data: bytes) -> None:
        """Answer a plain renewal at once; leave everything else to aiohttp."""
        if self._fast is not None and self._began_at is None and self._is_waiting():
            answer = self._fast.answer(data)
            if answer is not None and self.transport is not None:
                self.transport.write(answer)
                self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
                return
        super().data_received(data)
        whole = not self._is_waiting()
        if whole:
            self._began_at = None
        elif self._began_at is None and data:
            self._began_at = self._loop.time()

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
        """Take a connection, or close it at once if there are too many."""
        super().connection_made(handler, transport)
        if len(self._connections) > self._max_connections:
            self.refused += 1
            transport.abort()

    def cut_off_overdue(self, now: float) -> None:
        """Close what takes too long; call it every few seconds with the loop's time."""
        for connection in self.connections:
            assert isinstance(connection, Connection)  # noqa: S101  # __call__ makes no other
            if connection.overdue(now, self._request_timeout_s):
                self.cut_off += 1
                connection.cut_off()
