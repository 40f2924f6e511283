"""`eureka-registry clients`, the clients of a drill, against real peers."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from eureka_registry.verbs.tally import ClientsReport, Tally
from processes.cluster import Cluster, PeerProcess, environment, free_port, until

CLIENTS: Final = 6
PATIENCE_S: Final = 30


class ClientsProcess:
    """The program while it runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def next(self) -> ClientsReport:
        """What it prints next."""
        assert self.process.stdout is not None
        return msgspec.json.decode(self.process.stdout.readline(), type=ClientsReport)

    def until(self, holds: Callable[[Tally], bool]) -> ClientsReport:
        """Read on until something holds for all that was counted; `AssertionError` if it never."""
        found: list[ClientsReport] = []

        def came() -> bool:
            found[:] = [self.next()]
            return holds(found[0].tally)

        until(came)
        return found[0]

    def stop(self) -> int:
        """End it as the kubelet does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode


@contextmanager
def run_clients(*urls: str) -> Iterator[ClientsProcess]:
    """Have clients at these URLs."""
    words = [sys.executable, "-m", "eureka_registry", "clients", f"--clients={CLIENTS}", *urls]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        try:
            yield ClientsProcess(process)
        finally:
            process.kill()


def lease_count(peer: PeerProcess) -> int:
    """How many leases of clients a peer has."""
    applications = peer.ask("GET", "/apps").json["applications"]["application"]
    return sum(len(each["instance"]) for each in applications)


def test_clients_go_on_while_a_peer_is_dead_and_leave_nothing() -> None:
    """What the dead one does not answer, the other one does; on SIGTERM leases end."""
    with Cluster(2) as cluster:
        one, two = cluster.start().peers
        with run_clients(one.url, two.url) as clients:
            assert clients.next().clients == CLIENTS
            until(lambda: lease_count(two) == CLIENTS)
            clients.until(lambda tally: tally.renewals >= CLIENTS)

            one.kill()

            seen = clients.until(lambda tally: tally.lookups_retried > 0)
            later = clients.until(lambda tally: tally.renewals > 6 * CLIENTS)
            assert later.tally.lookups > seen.tally.lookups
            assert not later.tally.loses, later.troubles
            assert clients.stop() == 0
            until(lambda: lease_count(two) == 0)


def test_what_fails_and_what_is_lost_is_counted() -> None:
    """A registry that forgets everything: leases are lost; while it is away look-ups fail."""
    with Cluster(1) as cluster:
        (one,) = cluster.start().peers
        with run_clients(one.url) as clients:
            clients.until(lambda tally: tally.renewals >= CLIENTS)

            one.kill()
            clients.until(lambda tally: tally.renewals_failed > 0)
            one.start()

            seen = clients.until(lambda tally: tally.leases_lost > 0)
            assert seen.tally.lookups_failed > 0
            assert any("look-up failed" in each for each in seen.troubles)
            assert len(seen.troubles) <= 20


def test_no_server_is_a_sentence() -> None:
    """The pod of a drill ends with it, and its log says why."""
    with run_clients(f"http://127.0.0.1:{free_port()}/eureka/") as clients:
        out, err = clients.process.communicate(timeout=PATIENCE_S)

    assert (clients.process.returncode, out) == (1, "")
    assert "could not register: no server answers" in err
    assert "Traceback" not in err
