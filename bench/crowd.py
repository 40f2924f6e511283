"""Clients that hold many leases, and readers that look whether one is missing: a thread of its own.

A client renews at one peer, goes on with the next one after an error or a time-out, and registers
again when a peer does not know its lease. Java's client does the same.
"""

from __future__ import annotations

import asyncio
import gzip
import itertools
import re
import threading
from collections.abc import Sequence
from typing import Final, Self

from bench.answers import BadAnswerError, read_head
from bench.requests import FETCH, leased, place, registration, renewal

_TIMEOUT_S: Final = 2.0
_DRIVERS: Final = 24
_READ_EVERY_S: Final = 0.25
_ID: Final = re.compile(rb'"instanceId":"([^"]+)"')


class Tally:
    """What clients and readers met so far."""

    def __init__(self) -> None:
        self.renewals = 0
        """Renewals answered 200."""
        self.lost = 0
        """Renewals answered 404."""
        self.unserved = 0
        """Renewals and registrations that no peer answered."""
        self.reads = 0
        """Lists read from peers that served them."""
        self.incomplete = 0
        """Lists without an instance that all peers had agreed on."""
        self.missed = 0
        """Most instances that one list lacked."""


class Clients:
    """`size` instances, each renewed every `renewal_s` seconds, on peers at these ports."""

    def __init__(self, ports: Sequence[int], size: int, *, renewal_s: float, lease_s: int) -> None:
        self.size = size
        self.tally = Tally()
        self.everybody_registered = threading.Event()
        self._watched: frozenset[bytes] = frozenset()
        self._ports = tuple(ports)
        self._renewal_s = renewal_s
        self._lease = leased(max(1, round(renewal_s)), lease_s)
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._registered = 0
        self._trouble: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="crowd")

    def __enter__(self) -> Self:
        """Begin to register and to renew."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End; leases end by themselves.

        Raises:
            BaseException: what ended the thread before its time.
        """
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()
        self._loop.close()
        if self._trouble is not None:
            raise self._trouble

    def watch(self) -> None:
        """From now on, when all peers agree, a list without one of the instances is wrong."""
        self._watched = frozenset(place(number).id.encode() for number in range(self.size))

    def look_away(self) -> None:
        """Lists may lack anything again."""
        self._watched = frozenset()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._run_all())
        except BaseException as error:  # noqa: BLE001 - raised again by `__exit__`
            self._trouble = error

    async def _run_all(self) -> None:
        tasks = [asyncio.create_task(self._drive(number)) for number in range(_DRIVERS)]
        tasks += [asyncio.create_task(self._read(port)) for port in self._ports]
        stopped = asyncio.create_task(self._stopped.wait())
        await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in (stopped, *tasks):
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # transports that were aborted close in the loop's next round
        wrong = [each for each in done if isinstance(each, Exception)]
        if wrong:
            raise wrong[0]

    async def _drive(self, number: int) -> None:
        """Hold every so-manieth lease, over one connection at a time."""
        client = _Client(self._ports, number, self.tally)
        mine = range(number, self.size, _DRIVERS)
        try:
            for instance in mine:
                await client.ask(registration(instance, lease=self._lease))
                self._registered += 1
            if self._registered == self.size:
                self.everybody_registered.set()
            await self._hold(client, mine)
        finally:
            client.close()

    async def _hold(self, client: _Client, mine: Sequence[int]) -> None:
        loop = asyncio.get_running_loop()
        due_at = loop.time()
        for instance in itertools.cycle(mine):
            due_at += self._renewal_s / len(mine)
            await asyncio.sleep(due_at - loop.time())
            await self._renew(client, instance)

    async def _renew(self, client: _Client, instance: int) -> None:
        status = await client.ask(renewal(instance))
        if status == 404:
            self.tally.lost += 1
            await client.ask(registration(instance, lease=self._lease))
        elif status == 200:
            self.tally.renewals += 1

    async def _read(self, port: int) -> None:
        """Fetch a peer's list again and again; one that is away or not ready is asked later."""
        reader = _Client((port,), 0, Tally())
        try:
            while True:
                watched = self._watched
                status = await reader.ask(FETCH)
                if status == 200 and watched and watched is self._watched:
                    self._judge(watched, reader.body)
                await asyncio.sleep(_READ_EVERY_S)
        finally:
            reader.close()

    def _judge(self, watched: frozenset[bytes], body: bytes) -> None:
        lacking = watched.difference(_ID.findall(gzip.decompress(body)))
        self.tally.reads += 1
        self.tally.incomplete += bool(lacking)
        self.tally.missed = max(self.tally.missed, len(lacking))


class _Client:
    """One connection, to the peer that answered last."""

    def __init__(self, ports: Sequence[int], first: int, tally: Tally) -> None:
        self.body = b""
        self._ports = [ports[(first + turn) % len(ports)] for turn in range(len(ports))]
        self._tally = tally
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request_bytes: bytes) -> int:
        """The status of the first peer that serves; 0 if none does."""
        for _ in self._ports:
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    status = await self._ask(request_bytes)
                if status < 500:
                    return status
            except (OSError, TimeoutError, asyncio.IncompleteReadError, BadAnswerError):
                pass
            self._next()
        self._tally.unserved += 1
        return 0

    async def _ask(self, request_bytes: bytes) -> int:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._ports[0])
        reader, writer = self._streams
        writer.write(request_bytes)
        head = read_head(await reader.readuntil(b"\r\n\r\n"))
        self.body = await reader.readexactly(head.length)
        return head.status

    def close(self) -> None:
        """Break the connection off."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    def _next(self) -> None:
        self.close()
        self._ports.append(self._ports.pop(0))
