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
from bench.load import Plan, Tally
from bench.requests import renewal
from bench.results import Better, Goal, Row
from bench.wire import Wire
from eureka_registry.local.processes import Process

_DELAY_S: Final = 0.25
_SETTLE_S: Final = 4.0
"""Until a peer that does not answer is taken for dead."""

TIMES_ALONE: Final = 1.5
"""A heartbeat may cost so many times as much when two more peers are told."""

_PACED: Final = 10_000.0
"""Heartbeats a second where costs are compared. At full speed each peer that is told takes the load
generator's core, so there are fewer at a time, and each of them costs more: that is no cost of
telling."""


async def failing_peers(lab: Lab) -> list[Row]:
    """Renewals a second at one peer: alone; one more told; two more, all well or not."""
    rows = []
    async with lab.peers(1) as peers:
        await lab.fill(peers[0])
        rows.append(await _renewed(lab, peers, "alone"))
        alone_us = await _cost_us(lab, peers)
    async with lab.peers(2) as peers:
        await lab.fill(peers[0])
        rows.append(await _renewed(lab, peers, "one more peer is told"))
    rows += await _slow_peer(lab)
    async with lab.peers(3) as peers:
        await lab.fill(peers[0])
        await asyncio.sleep(_SETTLE_S)
        rows.append(await _renewed(lab, peers, "two more peers are told"))
        rows += _ratio_rows(alone_us, await _cost_us(lab, peers))
        os.kill(pid_of(peers[2]), signal.SIGSTOP)
        try:
            rows.append(await _renewed(lab, peers, "one of the two is stalled"))
        finally:
            os.kill(pid_of(peers[2]), signal.SIGCONT)
        await peers[2].stop()
        rows.append(await _renewed(lab, peers, "one of the two is dead"))
        await peers[1].stop()
        rows.append(await _renewed(lab, peers, "both are dead"))
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
            return [await _renewed(lab, peers, words)]


def _ratio_rows(alone_us: float | None, told_us: float | None) -> list[Row]:
    """How many times as much processor time a renewal takes when two more peers are told."""
    if alone_us is None or told_us is None:
        return []
    name = "CPU of a heartbeat with two more peers told, beside alone"
    goal = Goal(TIMES_ALONE)
    note = f"{told_us:.1f} and {alone_us:.1f} us, both at {_PACED:,.0f} heartbeats/s"
    return [Row(name, "times", Better.LESS, [told_us / alone_us], goal=goal, note=note)]


async def _renewed(lab: Lab, peers: Sequence[Process], words: str) -> Row:
    """The rate at full speed."""
    lab.say(f"renewals, {words}")
    await lab.load(Plan(peers[0].settings.port, mixed(renewal), seconds=_SETTLE_S), 200)
    tally, each_us = await _load(lab, peers[0], rate=0.0)
    rate = median(rates(tally.counts, tally.moments))
    note = "" if each_us is None else f"{each_us:.1f} us of CPU each"
    return Row(f"heartbeats, {words}", "1/s", Better.MORE, [rate], note=note)


async def _cost_us(lab: Lab, peers: Sequence[Process]) -> float | None:
    """The microseconds of processor that each renewal takes with all it causes: a median."""
    costs = [(await _load(lab, peers[0], rate=_PACED))[1] for _ in range(lab.rounds(3, 1))]
    measured = [cost for cost in costs if cost is not None]
    return median(measured) if measured else None


async def _load(lab: Lab, peer: Process, rate: float) -> tuple[Tally, float | None]:
    pid = pid_of(peer)
    before = machine.cpu_s(pid)
    requests = mixed(renewal)
    plan = Plan(peer.settings.port, requests, seconds=lab.round_s, rate=rate, warm_up_s=0.5)
    tally = await lab.load(plan, 200)
    after = machine.cpu_s(pid)
    if before is None or after is None:
        return tally, None
    return tally, (after - before) / sum(tally.statuses.values()) * 1e6
