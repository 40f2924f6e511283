"""How soon what is registered at one server is seen at another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from bench.answers import BadAnswerError
from bench.figures import Budget, Figure, spread
from bench.lab import INSTANCES, Lab, mixed
from bench.line import Line
from bench.load import Plan
from bench.requests import place, registration, renewal, request
from eureka_registry.local.processes import Process

_SEEN: Final = Budget(100, aim=20)
HEARTBEATS_PER_S: Final = 2_000
"""The load under which it is measured again."""

_PAUSE_S: Final = 0.0003
_BETWEEN_S: Final = 0.02
_PATIENCE_S: Final = 20.0

Addresses = tuple[tuple[str, int], tuple[str, int]]
"""Host and port of the server that is written to, and of the one that is read from."""


async def sight(lab: Lab) -> list[Figure]:
    """Registrations at one of three peers, read at another, at rest and with renewals."""
    async with lab.peers(3) as peers:
        lab.unpin(peers)
        await lab.fill(peers[0])
        where, rounds = addresses(peers), lab.rounds(200, 30)
        await asyncio.sleep(2.0)  # until the peers have been told of all that
        lab.say("registered at one peer, seen at another, at rest")
        idle = await asyncio.to_thread(
            delays_until_visible, where, range(INSTANCES, INSTANCES + rounds)
        )
        lab.say(f"the same with {HEARTBEATS_PER_S:,} heartbeats a second")
        plan = Plan(peers[0].settings.port, mixed(renewal), rate=HEARTBEATS_PER_S)
        async with lab.loading(plan, 200) as ending:
            await asyncio.sleep(1.5)
            begin = INSTANCES + rounds
            busy = await asyncio.to_thread(
                delays_until_visible, where, range(begin, begin + rounds)
            )
        tally = await ending()
    rate = (tally.counts[-1] - tally.counts[0]) / (tally.moments[-1] - tally.moments[0])
    note = f"{rate:,.0f} heartbeats/s at the peer that is written to; three peers, {INSTANCES:,}"
    return [
        _figure("registered here, seen there, idle", idle, f"three peers, {INSTANCES:,} instances"),
        _figure("registered here, seen there, loaded", busy, f"{note} instances"),
    ]


def _figure(name: str, times: list[float], note: str) -> Figure:
    """The budget is for the slowest of a hundred, so that is the value."""
    summed = spread(times)
    return Figure(f"{name} (p99)", "ms", summed.p99, summed, _SEEN, note)


def addresses(peers: Sequence[Process]) -> Addresses:
    """Where the first two peers are found."""
    first, second = (("127.0.0.1", peer.settings.port) for peer in peers[:2])
    return first, second


def delays_until_visible(where: Addresses, numbers: Sequence[int]) -> list[float]:
    """Milliseconds until each instance, unknown so far, is found where it was not registered."""
    times = []
    (host, port), (other_host, other_port) = where
    with Line(port, host) as here, Line(other_port, other_host) as there:
        for number in numbers:
            times.append(_see(here, there, number))
            time.sleep(_BETWEEN_S)
    return times


def _see(here: Line, there: Line, number: int) -> float:
    """Milliseconds from before a registration to the end of the look-up that finds it."""
    look_up, change = request("GET", place(number).path), registration(number)
    there.demand(look_up, 404)
    began = time.perf_counter()
    here.demand(change, 204)
    while time.perf_counter() - began < _PATIENCE_S:
        if there.demand(look_up, 200, 404).status == 200:
            return (time.perf_counter() - began) * 1e3
        time.sleep(_PAUSE_S)
    raise BadAnswerError(f"not seen at the other server within {_PATIENCE_S:g} s")
