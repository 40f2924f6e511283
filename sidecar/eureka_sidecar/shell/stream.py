"""One TCP connection, with or without TLS, that never waits longer than its deadline."""

from __future__ import annotations

import errno
import os
import socket
import sys

from .loop import READABLE, WRITABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from typing import TypeVar

    from .deadline import Deadline
    from .resolve import Address

    T = TypeVar("T")

_PIECE_BYTES = 16_384
_CONNECTING = frozenset({errno.EINPROGRESS, errno.EALREADY})
_CONNECTED = frozenset({0, errno.EISCONN})


class Stream:
    """A connection; `deadline` may be another one for each use of it.

    All that waits raises `TimeoutError` without a number when the time is up, and `OSError` when
    the connection fails.
    """

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self._socket: socket.socket | None = None

    async def connect(self, address: Address) -> None:
        """Connect; a former connection is closed."""
        self.close()
        family, where = address
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.settimeout(0)
        # Asked again after each wait, which may have ended for another reason.
        while (code := self._socket.connect_ex(where)) in _CONNECTING:
            if not await self.deadline.writable(self._socket.fileno()):
                raise TimeoutError
        if code not in _CONNECTED:
            raise OSError(code, os.strerror(code))
        if self._socket.getsockname() == self._socket.getpeername():
            # On loopback a port without a server may become our own end, which echoes.
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Start TLS with the server of that name."""
        # Text would load the codec of international names. A certificate has no final dot.
        name = host.rstrip(".").encode("ascii")
        secure = context.wrap_socket(
            self._open(), server_hostname=name, do_handshake_on_connect=False
        )
        self._socket = secure
        await self._retry_until_ready(READABLE, secure.do_handshake)

    async def send(self, data: bytes) -> None:
        """Send all of it."""
        rest = memoryview(data)
        while rest:
            sent = await self._retry_until_ready(WRITABLE, self._open().send, rest)
            rest = rest[sent:]

    async def receive(self) -> bytes:
        """The next bytes; empty: the connection was closed."""
        return await self._retry_until_ready(READABLE, self._open().recv, _PIECE_BYTES)

    def is_quiet(self) -> bool:
        """Whether it is open and idle: no end of it and no unexpected bytes have come."""
        try:
            # TLS has to be read to know: its session tickets are no answer.
            self._open().recv(1)
        except OSError as error:
            return _wait_mask(error, READABLE) == READABLE
        return False

    def close(self) -> None:
        """Close it, if it is open."""
        if self._socket:
            self._socket.close()

    def _open(self) -> socket.socket:
        assert self._socket  # noqa: S101 - `connect` was called
        return self._socket

    async def _retry_until_ready(self, mask: int, act: Callable[..., T], *arguments: object) -> T:
        """Act, and again whenever the connection is ready, until it does not block."""
        while True:
            try:
                return act(*arguments)
            except OSError as error:
                awaited = _wait_mask(error, mask)
                if not awaited:
                    raise
            if not await self.deadline.ready(self._open().fileno(), awaited):
                raise TimeoutError


def _wait_mask(error: OSError, mask: int) -> int:
    """The events to wait for before another try; 0: it failed."""
    if isinstance(error, BlockingIOError):
        return mask
    tls = sys.modules.get("ssl")  # which has not been loaded if there is no TLS
    if tls and isinstance(error, tls.SSLWantReadError):
        return READABLE
    if tls and isinstance(error, tls.SSLWantWriteError):
        return WRITABLE
    return 0
