"""Renewals and registrations per second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bench import machine
from bench.figures import Budget, Figure, median, rates, spread
from bench.lab import INSTANCES, Lab, mixed, pid_of, registrations
from bench.load import Plan, Tally
from bench.requests import renewal
from eureka_registry.local.processes import Process

_JAVA_RENEWALS: Final = 22_600
_RENEWALS: Final = Budget(2 * _JAVA_RENEWALS, at_least=True, aim=4 * _JAVA_RENEWALS)
_WARM_UP_S: Final = 1.0
_BUSY: Final = 0.85
"""One of server and generator is the bottleneck and busier than this, if they are alone."""


async def heartbeats(lab: Lab) -> list[Figure]:
    """Renewals at one peer, alone and with two that are told of them."""
    figures = []
    for count, words in ((1, "lone peer"), (3, "and two more peers are told")):
        lab.say(f"heartbeats, {words}")
        async with lab.peers(count) as peers:
            await lab.fill(peers[0])
            tally, note = await _loaded(lab, peers[0], mixed(renewal), 200)
            figures.append(_per_second(f"heartbeats, {words}", tally, note, _RENEWALS))
    return figures


async def registering(lab: Lab) -> list[Figure]:
    """Registrations of what is new, and of what is registered already."""
    figures = []
    for count, words in ((1, "lone peer"), (3, "and two more peers are told")):
        lab.say(f"registrations, {words}")
        async with lab.peers(count) as peers:
            first = await lab.fill(peers[0])
            figures.append(_whole_rate(f"new registrations, {words}", first))
            tally, note = await _loaded(lab, peers[0], registrations(INSTANCES), 204)
            figures.append(_per_second(f"registrations again, {words}", tally, note, None))
    return figures


async def _loaded(
    lab: Lab, server: Process, requests: Sequence[bytes], status: int
) -> tuple[Tally, str]:
    """Load a server; the tally, and how busy the server was."""
    pid = pid_of(server)
    plan = Plan(server.settings.port, list(requests), seconds=lab.seconds, warm_up_s=_WARM_UP_S)
    before = machine.cpu_s(pid)
    tally = await lab.load(plan, status)
    after = machine.cpu_s(pid)
    busy = f"generator busy {tally.cpu_s / tally.took_s:.0%}"
    if before is None or after is None:
        return tally, busy
    used_s = after - before
    each_us = used_s / sum(tally.statuses.values()) * 1e6
    busy = f"server busy {used_s / tally.took_s:.0%} ({each_us:.1f} us each), {busy}"
    if max(used_s, tally.cpu_s) < _BUSY * tally.took_s:
        busy += ": SOMETHING ELSE USED THE MACHINE, only the us count"
    return tally, busy


def _per_second(name: str, tally: Tally, note: str, budget: Budget | None) -> Figure:
    """A rate: the median of the slices of the run."""
    each = rates(tally.counts, tally.moments)
    return Figure(name, "1/s", median(each), spread(each), budget, note)


def _whole_rate(name: str, tally: Tally) -> Figure:
    """A rate over all of a run that ends after so many answers."""
    rate = (tally.counts[-1] - tally.counts[0]) / (tally.moments[-1] - tally.moments[0])
    return Figure(name, "1/s", rate, note=f"{tally.counts[-1]:,} instances, over the whole run")
