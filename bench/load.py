"""The load generator, a process of its own: `python -m bench.load`, plan in, tally out (msgpack).

Each connection has one request under way. Without a rate the next one follows at once; with a rate
each connection keeps its own timetable, and what is late is sent without a pause.
SIGTERM ends a run early, and the tally is given all the same.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, cast

import msgspec
import uvloop

from bench.answers import AnswerReader, BadAnswerError

SLICE_S: Final = 0.5
_SILENCE: Final = 40
"""After so many slices without an answer a run is given up."""


class Plan(msgspec.Struct, frozen=True):
    """What to send to which port of this machine.

    Requests are sent in their order, again and again, until `seconds` are over or `total` answers
    were had (0: no such end). `rate` is requests per second, 0 as many as can be. A run counts from
    the moment `warm_up_s` after its beginning.
    """

    port: int
    requests: list[bytes]
    connections: int = 32
    seconds: float = 0.0
    total: int = 0
    rate: float = 0.0
    warm_up_s: float = 0.0
    host: str = "127.0.0.1"


class Tally(msgspec.Struct, frozen=True):
    """What came of it: looks at the running number of answers, and answers by status.

    `statuses`, `body_bytes`, `took_s` and `cpu_s`, which is the generator's own, are of the whole
    run, the warming up, too. `trouble` is `None`, or why the run is worth nothing.
    """

    moments: list[float]
    counts: list[int]
    statuses: dict[int, int]
    body_bytes: int
    took_s: float
    cpu_s: float
    trouble: str | None = None


class _Connection(asyncio.Protocol):
    """One connection of a run."""

    def __init__(self, run: _Run, due_at: float) -> None:
        self._run = run
        self._due_at = due_at
        self._reader = AnswerReader()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.WriteTransport | None = None

    @property
    def body_bytes(self) -> int:
        """Bytes of bodies read."""
        return self._reader.body_bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's are not by class

    def connection_lost(self, exc: Exception | None) -> None:
        self._run.end(f"the server closed a connection ({exc or 'in order'})")

    def data_received(self, data: bytes) -> None:
        try:
            statuses = self._reader.feed(data)
        except BadAnswerError as error:
            self._run.end(str(error))
            return
        for status in statuses:
            self._run.note(status)
            self.send()

    def send(self) -> None:
        """Send the next request when its time has come."""
        if not self._run.interval_s:
            self._send_now()
            return
        self._due_at += self._run.interval_s
        self._loop.call_at(self._due_at, self._send_now)

    def _send_now(self) -> None:
        request = self._run.next_request()
        if request is not None and self._transport is not None:
            self._transport.write(request)


class _Run:
    """A plan being carried out."""

    def __init__(self, plan: Plan) -> None:
        self.interval_s = plan.connections / plan.rate if plan.rate else 0.0
        self.ended = asyncio.Event()
        self.trouble: str | None = None
        self.answers = 0
        self._plan = plan
        self._statuses: Counter[int] = Counter()
        self._loop = asyncio.get_running_loop()
        self._requests = _in_turn(plan)
        self._began_at = self._loop.time()
        self._took_s = 0.0
        self._cpu_before_s = time.process_time()
        self._cpu_s = 0.0
        self._moments: list[float] = []
        self._counts: list[int] = []
        self.next_request: Callable[[], bytes | None] = lambda: next(self._requests, None)

    def note(self, status: int) -> None:
        """Count an answer."""
        self.answers += 1
        self._statuses[status] += 1
        if self.answers == self._plan.total:
            self._write_down()
            self.end()

    def look(self) -> None:
        """Write down how many answers there are, and do so again after a while."""
        if self.ended.is_set():
            return
        self._write_down()
        if self._plan.seconds and self._moments[-1] - self._moments[0] >= self._plan.seconds:
            self.end()
            return
        if len(self._counts) > _SILENCE and self._counts[-1 - _SILENCE] == self.answers:
            self.end(f"no answer for {_SILENCE * SLICE_S:g} s")
            return
        self._loop.call_later(SLICE_S, self.look)

    def end(self, trouble: str | None = None) -> None:
        """End the run; what comes later does not count."""
        if self.ended.is_set():
            return
        self.trouble = trouble
        self._took_s = self._loop.time() - self._began_at
        self._cpu_s = time.process_time() - self._cpu_before_s
        self.ended.set()

    def tally(self, body_bytes: int) -> Tally:
        """What came of it."""
        statuses = dict(self._statuses)
        return Tally(
            self._moments,
            self._counts,
            statuses,
            body_bytes,
            self._took_s,
            self._cpu_s,
            self.trouble,
        )

    def _write_down(self) -> None:
        self._moments.append(self._loop.time())
        self._counts.append(self.answers)


async def carry_out(plan: Plan) -> Tally:
    """Do as planned."""
    run = _Run(plan)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, run.end)
    connections = []
    try:
        for number in range(plan.connections):
            due_at = loop.time() + run.interval_s * number / plan.connections
            connection = _Connection(run, due_at)
            await loop.create_connection(lambda one=connection: one, plan.host, plan.port)  # type: ignore[misc]
            connections.append(connection)
    except OSError as error:
        run.end(f"cannot connect: {error}")
    loop.call_later(plan.warm_up_s, run.look)
    for connection in connections:
        connection.send()
    await run.ended.wait()
    return run.tally(sum(connection.body_bytes for connection in connections))


def _in_turn(plan: Plan) -> Iterator[bytes]:
    """The requests round and round, or as many of them as there shall be answers."""
    forever = itertools.cycle(plan.requests)
    return itertools.islice(forever, plan.total) if plan.total else forever


def main() -> None:
    """Read a plan from standard input, write the tally to standard output."""
    plan = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Plan)
    tally = uvloop.run(carry_out(plan))
    sys.stdout.buffer.write(msgspec.msgpack.encode(tally))


if __name__ == "__main__":
    main()
