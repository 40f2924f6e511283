"""Processes of a cluster are known by a mark, and no others are touched."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster import processes


@contextmanager
def sleeper(work: Path, label: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process with the mark of a cluster.

    Waits for the mark: the kernel shows a program's environment a moment after its start.
    """
    marks = processes.environment(work, label)
    with subprocess.Popen(["sleep", "60"], env=marks, stdin=subprocess.DEVNULL) as process:
        processes.remember(process)
        try:
            assert processes.wait(lambda: _is_marked(work, process.pid), 15.0)
            yield process
        finally:
            process.kill()


def _is_marked(work: Path, pid: int) -> bool:
    return pid in {process.pid for process in processes.marked(work)}


def test_process_is_found_by_its_part_and_its_program(tmp_path: Path) -> None:
    """What it starts has its mark too, and is not it."""
    with sleeper(tmp_path, "node-1/kubelet") as process:
        found = processes.find(tmp_path, "node-1/kubelet", "sleep")

        assert found is not None
        assert found.pid == process.pid
        assert processes.find(tmp_path, "node-1/kubelet", "kubelet") is None
        assert processes.find(tmp_path, "node-2/kubelet", "sleep") is None


def test_kill_ends_the_processes_of_one_cluster_only(tmp_path: Path) -> None:
    """Also where the other's name begins with the one's."""
    with sleeper(tmp_path / "a", "control/etcd") as mine, sleeper(tmp_path / "ab", "x") as other:
        assert processes.kill_all(tmp_path / "a") == 1

        assert not processes.alive(mine.pid)
        assert processes.alive(other.pid)
        assert processes.marked(tmp_path / "a") == []


def test_wait_gives_up_after_its_time() -> None:
    """And asks at least once."""
    begun = time.monotonic()

    assert not processes.wait(lambda: False, 0.05)
    assert time.monotonic() - begun < 5
    assert processes.wait(lambda: True, 0.0)
