"""`eureka-registry up` as a process: a crash, a port in use, a bad file."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from processes.cluster import free_port

UP = [sys.executable, "-m", "eureka_registry", "up", "-o", "json", "-f"]
PATIENCE_S = 60


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A cluster of two peers on free ports."""
    path = tmp_path / "cluster.yaml"
    path.write_text(f"""
apiVersion: eurekube.io/v1alpha1
kind: EurekaCluster
metadata: {{name: tryout}}
spec: {{replicas: 2, peers: {{port: {_free_row()}}}}}
""")
    return path


def _free_row() -> int:
    """A port that is free, the next one, and the two for their management."""
    while True:
        port = free_port()
        if all(_is_free(each) for each in (port, port + 1, port + 1000, port + 1001)):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@contextmanager
def running(file: Path, *flags: str) -> Iterator[subprocess.Popen[str]]:
    """`up` with its events in a pipe."""
    command = [*UP, str(file), *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def events(process: subprocess.Popen[str], kind: str) -> Iterator[dict[str, Any]]:
    """Its events of one kind, as they come."""
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == kind:
            yield event


def wait_until_agreed(process: subprocess.Popen[str]) -> dict[str, int]:
    """Read on until all peers are ready and hold the same; their processes' ids by name."""
    agreed = next(event for event in events(process, "overview") if event["agreed"])
    return {peer["name"]: peer["pid"] for peer in agreed["peers"]}


def test_a_crashed_peer_is_reported_and_started_again(file: Path) -> None:
    """And Ctrl-C stops all, also afterwards."""
    with running(file) as process:
        before = wait_until_agreed(process)
        os.kill(before["peer2"], signal.SIGKILL)
        what = next(events(process, "peer"))["what"]
        after = wait_until_agreed(process)
        process.send_signal(signal.SIGINT)
        end = next(events(process, "end"))["what"]
        code = process.wait(PATIENCE_S)

    assert what == "was ended by SIGKILL; restarting in 0.5 s"
    assert (before["peer1"], before["peer2"] != after["peer2"]) == (after["peer1"], True)
    assert (end, code) == ("all peers stopped", 0)


def test_a_crashed_peer_may_stay_down(file: Path) -> None:
    """With --no-restart; when none is left there is nothing to wait for."""
    with running(file, "--no-restart") as process:
        for pid in wait_until_agreed(process).values():
            os.kill(pid, signal.SIGKILL)
        reported = events(process, "peer")
        reasons = {next(reported)["what"], next(reported)["what"]}
        code = process.wait(PATIENCE_S)

    assert reasons == {"was ended by SIGKILL; not restarted"}
    assert code == 1


def test_peers_end_with_up_however_it_ends(file: Path) -> None:
    """Left behind they would keep their ports, and the next start would fail."""
    with running(file) as process:
        pids = wait_until_agreed(process)
        peer = os.pidfd_open(pids["peer1"]) if hasattr(os, "pidfd_open") else None
        process.kill()
        process.wait(PATIENCE_S)
        if peer is None:
            pytest.skip("not run: orphans of up: this system has no pidfd_open")
        with open(peer, "rb", closefd=True) as gone:  # noqa: PTH123 - a descriptor, not a path
            assert _ends(gone.fileno())


def _ends(pidfd: int) -> bool:
    """Whether the process of this descriptor ends."""
    import select  # noqa: PLC0415 - with pidfds only

    return bool(select.select([pidfd], [], [], PATIENCE_S)[0])


def test_a_port_in_use_is_named_before_anything_starts(file: Path) -> None:
    """With the peer that wanted it, and a command that shows who has it."""
    port = int(file.read_text().partition("port: ")[2].partition("}")[0])
    with socket.create_server(("127.0.0.1", port + 1)):
        result = subprocess.run(
            [*UP, str(file)], capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )

    assert result.returncode == 2
    assert f"peer2: cannot listen on 127.0.0.1 port {port + 1}: address already in use" in (
        result.stderr
    )
    assert f"ss -ltnp 'sport = :{port + 1}'" in result.stderr
    assert result.stdout == ""


def test_a_bad_file_is_refused_with_a_sentence(tmp_path: Path) -> None:
    """No traceback for a typing mistake."""
    path = tmp_path / "cluster.yaml"
    path.write_text("apiVersion: eurekube.io/v1alpha1\nkind: EurekaCluster\nspec: {replica: 3}\n")

    result = subprocess.run(
        [*UP, str(path)], capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )

    assert result.returncode == 2
    assert "did you mean" in result.stderr
    assert "Traceback" not in result.stderr
