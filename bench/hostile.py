"""What one hostile client costs a peer, and those it serves beside it (docs/security.md)."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Thread
from typing import Final, Self

import msgspec

from bench import machine
from bench.answers import BadAnswerError
from bench.attacks import KINDS, Kind
from bench.lab import Lab, NotMeasuredError, pid_of
from bench.line import Line
from bench.requests import renewal, request
from bench.results import Better, Goal, Row

_WITNESS: Final = 0
"""The instance that is renewed all the time by a client as any other."""
_AFTERWARDS_S: Final = 1.0
_EVERY_S: Final = 0.02
_BETWEEN_S: Final = 0.002
_LONGEST_WAIT_MS: Final = 100.0
_GIVEN_UP_S: Final = 60.0


class Victim(msgspec.Struct, frozen=True):
    """The process that is attacked."""

    pid: int
    port: int
    management_port: int


class Impact(msgspec.Struct, frozen=True):
    """What an attack did.

    Attributes:
        sent: bytes that the attacker sent.
        cpu_s: seconds of a core that the peer used meanwhile, the witness's requests among them.
        stall_s: the most processor time that the peer took while the witness waited for the answer
            to a renewal, on a connection that it keeps, as clients do: so long its loop stood
            still, or did other things first, on a core of its own.
        memory_mib: the most memory that the peer had beyond what it had before.
        unanswered: requests of the witness without a good answer.
    """

    sent: int
    cpu_s: float
    stall_s: float
    memory_mib: float
    unanswered: int


async def hostile(lab: Lab) -> list[Row]:
    """One attack after the other, each on a peer of its own."""
    return [await _row(lab, name, kind) for name, kind in KINDS.items()]


async def _row(lab: Lab, name: str, kind: Kind) -> Row:
    lab.say(f"under attack: {kind.about}")
    with tempfile.TemporaryDirectory() as folder:
        async with lab.peers(1, **settings_of(kind, Path(folder))) as (peer,):
            if not kind.guarded:
                await lab.fill(peer, kind.instances)
            held = peer.settings
            victim = Victim(pid_of(peer), held.port, held.management_port)
            impact = await asyncio.to_thread(run_attack, victim, name, 1.0)
    note = (
        f"{impact.sent / 1e6:,.2f} MB sent, {impact.cpu_s:.2f} s of CPU,"
        f" {impact.memory_mib:.0f} MiB"
        f"{f', {impact.unanswered} NOT ANSWERED' if impact.unanswered else ''}"
    )
    waited = [impact.stall_s * 1000]
    goal = Goal(_LONGEST_WAIT_MS)
    return Row(f"others wait: {kind.about}", "ms", Better.LESS, waited, goal=goal, note=note)


def settings_of(kind: Kind, folder: Path) -> dict[str, object]:
    """Settings of a peer for an attack; a file that they name is written into a folder."""
    if not kind.guarded:
        return {}
    path = folder / "auth.json"
    path.write_text('{"users": {}}')
    return {"auth_file": str(path)}


def run_attack(victim: Victim, name: str, size: float) -> Impact:
    """Carry out an attack, beside a client that renews, looks up and probes.

    Raises:
        NotMeasuredError: the attack failed; what it said is above.
    """
    with _Witness(victim) as witness:
        return _attack(victim, name, size, witness)


def _attack(victim: Victim, name: str, size: float, witness: _Witness) -> Impact:
    attacker = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "bench.attacks", name, str(victim.port),
         str(victim.management_port), str(size)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    machine.lower_priority(attacker.pid)  # else the witness waits for it, not for the peer
    lines: list[bytes] = []
    output = attacker.stdout
    assert output is not None
    listener = Thread(target=lambda: lines.append(output.readline()), daemon=True)
    listener.start()
    try:
        over_s = time.monotonic() + _GIVEN_UP_S
        while listener.is_alive() and time.monotonic() < over_s:
            witness.look()
        over_s = time.monotonic() + _AFTERWARDS_S
        while time.monotonic() < over_s:
            witness.look()
    finally:
        attacker.kill()
        attacker.communicate()
    if not lines or not lines[0]:
        raise NotMeasuredError(f"the attack {name} did not come to its end")
    return witness.impact(int(lines[0]))


class _Witness:
    """A client as any other, which notes how it fares, and what becomes of the peer."""

    def __init__(self, victim: Victim) -> None:
        self._victim = victim
        self._renewals: Line | None = None
        self._questions = [
            (victim.port, request("GET", "/eureka/apps/NOBODY"), (404, 401)),
            (victim.management_port, request("GET", "/livez"), (200,)),
        ]
        self._forget()
        self.look()  # what the peer does once for its first question is no harm
        self._forget()

    def __enter__(self) -> Self:
        """Give the client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close its connection."""
        self._close()

    def _close(self) -> None:
        if self._renewals is not None:
            self._renewals.close()
            self._renewals = None

    def _forget(self) -> None:
        self._cpu_s = machine.cpu_s(self._victim.pid) or 0.0
        self._memory_mib = self._most_mib = machine.memory_mib(self._victim.pid)
        self._stall_s = 0.0
        self._unanswered = 0

    def look(self) -> None:
        """Renew all the time while asking once for the rest, each on a connection of its own."""
        renewing = Thread(target=self._renew_for, args=(_EVERY_S,))
        renewing.start()
        for port, data, statuses in self._questions:
            try:
                with Line(port) as line:
                    line.demand(data, *statuses)
            except (OSError, BadAnswerError):
                self._unanswered += 1
        renewing.join()
        self._most_mib = max(self._most_mib, machine.memory_mib(self._victim.pid))

    def _renew_for(self, seconds: float) -> None:
        """Renew on a connection that is kept; if a peer closes it, open another, as clients do."""
        ends_s = time.monotonic() + seconds
        while time.monotonic() < ends_s:
            before_s = machine.loop_s(self._victim.pid)
            try:
                self._renewals = self._renewals or Line(self._victim.port)
                self._renewals.demand(renewal(_WITNESS), 200, 404, 401)
            except (OSError, BadAnswerError):
                self._unanswered += 1
                self._close()
            self._stall_s = max(self._stall_s, machine.loop_s(self._victim.pid) - before_s)
            time.sleep(_BETWEEN_S)

    def impact(self, sent: int) -> Impact:
        """What became of it all."""
        return Impact(
            sent=sent,
            cpu_s=(machine.cpu_s(self._victim.pid) or 0.0) - self._cpu_s,
            stall_s=self._stall_s,
            memory_mib=self._most_mib - self._memory_mib,
            unanswered=self._unanswered,
        )
