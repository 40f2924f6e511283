"""Ctrl-C, SIGTERM, and Ctrl-C once more: what was begun is broken off, and then all is removed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
PROGRAM = """
import subprocess, sys, tempfile
from demo import sessions

def work():
    with tempfile.TemporaryDirectory():
        pass
    tempfile.mkdtemp()  # left: the run removes it
    if "fail" in sys.argv:
        return 1
    waits = subprocess.Popen(["sleep", "600"])
    print("work", waits.pid, tempfile.gettempdir(), flush=True)
    waits.wait()
    return 0

def removal():
    print("removal", flush=True)
    open(sys.argv[1]).read()  # waits for the test
    print("removed", flush=True)
    return 0

sys.exit(sessions.run(work, removal))
"""


@contextmanager
def program(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """The program with a process group of its own, as on a terminal."""
    os.mkfifo(folder / "gate")
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder / "gate"), *words],
        env={**os.environ, "PYTHONPATH": str(TESTS), "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def lines_until(process: subprocess.Popen[str], start: str) -> str:
    """Read to a line with this start, and give it."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(start):
            return line
    pytest.fail(f"it ends without {start!r}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_the_work_and_what_it_runs_then_all_is_removed(
    tmp_path: Path, number: signal.Signals
) -> None:
    """A second one while it is removed changes nothing, and is answered."""
    with program(tmp_path) as process:
        _, child, temporary = lines_until(process, "work").split()
        os.killpg(process.pid, number)
        lines_until(process, "removal")
        gone = not Path(f"/proc/{child}").exists()
        os.killpg(process.pid, number)
        lines_until(process, "what the demo has made is being removed")
        (tmp_path / "gate").write_text("go on")
        lines_until(process, "removed")
        code = process.wait()

    assert code == 0
    assert gone
    assert not Path(temporary).exists()
    assert [each.name for each in tmp_path.iterdir()] == ["gate"]


def test_work_that_fails_is_removed_too(tmp_path: Path) -> None:
    """And the failure is the exit code."""
    with program(tmp_path, "fail") as process:
        lines_until(process, "removal")
        (tmp_path / "gate").write_text("go on")
        lines_until(process, "removed")
        code = process.wait()

    assert code == 1
