"""What a benchmark needs of the machine: cores to pin to, memory and time of a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Final

import msgspec

PINS: Final = sys.platform == "linux" and hasattr(os, "sched_setaffinity")
"""Whether processes can be tied to cores here."""

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


class Cores(msgspec.Struct, frozen=True):
    """Which cores whom: the measured server has one alone; other peers share the rest with us."""

    everything: frozenset[int]
    server: frozenset[int]
    others: frozenset[int]
    load: frozenset[int]


def cores() -> Cores | None:
    """Share out the cores we may use; `None` if there is one only, or pinning is not possible."""
    if not PINS:
        return None
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        return None
    server, load, *rest = allowed
    others = frozenset(rest) or frozenset({load})
    return Cores(frozenset(allowed), frozenset({server}), others, frozenset({load}))


def pin(pid: int, to: Collection[int]) -> None:
    """Tie a process (0: ours) to cores."""
    if PINS:
        os.sched_setaffinity(pid, to)


def lower_priority(pid: int) -> None:
    """Let a process run only while nobody else wants its core."""
    os.setpriority(os.PRIO_PROCESS, pid, 19)


def memory_mib(pid: int) -> float:
    """The resident memory of a process.

    Raises:
        OSError: there is no such process, or nothing here that tells.
    """
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        line = next(each for each in status.read_text().splitlines() if each.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024
    asked = subprocess.run(  # noqa: S603 - a number of our own
        ["/bin/ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    if not asked.stdout.strip():
        raise OSError(f"ps knows nothing of process {pid}")
    return int(asked.stdout) / 1024


def loop_s(pid: int) -> float:
    """Seconds of a core that the first thread of a process has used so far, exact to the us.

    Raises:
        OSError: there is no such process, or nothing here that tells.
    """
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def cpu_s(pid: int) -> float | None:
    """Seconds of a core that a process has used so far; `None` where nobody tells."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return None
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
