"""How one peer ends, and how it says that it cannot begin."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from processes.cluster import LONG, Cluster, ask, environment, free_port, until
from processes.mount import Mount


def test_sigterm_is_not_ready_first_then_flushed_then_exit_0() -> None:
    """Load balancers look away while it still serves; its own instance leaves the others."""
    with Cluster(2, register_with_eureka=True, drain_s=0.8) as cluster:
        cluster.start()
        one, two = cluster.peers
        own = {f"{peer.name}:eureka:{peer.port}" for peer in cluster.peers}
        until(lambda: cluster.everywhere("EUREKA", own))

        one.signal(signal.SIGTERM)

        until(lambda: ask(one.management_port, "GET", "/readyz").status == 503)
        one.register("LAST", "minute", leaseInfo=LONG)
        assert "stopping" in ask(one.management_port, "GET", "/readyz").body.decode()
        assert one.ids("LAST") == {"minute"}
        assert one.exit_code() == 0
        assert two.ids("LAST") == {"minute"}
        assert two.ids("EUREKA") == {f"peer2:eureka:{two.port}"}


def test_sigterm_flushes_to_a_peer_that_is_slow() -> None:
    """What waits for a stalled peer is still delivered if it wakes within the stop time-out."""
    with Cluster(2) as cluster:
        cluster.start()
        one, two = cluster.peers
        two.pause()
        one.register("LAST", "minute", leaseInfo=LONG)
        one.signal(signal.SIGTERM)
        until(lambda: "stopping" in one.log)
        two.resume()

        assert one.exit_code() == 0
        assert two.ids("LAST") == {"minute"}


@pytest.mark.parametrize("how", ["draining", "removed"])
def test_sigterm_of_a_peer_that_the_list_gives_up(how: str) -> None:
    """A scale-down: what its clients do until the end reaches those that stay."""
    with Cluster(3, drain_s=5.0) as cluster:
        one, two, three = cluster.peers
        mount = Mount(cluster.directory / "config")
        for peer in cluster.peers:
            peer.settings.update(peers=[], peers_file=str(mount.peers))
        mount.list(1, *cluster.peers)
        cluster.start()
        one.register("HELD", "a", leaseInfo=LONG)
        until(lambda: cluster.everywhere("HELD", {"a"}))

        one.signal(signal.SIGTERM)
        until(lambda: ask(one.management_port, "GET", "/readyz").status == 503)
        if how == "draining":
            mount.list(2, *cluster.peers, peer1="draining")
        else:
            mount.list(2, two, three)
        until(lambda: one.view["generation"] == 2)
        assert one.renew("HELD", "a") == 200
        one.register("LAST", "minute", leaseInfo=LONG)

        assert one.exit_code() == 0
        assert two.ids("LAST") == three.ids("LAST") == {"minute"}


@pytest.mark.parametrize("how", ["dead", "stalled"])
def test_sigterm_with_a_peer_that_takes_nothing_is_bounded(how: str) -> None:
    """Nobody waits for a peer that is gone, nor for a stalled one longer than the time-out."""
    with Cluster(2) as cluster:
        cluster.start()
        one, two = cluster.peers
        if how == "dead":
            two.kill()
        else:
            two.pause()
        one.register("LAST", "minute", leaseInfo=LONG)

        one.signal(signal.SIGTERM)

        assert one.exit_code() == 0


def test_two_told_to_stop_at_once_do_not_wait_for_each_other() -> None:
    """Each has something for the other: it is taken, or the other is known to stop as well."""
    with Cluster(2, register_with_eureka=True) as cluster:
        cluster.start()
        for peer in cluster.peers:
            peer.register("LAST", peer.name, leaseInfo=LONG)

        for peer in cluster.peers:
            peer.signal(signal.SIGTERM)

        assert [peer.exit_code() for peer in cluster.peers] == [0, 0]
        assert not any("some peer did not take" in peer.log for peer in cluster.peers)


def test_sigterm_during_the_start_ends_it() -> None:
    """A start that waits for a silent peer can be given up."""
    with socket.create_server(("127.0.0.1", 0)) as silent, Cluster(1) as cluster:
        (one,) = cluster.peers
        one.settings.update(
            peers=[f"http://127.0.0.1:{silent.getsockname()[1]}/eureka/"], sync_timeout_s=60
        )
        one.start()
        until(lambda: ask(one.management_port, "GET", "/livez").status == 200)
        assert not one.is_ready

        assert one.terminate() == 0


def test_process_ends_with_its_standard_input() -> None:
    """`up` and `drill` die with SIGKILL, too; their peers must not outlive them."""
    with Cluster(1) as cluster:
        (one,) = cluster.start().peers
        assert one.process is not None
        assert one.process.stdin is not None

        one.process.stdin.close()

        assert one.exit_code() == 0


@pytest.mark.parametrize("which", ["port", "management_port"])
def test_taken_port_is_a_sentence_and_exit_2(tmp_path: Path, which: str) -> None:
    """It names the port and how to find out who has it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = {"port": free_port(), "management_port": free_port(), which: port}

        code, words = _serve(tmp_path, json.dumps({"name": "one", **ports}))

    assert code == 2
    assert f"port {port}: address already in use" in words
    assert "Traceback" not in words


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"prot": 8761}', "prot"),
        ('{"port": "many"}', "port"),
        ('{"port": 70000}', "port"),
        ('{"peers": ["ftp://x"]}', "http"),
        ('{"port": 8761', "json"),
        ("[]", "config"),
        ("", "config"),
    ],
)
def test_bad_configuration_is_a_sentence_and_exit_2(tmp_path: Path, text: str, told: str) -> None:
    """One line says what is wrong and where."""
    code, words = _serve(tmp_path, text)

    assert code == 2
    assert told in words.lower()
    assert len(words.strip().splitlines()) <= 3
    assert "Traceback" not in words


def test_configuration_that_is_not_there_is_a_sentence_and_exit_2(tmp_path: Path) -> None:
    """The file's name is in it."""
    code, words = _serve(tmp_path, None)

    assert code == 2
    assert "config.json" in words
    assert "Traceback" not in words


def _serve(directory: Path, text: str | None) -> tuple[int, str]:
    file = directory / "config.json"
    if text is not None:
        file.write_text(text)
    run = subprocess.run(
        [sys.executable, "-m", "eureka_registry", "serve", "--config", str(file)],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
        env=environment(),
    )
    return run.returncode, run.stderr.decode()
