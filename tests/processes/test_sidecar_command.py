"""`eureka-sidecar ... -- COMMAND`: from the command's start to its end."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from eureka_sidecar.shell import control
from processes.cluster import Cluster, PeerProcess, free_port, until
from support.faultproxy import Fault, FaultProxy
from support.sidecars import SOON, Application, Sidecar

INSTALLED: Final = (str(Path(sys.executable).with_name("eureka-sidecar")),)
"""The program as the README has it typed."""

SERVICE: Final = """
import http.client, os, signal, socket, sys, time

port, registry, where, code = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])

def say(text):
    with open(where + "/journal", "a") as journal:
        journal.write(text + "\\n")

def end(number, frame):
    asked = http.client.HTTPConnection("127.0.0.1", registry, timeout=5)
    asked.request("GET", "/eureka/apps/ORDERS/orders-1")
    say(f"SIGTERM {asked.getresponse().status}")
    os._exit(code)

signal.signal(signal.SIGTERM, end)
for each in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(each, lambda number, frame: say(signal.Signals(number).name))
say("started")
while not os.path.exists(where + "/gate"):
    time.sleep(0.02)
listener = socket.create_server(("127.0.0.1", port))
while True:
    listener.accept()[0].close()
"""
"""Listens when a file named `gate` exists. At SIGTERM it writes what the registry answers to a
look-up of it, and ends with a status that it was told."""


@pytest.fixture(scope="module")
def registry() -> Iterator[PeerProcess]:
    """A registry that all tests of this file share."""
    with Cluster(1) as cluster:
        yield cluster.start().peers[0]


class Service:
    """The service above under a sidecar."""

    def __init__(
        self,
        registry: PeerProcess,
        directory: Path,
        *flags: str,
        code: int = 0,
        url: str = "",
    ) -> None:
        self.directory = directory
        port = free_port()
        arguments = [port, registry.port, directory, code]
        self.sidecar = Sidecar(
            "orders",
            port,
            "--registry",
            url or registry.url.replace("127.0.0.1", "localhost"),
            *flags,
            command=[sys.executable, "-c", SERVICE, *map(str, arguments)],
            program=INSTALLED,
        )

    def listen(self) -> None:
        """Let it listen."""
        (self.directory / "gate").touch()

    @property
    def journal(self) -> list[str]:
        """What it has written."""
        file = self.directory / "journal"
        return file.read_text().splitlines() if file.exists() else []

    def has_said(self, text: str) -> bool:
        """Whether it has written this."""
        return text in self.journal


def _status(registry: PeerProcess) -> object:
    found = registry.instance("ORDERS", "orders-1")
    return found and found["status"]


@pytest.mark.parametrize("code", [0, 3])
def test_command_is_listed_while_it_serves_and_removed_before_its_sigterm(
    registry: PeerProcess, tmp_path: Path, code: int
) -> None:
    """Clients must not be given an address that is about to stop, nor one that has not begun."""
    service = Service(registry, tmp_path, code=code)
    with service.sidecar as sidecar:
        until(lambda: _status(registry) == "STARTING")
        service.listen()
        until(lambda: _status(registry) == "UP")

        assert sidecar.terminate() == code

    assert service.journal == ["started", "SIGTERM 404"]


def test_sigterm_waits_for_a_removal_that_needs_a_second_try(
    registry: PeerProcess, tmp_path: Path
) -> None:
    """Only what the registry has confirmed counts: until then clients may still be sent there."""
    fails = itertools.count()

    def choose(method: str, _: str) -> Fault:
        return Fault.ERROR if method == "DELETE" and next(fails) < 2 else Fault.PASS

    with FaultProxy(registry.port, choose) as proxy:
        service = Service(registry, tmp_path, url=proxy.url)
        service.listen()
        with service.sidecar as sidecar:
            until(lambda: _status(registry) == "UP")
            assert sidecar.terminate() == 0

    assert service.journal == ["started", "SIGTERM 404"]


def test_command_that_ends_by_itself_leaves_no_lease(registry: PeerProcess, tmp_path: Path) -> None:
    """Its lease would live for 90 s, and clients would call a port where nobody listens."""
    service = Service(registry, tmp_path)
    service.listen()
    with service.sidecar as sidecar:
        until(lambda: _status(registry) == "UP")
        (child,) = sidecar.children()

        os.kill(child, signal.SIGKILL)

        assert sidecar.exit_status() == 128 + signal.SIGKILL
        assert _status(registry) is None


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["sh", "-c", "exit 0"], 0),
        (["sh", "-c", "exit 3"], 3),
        (["sh", "-c", "kill -TERM $$"], 128 + signal.SIGTERM),
        (["/nowhere/at-all"], 127),
        (["/etc/passwd"], 126),
    ],
)
def test_exit_status_is_the_commands(
    registry: PeerProcess, command: list[str], status: int
) -> None:
    """What starts the sidecar, such as a kubelet with `restartPolicy`, looks at nothing else."""
    flags = ("--registry", registry.url)
    with Sidecar("brief", free_port(), *flags, command=command, program=INSTALLED) as sidecar:
        assert sidecar.exit_status() == status
        if status in (126, 127):
            assert f"cannot start {command[0]}" in sidecar.log

    assert registry.instance("BRIEF", "brief-1") is None


def test_other_signals_reach_the_command(registry: PeerProcess, tmp_path: Path) -> None:
    """Programs read their configuration again at SIGHUP, and rotate logs at SIGUSR1."""
    service = Service(registry, tmp_path)
    service.listen()
    with service.sidecar as sidecar:
        until(lambda: _status(registry) == "UP")

        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            sidecar.signal(number)
            until(lambda name=number.name: service.has_said(name))  # type: ignore[misc] # a str

        assert _status(registry) == "UP"
        sidecar.terminate()


def test_second_interrupt_ends_the_hold(registry: PeerProcess, tmp_path: Path) -> None:
    """The first Ctrl-C removes the lease and waits for caches of clients, the second is meant."""
    service = Service(registry, tmp_path, "--hold", "60", "--grace", "120", code=4)
    service.listen()
    with service.sidecar as sidecar:
        until(lambda: _status(registry) == "UP")

        sidecar.signal(signal.SIGINT)
        until(lambda: "clients may still know it" in sidecar.log)
        assert _status(registry) is None
        assert service.journal == ["started"]
        assert sidecar.process.poll() is None

        sidecar.signal(signal.SIGINT)
        assert sidecar.exit_status() == 4

    assert service.journal == ["started", "SIGTERM 404"]


def test_hold_keeps_the_command_for_the_caches_of_clients(
    registry: PeerProcess, tmp_path: Path
) -> None:
    """Clients call it until they fetch the list again; it must go on to serve so long."""
    service = Service(registry, tmp_path, "--hold", "1", *SOON)
    service.listen()
    with service.sidecar as sidecar:
        until(lambda: _status(registry) == "UP")

        sidecar.signal(signal.SIGTERM)
        until(lambda: _status(registry) is None)
        assert service.journal == ["started"]

        assert sidecar.exit_status() == 0

    assert service.journal == ["started", "SIGTERM 404"]


def test_command_is_stopped_though_no_registry_answers(tmp_path: Path) -> None:
    """A registry that is away must not cost the application the time it needs to stop."""
    with Application(status=0) as silent:
        url = f"http://127.0.0.1:{silent.port}/eureka/"
        flags = ("--registry", url, "--grace", "6")
        end = f"trap 'kill $!; touch {tmp_path}/ended; exit 5' TERM"
        command = ["sh", "-c", f"{end}; sleep 60 & wait"]
        with Sidecar("orders", free_port(), *flags, command=command) as sidecar:
            until(sidecar.status)

            assert sidecar.terminate() == 5

            assert "the lease ends by itself" in sidecar.log
    assert (tmp_path / "ended").exists()


def test_reader_of_the_log_may_be_gone(registry: PeerProcess) -> None:
    """As after `eureka-sidecar ... | head`: the application is worth more than the log."""
    deaf = ("sh", "-c", '"$@" 2>&1 >/dev/null | true', "sh", *INSTALLED)
    with (
        Application() as application,
        Sidecar("deaf", application.port, "--registry", registry.url, program=deaf) as sidecar,
    ):
        until(lambda: (registry.instance("DEAF", "deaf-1") or {}).get("status") == "UP")
        until(lambda: sidecar.lease()["status"] == "UP")

        assert control.ask(sidecar.socket, "drain", 10.0)["closing"]
        assert registry.instance("DEAF", "deaf-1") is None
        assert sidecar.status()["closing"]
