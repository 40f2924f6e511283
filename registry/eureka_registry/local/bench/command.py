"""The command `bench`: its signals, its exit code, and its last lines."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import os
import secrets
import signal
import socket
import time
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import uvloop

from eureka_registry import __version__
from eureka_registry.local.background import in_background
from eureka_registry.local.bench import screen
from eureka_registry.local.bench.leases import Leases
from eureka_registry.local.bench.plan import DURATION_S, Plan, plan
from eureka_registry.local.bench.report import Remainder, Report
from eureka_registry.local.bench.run import Run
from eureka_registry.local.bench.server import NoEurekaError, RegistrySize, Server, find
from eureka_registry.local.bench.verdict import remainder_sentence
from eureka_registry.peers.client import open_session

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_KILLED: Final = 128
"""Added to a signal's number it is the exit code, as shells have it."""


def run(options: argparse.Namespace) -> int:
    """Measure; returns 0 if all went well, 1 if not, 128 + N after signal N.

    Raises:
        ConfigurationError: an argument cannot be used.
    """
    bench = Bench(plan(options))
    code = uvloop.run(bench.carry_out())
    if bench.report is not None:
        screen.show(bench.report, options.output)
    return code


class Bench:
    """One run of the command; `report` is set once something was measured."""

    def __init__(self, wanted: Plan) -> None:
        self.report: Report | None = None
        self._plan = wanted
        self._began = dt.datetime.now(dt.UTC)
        began_ms = int(self._began.timestamp() * 1000)
        origin = f"process {os.getpid()} on {socket.gethostname()}, {_iso(self._began)}"
        self._leases = Leases(secrets.token_hex(4), began_ms, origin)
        self._progress = screen.Progress()
        self._stop = asyncio.Event()
        self._signal: signal.Signals | None = None
        self._is_aborted = False
        """Whether even the removal was interrupted."""
        self._servers: list[Server] = []

    async def carry_out(self) -> int:
        """Carry out the run; returns the exit code."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker
        for number in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal, number, task)
        try:
            async with (
                open_session(decompress=False) as session,
                in_background([self._progress.draw()]),
            ):
                await self._measure(session)
        except NoEurekaError as error:
            self._fail(str(error))
        except asyncio.CancelledError:
            if not self._is_aborted:
                raise
            task.uncancel()
        return self._exit_code()

    def _on_signal(self, number: int, task: asyncio.Task[object]) -> None:
        """Stop: gently if something has to be removed; at once if not, or the second time."""
        first = self._signal is None
        self._signal = self._signal or signal.Signals(number)
        self._stop.set()
        if first and self._leases.held_numbers:
            self._progress.say(
                f"{self._signal.name}: removing {len(self._leases.held_numbers):,} instances of "
                f"{self._leases.app}; a second signal gives up at once"
            )
            return
        self._is_aborted = True
        task.cancel()

    async def _measure(self, session: aiohttp.ClientSession) -> None:
        found: dict[str, RegistrySize] = {}
        for url in self._plan.urls:
            server, holding = await find(session, url)
            self._servers.append(server)
            found[server.url] = holding
        run = Run(self._plan, self._servers, self._leases, self._stop, self._progress.begin)
        try:
            try:
                await run.measure()
            finally:
                if not self._is_aborted:
                    await run.remove()
        finally:
            self.report = self._report(run, found)

    def _report(self, measurement: Run, sizes: dict[str, RegistrySize]) -> Report:
        return Report(
            version=__version__,
            began=_iso(self._began),
            urls=[server.url for server in self._servers],
            application=self._leases.app,
            instances=self._plan.instances,
            seconds=self._plan.seconds,
            connections=self._plan.connections,
            rate=self._plan.rate,
            patience_s=self._plan.patience_s,
            found=sizes,
            phases=measurement.phases,
            freshness=measurement.freshness,
            sight=measurement.sight,
            notes=measurement.notes,
            interrupted_by=self._signal.name if self._signal else None,
            gave_up=measurement.gave_up,
            left=self._remainder(measurement.why_left or "interrupted"),
        )

    def _remainder(self, why: str) -> Remainder | None:
        held = self._leases.held_numbers
        if not held:
            return None
        ends_in = dt.timedelta(seconds=self._leases.ends_in_s(time.perf_counter()))
        until = dt.datetime.now(dt.UTC) + ends_in
        numbers = f"[{min(held)}-{max(held)}]"
        url = f"{self._servers[0].url}apps/{self._leases.app}/{self._leases.id(0)[:-1]}{numbers}"
        user = " -u USER" if "@" in urlsplit(self._plan.urls[0]).netloc else ""
        return Remainder(
            instances=len(held),
            until=_iso(until),
            until_netflix=_iso(until + dt.timedelta(seconds=DURATION_S)),
            remove=f"curl -X DELETE{user} '{url}'",
            why=why,
        )

    def _fail(self, sentence: str) -> None:
        """Print why nothing was measured."""
        self.report = None
        self._progress.say(f"eureka-registry: {sentence}")
        if left := self._remainder("no answer"):
            self._progress.say(f"{remainder_sentence(left)} To remove them: {left.remove}")

    def _exit_code(self) -> int:
        if self._signal is not None:
            return _KILLED + self._signal
        return 0 if self.report is not None and self.report.passed else 1


def _iso(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
