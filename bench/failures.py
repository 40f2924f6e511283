"""What other peers, well, slow, stalled or dead, cost the one that is renewed at."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from typing import Final

import msgspec

from bench import machine
from bench.figures import median, rates
from bench.lab import Lab, mixed, pid_of, plan_peers
from bench.load import Plan
from bench.requests import renewal
from bench.results import Better, Goal, Row
from bench.wire import Wire
from eureka_registry.local.processes import Process

_DELAY_S: Final = 0.25
_SETTLE_S: Final = 4.0
"""Until a peer that does not answer is taken for dead."""

TIMES_ALONE: Final = 1.5
"""A heartbeat may cost so many times as much when two more peers are told."""


async def failing_peers(lab: Lab) -> list[Row]:
    """Renewals a second at one peer: alone; one more told; two more, all well or not."""
    rows = []
    costs_us = []
    for count, words in ((1, "alone"), (2, "one more peer is told")):
        async with lab.peers(count) as peers:
            await lab.fill(peers[0])
            row, cost_us = await _renewed(lab, peers, words)
            rows.append(row)
            costs_us.append(cost_us)
    rows += await _slow_peer(lab)
    async with lab.peers(3) as peers:
        await lab.fill(peers[0])
        await asyncio.sleep(_SETTLE_S)
        row, cost_us = await _renewed(lab, peers, "two more peers are told")
        rows += [row, *_beside(costs_us[0], cost_us)]
        os.kill(pid_of(peers[2]), signal.SIGSTOP)
        try:
            rows.append((await _renewed(lab, peers, "one of the two is stalled"))[0])
        finally:
            os.kill(pid_of(peers[2]), signal.SIGCONT)
        await peers[2].stop()
        rows.append((await _renewed(lab, peers, "one of the two is dead"))[0])
        await peers[1].stop()
        rows.append((await _renewed(lab, peers, "both are dead"))[0])
    return rows


async def _slow_peer(lab: Lab) -> list[Row]:
    """One of two more peers is reached over a network that takes its time both ways."""
    everybody = plan_peers(3)
    with Wire(everybody[2].port) as wire:
        wire.slow(_DELAY_S)
        first = msgspec.structs.replace(everybody[0], peers=[everybody[0].peers[0], wire.url])
        async with lab.running([first, *everybody[1:]]) as peers:
            await lab.fill(peers[0])
            await asyncio.sleep(_SETTLE_S)
            words = f"one of the two answers {2 * _DELAY_S:g} s late"
            return [(await _renewed(lab, peers, words))[0]]


def _beside(alone_us: float | None, told_us: float | None) -> list[Row]:
    """How many times as much processor time a renewal takes when two more peers are told."""
    if alone_us is None or told_us is None:
        return []
    name = "CPU of a heartbeat with two more peers told, beside alone"
    goal = Goal(TIMES_ALONE)
    note = f"{told_us:.1f} and {alone_us:.1f} us"
    return [Row(name, "times", Better.LESS, [told_us / alone_us], goal=goal, note=note)]


async def _renewed(lab: Lab, peers: Sequence[Process], words: str) -> tuple[Row, float | None]:
    """The rate, and the microseconds of processor that each renewal takes with all it causes."""
    lab.say(f"renewals, {words}")
    await lab.load(Plan(peers[0].settings.port, mixed(renewal), seconds=_SETTLE_S), 200)
    pid = pid_of(peers[0])
    before = machine.cpu_s(pid)
    plan = Plan(peers[0].settings.port, mixed(renewal), seconds=lab.round_s, warm_up_s=0.5)
    tally = await lab.load(plan, 200)
    after = machine.cpu_s(pid)
    rate = median(rates(tally.counts, tally.moments))
    name = f"heartbeats, {words}"
    if before is None or after is None:
        return Row(name, "1/s", Better.MORE, [rate]), None
    each_us = (after - before) / sum(tally.statuses.values()) * 1e6
    return Row(name, "1/s", Better.MORE, [rate], note=f"{each_us:.1f} us of CPU each"), each_us
