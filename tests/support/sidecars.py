"""Sidecars as processes, the applications beside them, and what they say."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from eureka_sidecar.shell import control
from processes.cluster import PATIENCE_S, environment, free_port, until

PROGRAM = (sys.executable, "-m", "eureka_sidecar")
SOON = ("--renewal", "1", "--duration", "3")
"""A lease of three seconds, which is renewed every second."""

_NUMBERS = itertools.count()


class Sidecar:
    """One sidecar, from the beginning of the block to its end; it is killed if it still runs."""

    def __init__(
        self,
        app: str,
        port: int,
        *flags: str,
        command: Sequence[str] = (),
        program: Sequence[str] = PROGRAM,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare one; `flags` name the registry. Its id is `APP-1`."""
        self.app = app.upper()
        self.id = f"{app}-1"
        self.port = port
        self.socket = f"@eurekube-test-{os.getpid()}-{next(_NUMBERS)}"
        self.command = command
        self.flags = ["--app", app, "--id", self.id, "--port", str(port), "--socket", self.socket]
        self.flags += flags
        self._program = program
        self._environment = {**environment(), **(variables or {})}
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Kill it and its command. A traceback in its log is a failure of its own."""
        self.kill()
        log = self.log
        self._log.close()
        if kind is not None:
            print(f"--- sidecar of {self.app}\n{log[-3000:]}")  # noqa: T201 - shown with the test
        else:
            assert "Traceback" not in log, log

    def start(self) -> None:
        """Start it, again if it has ended."""
        command = ["--", *self.command] if self.command else []
        self._process = subprocess.Popen(
            [*self._program, *self.flags, *command],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env=self._environment,
        )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """Its process."""
        assert self._process is not None
        return self._process

    def kill(self) -> None:
        """End it as a crash does, and its command after it."""
        if self._process is None or self._process.poll() is not None:
            return
        children = self.children()
        self._process.kill()
        self._process.wait()
        for child in children:
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def children(self) -> list[int]:
        """Processes that it has started."""
        pid = self.process.pid
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def terminate(self) -> int:
        """Ask it to end; its exit status."""
        self.signal(signal.SIGTERM)
        return self.exit_status()

    def exit_status(self, within_s: float = PATIENCE_S) -> int:
        """Wait for its end."""
        return self.process.wait(within_s)

    @property
    def log(self) -> str:
        """What it and its command have written."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def ask(self, command: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `eureka-sidecar COMMAND` for it, as in its pod."""
        return subprocess.run(
            [*self._program, command, "--socket", self.socket, *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=self._environment,
        )

    def status(self) -> dict[str, Any]:
        """Its status document, as `status -o json` prints it."""
        try:
            return control.ask(self.socket, "status", 5.0)
        except control.ControlError as error:
            ended = self.process.poll()
            assert ended is None, f"it has ended with {ended}:\n{self.log}"
            raise ConnectionError(str(error)) from None

    def lease(self, registry: int = 0) -> dict[str, Any]:
        """What it says of its lease at a registry."""
        found: dict[str, Any] = self.status()["instances"][0]["registries"][registry]
        return found

    def problem(self, registry: int = 0) -> str:
        """The code of what is wrong with its lease; empty: nothing is."""
        code: str = self.lease(registry).get("problem", {}).get("code", "")
        return code

    def is_registered(self) -> bool:
        """Whether every registry holds it, as far as it knows."""
        return all(
            each["state"] == "registered" for each in self.status()["instances"][0]["registries"]
        )

    def registered(self) -> Self:
        """Wait until it is registered."""
        until(self.is_registered)
        return self


class Application:
    """An application in a thread: a port that answers as told, while the block lasts."""

    def __init__(self, port: int = 0, *, host: str = "127.0.0.1", status: int = 200) -> None:
        """Prepare one that listens at a free port unless told which."""
        self.port = port or free_port()
        self.status = status
        """What every request is answered with; 0: nothing, and the connection stays open."""
        self._host = host
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        """Listen."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close everything."""
        self.stop()

    def start(self) -> None:
        """Listen."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        self._listener = socket.create_server((self._host, self.port), family=family)
        self._thread = threading.Thread(target=self._serve, args=(self._listener,))
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections from now on."""
        if self._listener is None or self._thread is None:
            return
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        self._listener = None
        for connection in self._open:
            connection.close()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # it was shut down
            if not self.status:
                self._open.append(connection)
                continue
            with connection:
                connection.settimeout(2)
                try:
                    if connection.recv(65_536):
                        connection.sendall(_answer(self.status))
                except OSError:
                    continue


def _answer(status: int) -> bytes:
    return (
        f"HTTP/1.1 {status} X\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
        "Connection: close\r\n\r\nhello"
    ).encode()
