"""Counts and limits TLS handshakes, from accept until the connection exists."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Final

from eureka_registry.core.limits import HANDSHAKE_S, HANDSHAKES

_log = logging.getLogger(__name__)
_AT_ONCE: Final = 64
_PAUSE_S: Final = 1.0
_SHORT_OF: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class TlsListener:
    """Accepts connections on a socket and passes them on after their handshake.

    asyncio's own server counts a connection only after its handshake, so any number could wait in
    theirs.
    """

    def __init__(
        self,
        sock: socket.socket,
        protocol: Callable[[], asyncio.BaseProtocol],
        context: Callable[[], ssl.SSLContext],
        shutdown_s: float,
    ) -> None:
        """Accept from now on.

        Args:
            sock: is bound, and listens.
            protocol: makes the protocol of a connection.
            context: gives the present context, called for each connection.
            shutdown_s: seconds that a client may take to answer a goodbye.
        """
        self._socket = sock
        self._protocol = protocol
        self._context = context
        self._shutdown_s = shutdown_s
        self._loop = asyncio.get_running_loop()
        self._under_way: dict[asyncio.Task[None], socket.socket] = {}
        self._pause: asyncio.TimerHandle | None = None
        sock.setblocking(False)  # noqa: FBT003 - positional-only
        self._loop.add_reader(sock.fileno(), self._accept)

    def close(self) -> None:
        """Accept no more; what is connected stays."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        for task in list(self._under_way):
            task.cancel()

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                accepted, _address = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _SHORT_OF:
                    raise
                self._wait(error)
                return
            self._begin(accepted)

    def _begin(self, accepted: socket.socket) -> None:
        if len(self._under_way) >= HANDSHAKES:
            next(iter(self._under_way)).cancel()
        accepted.setblocking(False)  # noqa: FBT003 - positional-only
        task = self._loop.create_task(self._shake_hands(accepted))
        self._under_way[task] = accepted
        task.add_done_callback(self._forget)

    async def _shake_hands(self, accepted: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._protocol,
                accepted,
                ssl=self._context(),
                ssl_handshake_timeout=HANDSHAKE_S,
                ssl_shutdown_timeout=self._shutdown_s,
            )
        except OSError as error:  # ssl.SSLError is one
            accepted.close()
            _log.debug("no TLS error=%s", type(error).__name__)

    def _forget(self, task: asyncio.Task[None]) -> None:
        accepted = self._under_way.pop(task)
        if task.cancelled():
            accepted.close()
        elif (error := task.exception()) is not None:
            _log.error("a TLS handshake failed", exc_info=error)

    def _wait(self, error: OSError) -> None:
        """Look at the socket again a little later: it stays readable, so the loop would spin."""
        _log.warning("cannot accept connections: %s", error.strerror)
        self._loop.remove_reader(self._socket.fileno())
        self._pause = self._loop.call_later(_PAUSE_S, self._go_on)

    def _go_on(self) -> None:
        self._loop.add_reader(self._socket.fileno(), self._accept)
