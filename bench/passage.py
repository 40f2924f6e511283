"""A way to a server that writes down when a request passed, and when its answer did."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_CHUNK_BYTES: Final = 65_536
_PATIENCE_S: Final = 5.0
_METHODS: Final = ("GET", "POST", "PUT", "DELETE")


class Passed(msgspec.Struct):
    """One request; `answered` is infinite until the first bytes of the answer have passed."""

    asked: float
    method: str
    path: str
    answered: float = float("inf")


class Passage:
    """Forwards connections to a port of this machine. Moments are those of `time.monotonic`.

    Its clients have one request in a connection at a time, as the sidecar does.
    """

    def __init__(self, to: int) -> None:
        self.passed: list[Passed] = []
        self.url = ""
        self._to = to
        self._connections: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Passage]:
        """Listen, until all is measured."""
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/eureka/"
        async with server:
            yield self
        if self._connections:
            await asyncio.wait(self._connections, timeout=_PATIENCE_S)

    def since(self, moment: float) -> Iterator[Passed]:
        """The requests from a moment on."""
        return (each for each in self.passed if each.asked >= moment)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(asyncio.create_task(self._forward(reader, writer)))

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", self._to)
        requests: list[Passed] = []
        answers = asyncio.create_task(self._answers(there[0], writer, requests))
        with suppress(OSError):
            while data := await reader.read(_CHUNK_BYTES):
                self._note(data, requests)
                there[1].write(data)
        there[1].close()
        writer.close()
        await answers

    def _note(self, data: bytes, requests: list[Passed]) -> None:
        words = data.partition(b"\r\n")[0].decode("latin-1").split(" ")
        if words[0] in _METHODS:
            requests.append(Passed(time.monotonic(), words[0], words[1]))
            self.passed.append(requests[-1])

    async def _answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: list[Passed]
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK_BYTES):
                writer.write(data)
                requests[-1].answered = min(requests[-1].answered, time.monotonic())
        writer.close()
