"""One connection on which a question is asked, and its answer read to the end, in a clear order.

It blocks: nothing else that we do shall stand between a question and the moment of its answer.
"""

from __future__ import annotations

import gzip
import socket
from types import TracebackType
from typing import Final, Self

import msgspec

from bench.answers import CHUNKED, BadAnswerError, chunks_end, joined, read_head

_CHUNK_BYTES: Final = 65_536
_PATIENCE_S: Final = 30.0


class Answer(msgspec.Struct, frozen=True):
    """An answer, its head and body as they came."""

    status: int
    head: bytes
    body: bytes

    @property
    def text(self) -> bytes:
        """The body, decompressed if it needs to be."""
        return gzip.decompress(self.body) if self.body[:2] == b"\x1f\x8b" else self.body

    def header(self, name: str) -> str | None:
        """The value of a header, `None` if there is none."""
        for each in self.head.decode("latin-1").split("\r\n"):
            key, _, value = each.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None


class Line:
    """A keep-alive connection to a port of this machine."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._socket = socket.create_connection((host, port), timeout=_PATIENCE_S)
        self._room = bytearray(2 * _CHUNK_BYTES)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        """Give the connection."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close it; closing again does nothing."""
        self._socket.close()

    def ask(self, request: bytes) -> Answer:
        """Ask and read the whole answer.

        Raises:
            OSError: the connection broke or nothing came.
            BadAnswerError: what came is not an answer.
        """
        self._socket.sendall(request)
        held = self._receive()
        while (at := held.find(b"\r\n\r\n")) < 0:
            held += self._receive()
        head = read_head(held[: at + 4])
        if head.length == CHUNKED:
            while chunks_end(held, at + 4) is None:
                held += self._receive()
            return Answer(head.status, held[: at + 4], joined(held[at + 4 :]))
        return Answer(head.status, held[: at + 4], self._body(held[at + 4 :], head.length))

    def demand(self, request: bytes, *statuses: int) -> Answer:
        """Ask for an answer of one of these statuses.

        Raises:
            BadAnswerError: it has another.
        """
        answer = self.ask(request)
        if answer.status not in statuses:
            first = request.partition(b"\r\n")[0].decode("ascii")
            raise BadAnswerError(f"{first} was answered {answer.status}, not {statuses}")
        return answer

    def _body(self, begun: bytes, length: int) -> bytes:
        """The body, read into memory that was used before: fresh pages would take their time."""
        if len(begun) >= length:
            return begun
        if len(self._room) < length:
            self._room = bytearray(length)
        room, filled = memoryview(self._room), len(begun)
        room[:filled] = begun
        while filled < length:
            count = self._socket.recv_into(room[filled:length])
            if not count:
                raise BadAnswerError("the server closed the connection")
            filled += count
        return bytes(room[:length])

    def _receive(self) -> bytes:
        data = self._socket.recv(_CHUNK_BYTES)
        if not data:
            raise BadAnswerError("the server closed the connection")
        return data
