"""Peers as processes on this machine: starts, watches, restarts and stops them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from eureka_registry.config.settings import Settings

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
CALM_S: Final = 30.0
"""After a process has run for this time, its next pause is the shortest one again."""

_STOP_MARGIN_S: Final = 3.0
_LINE_LIMIT_BYTES: Final = 65_536

OnLine = Callable[[str, str], None]
"""Takes a line of a peer's log: the peer's name, the line."""

OnEvent = Callable[[str, str], None]
"""Takes what happened to a peer's process: the peer's name, a sentence."""


class Process:
    """One peer's process. A pipe ends it if this process dies in any way."""

    def __init__(
        self, settings: Settings, directory: Path, on_line: OnLine, on_event: OnEvent
    ) -> None:
        self.settings = settings
        self.has_answered = False
        """Whether somebody has seen the process at work since it was started."""
        self._file = directory / f"{settings.name}.json"
        self._on_line = on_line
        self._on_event = on_event
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._reader: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The peer's name."""
        return self.settings.name

    @property
    def pid(self) -> int | None:
        """The process's id, `None` when there is none."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process is not None and running else None

    async def start(self) -> None:
        """Start the process; settings are in a file that only our user can read."""
        self._stopping = False
        self.has_answered = False
        self._file.touch(mode=0o600)
        self._file.write_bytes(msgspec.json.encode(self.settings))
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "eureka_registry",
            "serve",
            "--config",
            str(self._file),
            "--stop-with-stdin",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            limit=_LINE_LIMIT_BYTES,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for us; we stop the peers one by one
        )
        self._reader = asyncio.create_task(self._read_log(self._process))

    async def wait(self) -> int:
        """Wait for the process to end; its exit code, negative for a signal."""
        if self._process is None:
            return 0
        code = await self._process.wait()
        if self._reader is not None:
            await self._reader
        return code

    async def watch(self, *, restart: bool) -> None:
        """Report a crash, and start the process again unless that is switched off, until `stop`."""
        loop = asyncio.get_running_loop()
        pause_s = FIRST_PAUSE_S
        while True:
            began = loop.time()
            code = await self.wait()
            if self._stopping:
                return
            if loop.time() - began > CALM_S:
                pause_s = FIRST_PAUSE_S
            if not restart:
                self._on_event(self.name, f"{_exit_text(code)}; not restarted")
                return
            self._on_event(self.name, f"{_exit_text(code)}; restarting in {pause_s:g} s")
            await asyncio.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
            await self.start()

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def stop(self) -> int:
        """Ask the process to end, kill it after a while; returns its exit code."""
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return 0 if process is None else process.returncode or 0
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        settings = self.settings
        limit_s = settings.drain_s + settings.stop_timeout_s + _STOP_MARGIN_S
        try:
            async with asyncio.timeout(limit_s):
                return await self.wait()
        except TimeoutError:
            self._on_event(self.name, f"did not stop within {limit_s:g} s and was killed")
            process.kill()
            return await self.wait()

    async def _read_log(self, process: asyncio.subprocess.Process) -> None:
        if process.stderr is None:
            return
        while True:
            try:
                line = await process.stderr.readline()
            except ValueError:  # longer than the limit: the rest of it follows
                continue
            if not line:
                return
            if not self._stopping:  # what peers say of each other while all go is of no use
                self._on_line(self.name, line.decode(errors="replace").rstrip())


@contextlib.asynccontextmanager
async def run_peers(
    peers: Sequence[Settings], on_line: OnLine, on_event: OnEvent
) -> AsyncIterator[list[Process]]:
    """Run peers as processes; at the end all are stopped together and waited for."""
    with tempfile.TemporaryDirectory(prefix="eurekube-") as directory:
        processes = [Process(peer, Path(directory), on_line, on_event) for peer in peers]
        try:
            for process in processes:
                await process.start()
            yield processes
        finally:
            await asyncio.gather(*(process.stop() for process in processes))


def _environment() -> dict[str, str]:
    """The environment without settings: a peer's are in its file."""
    foreign = ("EUREKA", "SPRING", "SERVER", "MANAGEMENT")
    return {n: text for n, text in os.environ.items() if not n.upper().startswith(foreign)}


def _exit_text(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
