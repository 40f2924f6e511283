"""A wire between two peers that can be cut or slow: a TCP proxy that holds back what comes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Self


class Wire:
    """Leads from a port of its own to another port of this machine.

    While it is cut connections are taken and stay silent, as if packets were dropped.
    """

    def __init__(self, to_port: int) -> None:
        self.port = 0
        self._to_port = to_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire")
        self._whole = asyncio.Event()
        self._delay_s = 0.0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        """Close every connection."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """The service URL of the peer at its other end."""
        return f"http://127.0.0.1:{self.port}/eureka/"

    def cut(self) -> None:
        """Let nothing through from now on."""
        self._loop.call_soon_threadsafe(self._whole.clear)

    def mend(self) -> None:
        """Let through what waits, and everything after it."""
        self._loop.call_soon_threadsafe(self._whole.set)

    def slow(self, delay_s: float) -> None:
        """Hold back what comes, each way, for so long from now on."""
        self._delay_s = delay_s

    async def _listen(self) -> None:
        self._whole.set()
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # transports that were aborted close in the loop's next round

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            # Only `_close` cancels; Python 3.11 prints a traceback for a cancelled connection.
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self._whole.wait()
                await self._lead(reader, writer)
        finally:
            writer.transport.abort()

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to = await asyncio.open_connection("127.0.0.1", self._to_port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._copy(reader, to))
                both.create_task(self._copy(there, writer))
        finally:
            to.transport.abort()

    async def _copy(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                await asyncio.sleep(self._delay_s)
                await self._whole.wait()
                to.write(data)
                await to.drain()
        to.transport.abort()
