"""A real client's program in a process of its own: a line of JSON in, a line of JSON out."""

from __future__ import annotations

import json
import queue
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from processes.cluster import environment

_ANSWER_S = 15.0


def not_run(tier: str, reason: str) -> NoReturn:
    """Skip, and have the tier named in the last lines of the run (`tests/conftest.py`)."""
    pytest.skip(f"not run: {tier}: {reason}")


class RealClient:
    """Runs a client program, which gets its settings as its last argument."""

    def __init__(
        self,
        command: Sequence[str],
        settings: Mapping[str, object],
        directory: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._command = [*command, json.dumps(settings)]
        self._directory = directory
        self._variables = dict(variables or {})
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._answers: queue.Queue[bytes] = queue.Queue()
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    def __enter__(self) -> RealClient:
        """Start the program; it says a first line when its client has started."""
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=self._directory,
            env={**environment(), **self._variables},
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        try:
            assert self._answer() == "started"
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Kill the program if it still runs."""
        assert self._process is not None
        assert self._reader is not None
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._log.close()

    def ask(self, do: str, **arguments: object) -> Any:  # noqa: ANN401 - whatever it answers
        """Have something done; the answer."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        self._process.stdin.flush()
        return self._answer()

    def stop(self) -> None:
        """Let the client deregister and the program end."""
        self.ask("stop")
        assert self._process is not None
        assert self._process.wait(_ANSWER_S) == 0, self.log()

    def log(self) -> str:
        """What the program wrote to its standard error."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def _answer(self) -> Any:  # noqa: ANN401 - whatever it answers
        try:
            line = self._answers.get(timeout=_ANSWER_S)
        except queue.Empty:
            line = b""
        assert line, f"no answer from {self._command[:2]}:\n{self.log()[-3000:]}"
        return json.loads(line)

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put(b"")
