"""`eureka-registry bench` as a process, against real peers: what it finds, and what it leaves."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from eureka_registry.http import auth
from processes.cluster import LONG, Cluster, PeerProcess, environment, free_port, until
from support.authority import Authority

BENCH = [sys.executable, "-m", "eureka_registry", "bench"]
PATIENCE_S = 90
PASSWORD = "Pa55-word"  # noqa: S105
FOR_EVER = ("--seconds", "600")
"""Longer than any test: it ends by what the test does."""


def bench(
    *words: str, program: str = "eureka_registry", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        [sys.executable, "-m", program, "bench", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        env=environment() | variables,
    )


@contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[str]]:
    """It, under way; killed at the end if it still runs."""
    pipe = subprocess.PIPE
    command = [*BENCH, *words]
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def peer() -> Iterator[PeerProcess]:
    """One peer that runs, with an instance that is not the benchmark's."""
    with Cluster(1) as cluster:
        cluster.start()
        cluster.peers[0].register("ORDERS", "orders-1", leaseInfo=LONG)
        yield cluster.peers[0]


def ours(peer: PeerProcess) -> set[str]:
    """Ids of the benchmark's instances at a peer."""
    return {each for each in peer.ids() if each.startswith("eureka-bench-")}


def test_everything_is_measured_and_nothing_is_left(peer: PeerProcess) -> None:
    """And an instance of somebody else is as it was, to the time of its last renewal."""
    before = peer.instance("ORDERS", "orders-1")
    result = bench(peer.url, "--instances", "20", "--seconds", "1.2", "-o", "json")

    report = json.loads(result.stdout)
    phases = {each["name"]: each for each in report["phases"]}
    assert (result.returncode, result.stderr, report["passed"]) == (0, "", True)
    assert list(phases) == [
        "register",
        "renew",
        "list",
        "delta",
        "application",
        "change, list",
        "change, look-ups",
        "cancel",
    ]
    assert all(each["errors"] == 0 < each["count"] for each in phases.values())
    assert (phases["register"]["answers"], phases["cancel"]["answers"]) == (
        {"204": 20},
        {"200": 20},
    )
    assert set(phases["renew"]["latency_ms"]) == {"p50", "p90", "p99", "max"}
    assert report["found"] == {peer.url: {"applications": 1, "instances": 1}}
    assert report["freshness"]["at_once"] == report["freshness"]["changes"] > 0
    assert (report["sight"][0]["url"], report["sight"][0]["unseen"]) == (peer.url, 0)
    assert report["left"] is None
    assert peer.ids() == {"orders-1"}
    assert peer.instance("ORDERS", "orders-1") == before


@pytest.mark.parametrize("program", ["eureka_registry", "kubectl_eureka"])
def test_the_path_of_the_api_is_found(peer: PeerProcess, program: str) -> None:
    """Users know a host and a port. `kubectl eureka bench` is the same command."""
    url = peer.url.removesuffix("/eureka/")
    result = bench(url, "--instances", "2", "--seconds", "0.1", program=program)

    assert result.returncode == 0
    assert f"2 instances at {peer.url}, which held 1 instance of 1 application" in result.stdout
    assert "Lists are not stale" in result.stdout


def test_peers_of_one_cluster_are_asked_when_they_show_a_change() -> None:
    """And in the end none of them holds anything."""
    with Cluster(3) as cluster:
        cluster.start()
        urls = [peer.url for peer in cluster.peers]
        result = bench(*urls, "--instances", "10", "--seconds", "0.6", "-o", "json")

        sight = json.loads(result.stdout)["sight"]
        assert result.returncode == 0
        assert [each["url"] for each in sight] == urls
        assert all(each["unseen"] == 0 < each["changes"] for each in sight)
        until(lambda: not any(peer.ids() for peer in cluster.peers))


def test_instances_are_such_that_nobody_calls_them(peer: PeerProcess) -> None:
    """Clients call what is UP."""
    with running(peer.url, *FOR_EVER) as process:
        until(lambda: len(ours(peer)) == 100)
        listed = peer.ask("GET", "/apps").json["applications"]["application"]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)

    foreign = [each for each in listed if each["name"] != "ORDERS"]
    assert [each["name"][:13] for each in foreign] == ["EUREKA-BENCH-"]
    assert {each["status"] for each in foreign[0]["instance"]} == {"OUT_OF_SERVICE"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing_behind(peer: PeerProcess, number: signal.Signals) -> None:
    """What was measured until then is shown; the exit code is that of a shell."""
    with running(peer.url, *FOR_EVER, "-o", "json") as process:
        until(lambda: ours(peer))
        process.send_signal(number)
        output, errors = process.communicate(timeout=PATIENCE_S)

    report = json.loads(output)
    assert process.returncode == 128 + number
    assert (report["interrupted_by"], report["left"]) == (number.name, None)
    assert f"{number.name}: removing " in errors
    assert peer.ids() == {"orders-1"}


def interrupt_twice(peer: PeerProcess) -> tuple[int, dict[str, Any]]:
    """Press Ctrl-C twice while the peer is silent: the exit code, and what is left."""
    with running(peer.url, *FOR_EVER, "-o", "json") as process:
        until(lambda: len(ours(peer)) == 100)
        peer.pause()
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "a second signal gives up at once" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE_S)
        peer.resume()
    return process.returncode, json.loads(output)["left"]


def test_a_second_ctrl_c_gives_up_and_says_what_is_left(peer: PeerProcess) -> None:
    """A server that does not answer must not hold the terminal."""
    code, left = interrupt_twice(peer)

    assert code == 130
    assert left["instances"] == 100
    assert left["why"] == "interrupted"


def test_a_server_that_dies_half_way_is_told_with_what_is_left(peer: PeerProcess) -> None:
    """Until when its leases would last, and how to remove them."""
    with running(peer.url, *FOR_EVER, "-o", "json") as process:
        until(lambda: len(ours(peer)) == 100)
        peer.kill()
        output, _ = process.communicate(timeout=PATIENCE_S)

    report = json.loads(output)
    left = report["left"]
    assert process.returncode == 1
    assert report["gave_up"] == "connection refused"
    assert (left["instances"], left["why"]) == (100, "connection refused")
    assert report["began"] < left["until"] < left["until_netflix"]
    assert left["remove"].startswith(f"curl -X DELETE '{peer.url}apps/EUREKA-BENCH-")
    assert left["remove"].endswith("-[0-99]'")


def test_the_command_for_what_is_left_removes_it(peer: PeerProcess) -> None:
    """Somebody will paste it at 3 a.m."""
    _, left = interrupt_twice(peer)
    command = left["remove"]

    subprocess.run(command, shell=True, check=True, capture_output=True, timeout=PATIENCE_S)

    assert peer.ids() == {"orders-1"}


def test_another_peer_removes_what_a_dead_one_took() -> None:
    """It holds the leases, too."""
    with Cluster(2) as cluster:
        cluster.start()
        first, second = cluster.peers
        with running(first.url, second.url, *FOR_EVER, "-o", "json") as process:
            until(lambda: len(ours(second)) == 100)
            first.kill()
            output, _ = process.communicate(timeout=PATIENCE_S)

        assert process.returncode == 1
        assert json.loads(output)["left"] is None
        assert second.ids() == set()


def test_a_server_that_is_not_there_is_named() -> None:
    """With the reason, and what to look at."""
    port = free_port()
    result = bench(f"http://127.0.0.1:{port}")

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        f"eureka-registry: http://127.0.0.1:{port}/ cannot be reached: connection refused; is it "
        f"running, and is this its address?\n"
    )


def test_a_web_server_is_no_eureka_server(tmp_path: Path) -> None:
    """It answers, but nothing that a client could use."""
    (tmp_path / "apps").write_text("hello")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *words: Any, **named: Any) -> None:  # noqa: ANN401
            super().__init__(*words, directory=str(tmp_path), **named)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        result = bench(url)
        server.shutdown()
        thread.join()

    assert (result.returncode, result.stdout) == (1, "")
    assert f"{url} is not a Eureka server" in result.stderr
    assert f"{url}apps (something else), {url}eureka/apps (404)" in result.stderr


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[PeerProcess]:
    """A peer that lets `bench` register its application, and `reader` only read."""
    kept = auth.hash_password(PASSWORD.encode(), b"0123456789abcdef")
    users = {
        "bench": {"password": kept, "applications": ["EUREKA-BENCH-*"]},
        "reader": {"password": kept},
    }
    file = tmp_path / "auth.json"
    file.write_text(json.dumps({"users": users}))
    with Cluster(1, auth_file=str(file)) as cluster:
        cluster.start()
        yield cluster.peers[0]


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_password_is_used_and_never_shown(guarded: PeerProcess, output: str) -> None:
    """Reports are sent around."""
    url = guarded.url.replace("://", f"://bench:{PASSWORD}@")
    result = bench(url, "--instances", "3", "--seconds", "0.1", "-o", output)

    assert result.returncode == 0
    assert guarded.url in result.stdout
    assert PASSWORD not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("user", "sentence"),
    [
        ("", "answers 401: it wants a user and a password"),
        ("bench:Pa55-wrong@", "answers 401: it wants a user and a password"),
        (f"reader:{PASSWORD}@", "refuses a registration of EUREKA-BENCH-"),
    ],
)
def test_who_may_not_is_told_so(guarded: PeerProcess, user: str, sentence: str) -> None:
    """With what to write, and without what was written."""
    result = bench(guarded.url.replace("://", f"://{user}"))

    assert (result.returncode, result.stdout) == (1, "")
    assert sentence in result.stderr
    assert "could not be removed" not in result.stderr
    assert "Pa55" not in result.stderr


def test_certificates_are_verified(tmp_path: Path) -> None:
    """By an authority that OpenSSL's own variable names."""
    authority = Authority(tmp_path)
    with Cluster(1, **authority.issue("one.example")) as cluster:
        cluster.start()
        url = cluster.peers[0].url.replace("http://", "https://")
        words = (url, "--instances", "3", "--seconds", "0.1")
        trusting = bench(*words, SSL_CERT_FILE=authority.path)
        doubting = bench(*words, SSL_CERT_FILE=os.devnull)

    assert trusting.returncode == 0
    assert doubting.returncode == 1
    assert "TLS certificate not trusted" in doubting.stderr
    assert "SSL_CERT_FILE=ca.pem" in doubting.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("http://h:8761", "--instances", "0"), "eureka-registry: flag --instances: 0 is out of"),
        (("http://h:8761", "--rate", "1"), "eureka-registry: flag --rate: 1 a second cannot keep"),
        (("ftp://me:Pa55@h",), "eureka-registry: argument URL: 'ftp://***@h' does not begin with"),
        (("http://h", "-o", "json", "http://me:Pa55@h"), "unrecognized arguments: http://***@h"),
        ((), "the following arguments are required: URL"),
    ],
)
def test_bad_usage_is_explained_without_passwords(words: tuple[str, ...], sentence: str) -> None:
    """Exit code 2, as for all commands."""
    result = bench(*words)

    assert (result.returncode, result.stdout) == (2, "")
    assert sentence in result.stderr
    assert "Pa55" not in result.stderr
