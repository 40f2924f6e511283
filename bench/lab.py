"""Peers to measure and the load put on them; every benchmark works in one."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import msgspec

from bench import machine
from bench.answers import BadAnswerError
from bench.line import Line
from bench.load import Plan, Tally
from bench.requests import registration, request
from eureka_registry.config.settings import Settings
from eureka_registry.local.processes import Process, run_peers

INSTANCES: Final = 10_000
_PATIENCE_S: Final = 60.0
_READY: Final = request("GET", "/readyz", {})
_STEP: Final = 7919  # a prime: neighbours on the wire are strangers in the registry


class NotMeasuredError(Exception):
    """A figure could not be had; the sentence says why."""


class Lab:
    """How long to measure, on which cores, and where to say what is going on."""

    def __init__(
        self, cores: machine.Cores | None, say: Callable[[str], None], *, quick: bool
    ) -> None:
        self.quick = quick
        self._cores = cores
        self._say = say

    def rounds(self, usual: int, quick: int) -> int:
        """How often to do something."""
        return quick if self.quick else usual

    @property
    def seconds(self) -> float:
        """How long to load a server."""
        return 3.0 if self.quick else 10.0

    def window_s(self, *, first: bool) -> float:
        """How long each window of warming up is."""
        if self.quick:
            return 1.0
        return 10.0 if first else 3.0

    def warm_least_s(self, *, first: bool) -> float:
        """How long to load a server before it can count as warm; then until its rate is steady."""
        return 60.0 if first and not self.quick else 0.0

    def warm_limit_s(self, *, first: bool) -> float:
        """How long to load a server at most before it is measured."""
        if self.quick:
            return 6.0
        return 180.0 if first else 40.0

    @property
    def round_s(self) -> float:
        """How long to load a server in each of several rounds."""
        return 2.0 if self.quick else 5.0

    def say(self, sentence: str) -> None:
        """Report progress."""
        self._say(sentence)

    @contextlib.asynccontextmanager
    async def peers(self, count: int, **changes: object) -> AsyncIterator[list[Process]]:
        """Run peers that know each other, with settings changed."""
        async with self.running(plan_peers(count, **changes)) as peers:
            yield peers

    @contextlib.asynccontextmanager
    async def running(self, everybody: Sequence[Settings]) -> AsyncIterator[list[Process]]:
        """Run peers with these settings, the first on the server's core, until they are ready."""
        log: list[str] = []
        async with run_peers(
            everybody, lambda name, line: log.append(f"{name}: {line}"), _ignore
        ) as p:
            for process in p:
                self.pin_server(process) if process is p[0] else self.pin_other(process)
            for process in p:
                await until_ready(process, log)
            yield p

    def pin_server(self, process: Process) -> None:
        """Give a peer the server's core."""
        self.pin_pid(pid_of(process))

    def pin_pid(self, pid: int) -> None:
        """Give any process the server's core."""
        if self._cores is not None:
            machine.pin(pid, self._cores.server)

    def pin_other(self, process: Process) -> None:
        """Put a peer where it does not disturb the server."""
        if self._cores is not None:
            machine.pin(pid_of(process), self._cores.others)

    def unpin_pid(self, pid: int) -> None:
        """Let any process run wherever there is time."""
        if self._cores is not None:
            machine.pin(pid, self._cores.everything)

    def unpin(self, processes: Sequence[Process]) -> None:
        """Let peers run wherever there is time, as on a machine of their own."""
        for process in processes:
            self.unpin_pid(pid_of(process))

    async def fill(self, process: Process, instances: int = INSTANCES) -> Tally:
        """Register instances, each once."""
        plan = Plan(process.settings.port, registrations(instances), total=instances)
        return await self.load(plan, 204)

    async def load(self, plan: Plan, status: int) -> Tally:
        """Put load on a peer; every answer must have `status`."""
        async with self.loading(plan, status) as ending:
            return await ending()

    @contextlib.asynccontextmanager
    async def loading(
        self, plan: Plan, status: int
    ) -> AsyncIterator[Callable[[], asyncio.Future[Tally]]]:
        """Put load on a peer in the background; what it gives waits for the end of the load."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.load",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        if self._cores is not None:
            machine.pin(process.pid, self._cores.load)
        output = asyncio.create_task(process.communicate(msgspec.msgpack.encode(plan)))

        async def end() -> Tally:
            text, _ = await output
            return checked(text, status)

        try:
            yield lambda: asyncio.ensure_future(end())
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGTERM)
            await output


def plan_peers(count: int, **changes: object) -> list[Settings]:
    """Settings of peers on free ports that list each other."""
    ports = free_ports(2 * count)
    urls = [f"http://127.0.0.1:{port}/eureka/" for port in ports[:count]]
    return [
        msgspec.convert(
            {
                "name": f"peer{number + 1}",
                "hostname": "127.0.0.1",
                "port": ports[number],
                "management_port": ports[count + number],
                "peers": [url for url in urls if url != urls[number]],
                "log_level": "WARNING",
                **changes,
            },
            Settings,
        )
        for number in range(count)
    ]


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at the moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def pid_of(process: Process) -> int:
    """A running peer's process id.

    Raises:
        NotMeasuredError: it has ended.
    """
    if process.pid is None:
        raise NotMeasuredError(f"{process.name} is not running")
    return process.pid


def registrations(instances: int) -> list[bytes]:
    """The registration of each instance, in a mixed order."""
    return mixed(registration, instances)


def mixed(make: Callable[[int], bytes], instances: int = INSTANCES) -> list[bytes]:
    """One request for each instance, in a mixed order."""
    return [make(n * _STEP % instances) for n in range(instances)]


async def until_ready(process: Process, log: Sequence[str] = ()) -> float:
    """Wait until a peer is ready; the moment at which it said so (`time.perf_counter`)."""
    deadline = time.perf_counter() + _PATIENCE_S
    while time.perf_counter() < deadline:
        if process.pid is None:
            raise NotMeasuredError(f"{process.name} ended: {' / '.join(log) or 'no word of it'}")
        if says_ready(process.settings.management_port):
            return time.perf_counter()
        await asyncio.sleep(0.002)
    raise NotMeasuredError(f"{process.name} was not ready within {_PATIENCE_S:g} s")


def says_ready(port: int) -> bool:
    """Whether a management port answers that its peer is ready."""
    try:
        with Line(port) as line:
            return line.ask(_READY).status == 200
    except (OSError, BadAnswerError):
        return False


def checked(text: bytes, status: int) -> Tally:
    """A generator's tally.

    Raises:
        NotMeasuredError: it gave none, or an answer was not what it must be.
    """
    if not text:
        raise NotMeasuredError("the load generator failed; what it said is above")
    tally = msgspec.msgpack.decode(text, type=Tally)
    if tally.trouble is not None:
        raise NotMeasuredError(tally.trouble)
    if set(tally.statuses) != {status}:
        raise NotMeasuredError(f"every answer must be {status}; they were {tally.statuses}")
    return tally


def _ignore(_peer: str, _sentence: str) -> None:
    """A benchmark starts and ends its peers itself."""
