"""The README's own commands, executed as a new user would."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = [line.partition("  #")[0].strip() for line in README.splitlines() if line[:5] == "make "]
SIDECAR = next(line for line in README.splitlines() if line.startswith(".venv/bin/eureka-sidecar"))
UPS = [command for command in COMMANDS if command.startswith("make up")]
PORTS = (8761, 8762, 8763, 9761, 9762, 9763)
PATIENCE_S = 120
ENVIRONMENT = {
    name: text for name, text in os.environ.items() if not name.startswith(("MAKE", "ARGS"))
}
"""A new user's: these tests themselves may run below a make."""


@pytest.mark.parametrize("command", UPS)
def test_up_shows_peers_that_agree_and_stops_on_ctrl_c(command: str) -> None:
    """A new user's first command, and the ones with files of theirs."""
    _need_free_ports()

    with _running(command) as process:
        lines = list(_lines_until(process, "all peers agree"))
        addresses = next(line for line in lines if "defaultZone" in line)
        urls = re.findall(r"http://[^,\s]+/eureka/", addresses)
        _register(urls[0])
        statuses = [_status_within_patience(url) for url in urls]
        os.killpg(process.pid, signal.SIGINT)
        rest, _ = process.communicate(timeout=PATIENCE_S)

    assert statuses == ["UP"] * len(urls)
    assert "all peers stopped" in rest
    assert not [port for port in PORTS if _is_taken(port)]


def test_service_without_a_client_is_in_eureka_while_it_runs() -> None:
    """The line of the README beside the peers of its first command."""
    _need_free_ports(8080)
    ask = SIDECAR.split()[0]

    with _running(UPS[0]) as peers:
        list(_lines_until(peers, "all peers agree"))
        with _running(SIDECAR) as sidecar:
            list(_lines_until(sidecar, "registered as UP"))
            status = _output_of(f"{ask} status")
            paused, resumed = _output_of(f"{ask} pause"), _output_of(f"{ask} resume")
            path = f"ORDERS/{socket.gethostname()}:orders:8080"
            seen = _status_within_patience("http://localhost:8762/eureka/", path)
            os.killpg(sidecar.pid, signal.SIGINT)
            sidecar.communicate(timeout=PATIENCE_S)
        with urllib.request.urlopen("http://localhost:8761/eureka/apps", timeout=10) as answer:
            left = answer.read().decode()
        os.killpg(peers.pid, signal.SIGINT)
        peers.communicate(timeout=PATIENCE_S)

    assert "registered as UP" in status
    assert "OUT_OF_SERVICE" in paused
    assert "OUT_OF_SERVICE" not in resumed
    assert seen == "UP"
    assert "ORDERS" not in left


def test_drill_loses_nothing() -> None:
    """The README promises a verdict, and exit code 0 when nothing was lost."""
    command = next(command for command in COMMANDS if command.startswith("make drill"))

    result = subprocess.run(
        [*command.split(), "ARGS=-o json"],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )

    report = json.loads(result.stdout)
    assert report["tally"]["lookups_failed"] == 0
    assert report["tally"]["leases_lost"] == 0
    assert report["leases_at_end"] == {"peer1": 36, "peer2": 36, "peer3": 36}
    assert result.returncode == 0


def test_ci_runs_the_test_command_of_the_readme() -> None:
    """What lands is what a new user can test; running it in here would never end.

    CI runs what fails on nodes once more (`docs/decisions/0011-second-attempt-on-nodes.md`).
    """
    assert "make test" in COMMANDS
    assert "make test ARGS=--second-attempt" in (ROOT / ".ci" / "run").read_text().splitlines()


def test_every_file_that_the_readme_names_is_there() -> None:
    """Links and examples of the README lead somewhere."""
    linked = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    named = re.findall(r"-f ([^\sA-Z]\S*?)[\"\s]", README)  # FILE stands for one of the user's

    missing = [path for path in linked + named if not (ROOT / path).exists()]

    assert not missing


@contextmanager
def _running(command: str) -> Iterator[subprocess.Popen[str]]:
    """A shell's way to run it, with its output in a pipe; nothing of it is left behind."""
    process = subprocess.Popen(
        command,
        shell=True,
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    watchdog = threading.Timer(PATIENCE_S, os.killpg, (process.pid, signal.SIGKILL))
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)  # KILL would leave the sidecar's command behind
        try:
            process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def _output_of(command: str) -> str:
    """What a command says that is as its user wishes."""
    done = subprocess.run(
        command.split(), cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _lines_until(process: subprocess.Popen[str], words: str) -> Iterator[str]:
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        yield line
        if words in line:
            return
    pytest.fail(f"it ended without {words!r}:\n{''.join(seen)}")


def _register(url: str) -> None:
    center = {"@class": "com.netflix.appinfo.MyDataCenterInfo", "name": "MyOwn"}
    instance = {
        "instanceId": "readme:1",
        "hostName": "readme",
        "app": "README",
        "ipAddr": "127.0.0.1",
        "dataCenterInfo": center,
    }
    request = urllib.request.Request(
        url + "apps/README",
        json.dumps({"instance": instance}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 204


def _status_within_patience(url: str, path: str = "README/readme:1") -> str:
    """The status of an instance at one peer; a change takes milliseconds to get there."""
    request = urllib.request.Request(f"{url}apps/{path}", headers={"Accept": "text/json"})
    for _ in range(500):
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return str(json.load(answer)["instance"]["status"])
        except urllib.error.HTTPError as error:
            error.close()
            threading.Event().wait(0.02)
    return "never seen"


def _need_free_ports(*more: int) -> None:
    taken = [port for port in (*PORTS, *more) if _is_taken(port)]
    if taken:
        pytest.skip(f"not run: the README's commands: their port {taken[0]} is in use here")


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False
