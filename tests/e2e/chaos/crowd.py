"""Clients beside the nodes of a cluster: no fault of a node or of the API server touches them."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from cluster import places, processes
from cluster.plan import CONTROL, DOMAIN, Plan
from e2e.chaos.schedule import MOST
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from processes.cluster import until

_PROGRAM: Final = Path(__file__).with_name("clients.py")
_TESTS: Final = Path(__file__).parents[2]
_PART: Final = "clients"
_ALL_HELD_S: Final = 300.0
"""It takes seconds; each client gives up a request after two, which a busy machine may need."""


@dataclass(frozen=True)
class ClientReport:
    """What the clients have met so far: see `clients.py`."""

    held: int
    lost: int
    losses: list[dict[str, Any]]
    complete: dict[str, bool]
    """For each peer that is ready, by its name, whether it lists all."""
    look_ups: int
    retried: int
    stalled: int
    failed: int
    failures: list[dict[str, str]]


class ClientState:
    """The clients, as they are at the moment."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._line = ""
        assert process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(process.stdout,), name="clients")
        self._reader.start()

    @property
    def report(self) -> ClientReport:
        """All that was found up to now; `AssertionError` if the clients have ended."""
        until(lambda: self._line, PATIENCE_S)
        assert self._process.poll() is None, "the clients have ended"
        said = json.loads(self._line)
        leases, visitors = said["leases"], said["visitors"]
        return ClientReport(
            held=leases["held"],
            lost=leases["lost"] + visitors["lost"],
            losses=sorted([*leases["losses"], *visitors["losses"]], key=lambda each: each["at"]),
            complete={name.partition(".")[0]: all_ for name, all_ in leases["complete"].items()},
            look_ups=said["look_ups"],
            retried=said["retried"],
            stalled=said["stalled"],
            failed=said["failed"],
            failures=said["failures"],
        )

    def end(self) -> None:
        """End them as a crash does: nothing is deregistered."""
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _read(self, said: IO[str]) -> None:
        for line in said:
            self._line = line


@contextmanager
def clients(plan: Plan, cluster: EkcCluster, count: int) -> Iterator[ClientState]:
    """So many leases at a cluster that has no zones, and look-ups of them."""
    # The dot at its end: it is asked for as it is, and not within each search domain before.
    domain = f"{cluster.kubectl.namespace}.svc.{DOMAIN}."
    wanted = json.dumps({"count": count, "domain": domain, "peers": MOST})
    command = [*places.inside(plan, CONTROL), sys.executable, "-u", str(_PROGRAM), wanted]
    variables = processes.environment(plan.work, f"{CONTROL}/{_PART}")
    with plan.log(CONTROL, _PART).open("ab") as log:
        process = subprocess.Popen(
            command,
            env={**variables, "PYTHONPATH": str(_TESTS)},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    crowd = ClientState(process)
    try:
        until(lambda: crowd.report.held >= count, _ALL_HELD_S)
        yield crowd
    finally:
        crowd.end()
        assert process.stdout is not None
        process.stdout.close()
