"""What the sidecar costs: memory, time to the first registration, processor time, requests.

It registers with one of our peers, on a way that writes down what passes, for an application
whose port it connects to every five seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from bench import machine
from bench.figures import median
from bench.lab import Lab, NotMeasuredError
from bench.passage import Passage, Passed
from bench.program import Program, program
from bench.results import Better, Goal, Row

_COPIES: Final = 20
_PATIENCE_S: Final = 20.0
_LEASES: Final = ((30, 90), (10, 30))
_MEMORY: Final = Goal(12.0, aim=9.0)
_FURTHER: Final = Goal(5.0, aim=3.5)
_START: Final = Goal(50.0, aim=15.0)


async def sidecar(lab: Lab) -> list[Row]:
    """All figures of the sidecar."""
    with tempfile.TemporaryDirectory(prefix="eurekube-sidecar-") as folder:
        lab.say("the sidecar's image")
        found = program(Path(folder))
        async with (
            lab.peers(1) as (peer,),
            Passage(peer.settings.port).open() as passage,
            await asyncio.start_server(_hang_up, "127.0.0.1", 0) as application,
        ):
            port = int(application.sockets[0].getsockname()[1])
            bench = _Bench(lab, found, passage, port)
            rows = [await bench.starts(), *await bench.memory()]
            for renewal_s, duration_s in _LEASES:
                rows += await bench.at_rest(renewal_s, duration_s)
    if found.beyond_kib is not None:
        rows.append(
            Row("image, beyond its base", "KiB", Better.LESS, [found.beyond_kib], note="not packed")
        )
    return rows


class _Copy(msgspec.Struct):
    """A running sidecar, and its first registration."""

    process: asyncio.subprocess.Process
    began: float
    first: Passed

    @property
    def pid(self) -> int:
        return self.process.pid


class _Bench:
    def __init__(self, lab: Lab, found: Program, passage: Passage, port: int) -> None:
        self._lab = lab
        self._program = found
        self._passage = passage
        self._port = port
        self._number = 0

    async def starts(self) -> Row:
        """From the start of the process to the registry's answer to its first registration."""
        self._lab.say("start of the sidecar")
        times = []
        async with self._running(1, _LEASES[0]):
            pass  # the first one reads its files from the disk
        for _ in range(self._lab.rounds(15, 5)):
            async with self._running(1, _LEASES[0]) as (copy,):
                times.append((copy.first.answered - copy.began) * 1e3)
        note = f"{self._program.source}; with the start of chroot"
        return Row("start to first registration", "ms", Better.LESS, times, [], _START, note)

    async def memory(self) -> list[Row]:
        """Of one alone, and of many: what they share is the interpreter's and its libraries'."""
        self._lab.say(f"memory of one sidecar and of {_COPIES}")
        settle_s = self._lab.rounds(30, 5)
        async with self._running(1, (1, 3)) as copies:
            await asyncio.sleep(settle_s)
            alone, peak = _memory(copies, "Rss", "Pss"), _status(copies[0].pid, "VmHWM")
        async with self._running(_COPIES, (1, 3)) as copies:
            await asyncio.sleep(settle_s)
            many = _memory(copies, "Rss", "Pss")
        further = (sum(many["Pss"]) - alone["Pss"][0]) / (_COPIES - 1)
        note = f"after {settle_s} renewals; at most {peak:.1f} MiB since its start"
        return [
            Row("memory (RSS)", "MiB", Better.LESS, many["Rss"], [], _MEMORY, note),
            Row("memory (PSS), alone", "MiB", Better.LESS, alone["Pss"]),
            Row(
                *("memory (PSS), each further", "MiB", Better.LESS, [further], [], _FURTHER),
                note=f"of {_COPIES}",
            ),
        ]

    async def at_rest(self, renewal_s: int, duration_s: int) -> list[Row]:
        """Requests and processor time while nothing happens."""
        seconds = self._lab.rounds(120, 30)
        self._lab.say(f"{_COPIES} sidecars at rest for {seconds} s, lease {renewal_s}/{duration_s}")
        async with self._running(_COPIES, (renewal_s, duration_s)) as copies:
            await asyncio.sleep(2.0)
            begin, before = time.monotonic(), [_cpu_s(each.pid) for each in copies]
            await asyncio.sleep(seconds)
            after = [_cpu_s(each.pid) for each in copies]
            count = sum(1 for _ in self._passage.since(begin))
        hours = seconds / 3600
        used = [(end - start) / hours for end, start in zip(after, before, strict=True)]
        words, note = f"lease {renewal_s}/{duration_s}", f"{_COPIES} of them, {seconds} s"
        minutes = _COPIES * seconds / 60
        return [
            Row(f"requests, {words}", "1/min", Better.LESS, [count / minutes], note=note),
            Row(
                f"CPU, {words}", "s/h", Better.LESS, used,
                note=f"{median(used) / 3.6:.2f} mCPU, with a TCP check every 5 s",
            ),
        ]  # fmt: skip

    @contextlib.asynccontextmanager
    async def _running(self, count: int, lease: tuple[int, int]) -> AsyncIterator[list[_Copy]]:
        """Run sidecars until they are ended; each has registered."""
        copies: list[_Copy] = []
        try:
            while len(copies) < count:
                copies.append(await self._start(lease))
            yield copies
        finally:
            for each in copies:
                with contextlib.suppress(ProcessLookupError):
                    each.process.send_signal(signal.SIGTERM)
            for each in copies:
                await asyncio.wait_for(each.process.wait(), _PATIENCE_S)

    async def _start(self, lease: tuple[int, int]) -> _Copy:
        self._number += 1
        words = [
            *self._program.words,
            *("--app", "orders", "--port", str(self._port), "--registry", self._passage.url),
            *("--id", f"orders:{self._number}", "--socket", f"@bench-{self._number}"),
            *("--renewal", str(lease[0]), "--duration", str(lease[1])),
        ]
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *words, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        self._lab.unpin_pid(process.pid)
        while time.monotonic() - began < _PATIENCE_S and process.returncode is None:
            for each in self._passage.since(began):
                if each.method == "POST" and each.answered < float("inf"):
                    return _Copy(process, began, each)
            await asyncio.sleep(0.005)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise NotMeasuredError(f"no registration from `{' '.join(words)}`")


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The application: it takes connections."""
    writer.close()


def _memory(copies: Sequence[_Copy], *names: str) -> dict[str, list[float]]:
    """Sizes in MiB of each process; `Pss` is with its share of what several have mapped."""
    found: dict[str, list[float]] = {name: [] for name in names}
    for each in copies:
        lines = Path(f"/proc/{each.pid}/smaps_rollup").read_text().splitlines()
        fields = {line.partition(":")[0]: line.split()[1] for line in lines[1:]}
        for name, values in found.items():
            values.append(int(fields[name]) / 1024)
    return found


def _status(pid: int, name: str) -> float:
    """A size of `/proc/PID/status` in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(each.split()[1]) / 1024 for each in lines if each.startswith(f"{name}:"))


def _cpu_s(pid: int) -> float:
    """Seconds of a core used so far, from what the scheduler has counted in nanoseconds."""
    schedstat = Path(f"/proc/{pid}/schedstat")
    if schedstat.exists():
        return int(schedstat.read_text().split()[0]) / 1e9
    used = machine.cpu_s(pid)
    if used is None:
        raise NotMeasuredError(f"nobody here tells what process {pid} used of a core")
    return used
