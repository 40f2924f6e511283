"""The processes of a cluster: marked by their environment, found by their mark, ended.

A process is known by two variables of its environment: the work folder of its cluster, and its
part. A mark cannot be lost between start and note, as a process id can when the tool is killed.
Children inherit it, so a part is the process with its mark *and* its program's name.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MARK_CLUSTER: Final = "EUREKUBE_TEST_CLUSTER"
MARK_PART: Final = "EUREKUBE_TEST_PART"
_POLL_S: Final = 0.02
_KILL_S: Final = 60.0
_COMM_CHARS: Final = 15

_children: Final[dict[int, subprocess.Popen[bytes]]] = {}
"""Processes that this process started and must bury."""


@dataclass(frozen=True)
class Process:
    """A running process of a cluster."""

    pid: int
    label: str
    program: str
    """Its name, cut to 15 characters by the kernel."""
    state: str
    """One letter: `T` is stopped."""

    @property
    def stopped(self) -> bool:
        """Whether it was stopped by a signal."""
        return self.state == "T"


def environment(work: Path, label: str) -> dict[str, str]:
    """The whole environment of a part, with its mark."""
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        MARK_CLUSTER: str(work),
        MARK_PART: label,
    }


def remember(process: subprocess.Popen[bytes]) -> None:
    """Take over a process that was started here."""
    _children[process.pid] = process


def marked(work: Path) -> list[Process]:
    """All running processes with the mark of the cluster of this work folder."""
    return list(_marked(work))


def find(work: Path, label: str, program: str) -> Process | None:
    """The process of a part; `program` is the base name of what it runs."""
    for process in _marked(work):
        if process.label == label and process.program == program[:_COMM_CHARS]:
            return process
    return None


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal; a process which is gone is no error."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def kill_all(work: Path) -> int:
    """Kill all processes with the mark, but not this one and its parents; how many there were.

    Children of this process among them are buried, or Python would warn of each.

    Raises:
        TimeoutError: some are still there after a minute.
    """
    spared, killed = set(_ancestors()), set[int]()

    def gone() -> bool:
        left = [process.pid for process in _marked(work) if process.pid not in spared]
        for pid in left:
            send(pid, signal.SIGKILL)
        killed.update(left)
        return not left

    if not wait(gone, _KILL_S):
        names = ", ".join(f"{found.label} ({found.pid})" for found in _marked(work))
        raise TimeoutError(f"not ended {_KILL_S:g} s after a kill: {names}")
    wait(lambda: reap_children(killed), _KILL_S)
    return len(killed)


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits for its parent to bury it does not."""
    reap_children()
    return _stat(Path(f"/proc/{pid}"))[1] not in {"", "Z", "X"}


def wait(what: Callable[[], bool], within_s: float) -> bool:
    """Ask again and again until it holds; whether it did in time."""
    end = time.monotonic() + within_s
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(_POLL_S)
    return True


def reap_children(wanted: Collection[int] = ()) -> bool:
    """Take notice of the children that ended, so that the kernel can forget them.

    Whether none of those `wanted` is left.
    """
    for pid, child in list(_children.items()):
        if child.poll() is not None:
            _children.pop(pid, None)  # another thread may have been quicker
    return not any(pid in _children for pid in wanted)


def _marked(work: Path) -> Iterator[Process]:
    reap_children()
    mark = f"{MARK_CLUSTER}={work}".encode()
    label = f"{MARK_PART}=".encode()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark in variables:
            name, state = _stat(folder)
            if state not in {"", "Z", "X"}:
                labels = [word for word in variables if word.startswith(label)]
                part = labels[0].partition(b"=")[2].decode() if labels else ""
                yield Process(int(folder.name), part, name, state)


def _stat(folder: Path) -> tuple[str, str]:
    """Program name and state of a process; nothing when it is gone."""
    try:
        text = (folder / "stat").read_text()
    except OSError:
        return "", ""
    name, _, rest = text.partition("(")[2].rpartition(") ")
    return name, rest[:1]


def _ancestors() -> Iterator[int]:
    """This process and those above it."""
    pid = os.getpid()
    while pid > 0:
        yield pid
        try:
            text = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return
        pid = int(text.rpartition(") ")[2].split()[1])
