"""How soon what is registered at one peer is seen at another."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from bench.answers import BadAnswerError
from bench.figures import Budget, Figure, spread
from bench.lab import INSTANCES, Lab, mixed
from bench.line import Line
from bench.load import Plan
from bench.requests import place, registration, renewal, request

_SEEN: Final = Budget(100, aim=20)
_HEARTBEATS_PER_S: Final = 2_000
_PAUSE_S: Final = 0.0003
_BETWEEN_S: Final = 0.02
_PATIENCE_S: Final = 10.0


async def sight(lab: Lab) -> list[Figure]:
    """Registrations at one of three peers, read at another, at rest and with renewals."""
    async with lab.peers(3) as peers:
        lab.unpin(peers)
        await lab.fill(peers[0])
        ports, rounds = (peers[0].settings.port, peers[1].settings.port), lab.rounds(200, 30)
        await asyncio.sleep(2.0)  # until the peers have been told of all that
        lab.say("registered at one peer, seen at another, at rest")
        idle = await asyncio.to_thread(_seen_after, ports, range(INSTANCES, INSTANCES + rounds))
        lab.say(f"the same with {_HEARTBEATS_PER_S:,} heartbeats a second")
        plan = Plan(ports[0], mixed(renewal), rate=_HEARTBEATS_PER_S)
        async with lab.loading(plan, 200) as ending:
            await asyncio.sleep(1.5)
            begin = INSTANCES + rounds
            busy = await asyncio.to_thread(_seen_after, ports, range(begin, begin + rounds))
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


def _seen_after(ports: tuple[int, int], numbers: range) -> list[float]:
    times = []
    with Line(ports[0]) as here, Line(ports[1]) as there:
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
    raise BadAnswerError(f"not seen at the other peer within {_PATIENCE_S:g} s")
