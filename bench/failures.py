"""What a peer that is dead or stalled costs the one that is renewed at."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from typing import Final

from bench import machine
from bench.figures import median, rates
from bench.lab import Lab, mixed, pid_of
from bench.load import Plan
from bench.requests import renewal
from bench.results import Better, Row
from eureka_registry.local.processes import Process

_SETTLE_S: Final = 4.0
"""Until a peer that does not answer is taken for dead."""


async def failing_peers(lab: Lab) -> list[Row]:
    """Renewals a second at one peer of three: all well, one stalled, one dead, both dead."""
    rows = []
    async with lab.peers(3) as peers:
        await lab.fill(peers[0])
        await asyncio.sleep(_SETTLE_S)
        rows.append(await _renewed(lab, peers, "two more peers are told"))
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


async def _renewed(lab: Lab, peers: Sequence[Process], words: str) -> Row:
    """The rate, and the processor time of each renewal with all it causes."""
    lab.say(f"renewals, {words}")
    await lab.load(Plan(peers[0].settings.port, mixed(renewal), seconds=_SETTLE_S), 200)
    pid = pid_of(peers[0])
    before = machine.cpu_s(pid)
    plan = Plan(peers[0].settings.port, mixed(renewal), seconds=lab.round_s, warm_up_s=0.5)
    tally = await lab.load(plan, 200)
    after = machine.cpu_s(pid)
    rate = median(rates(tally.counts, tally.moments))
    note = ""
    if before is not None and after is not None:
        note = f"{(after - before) / sum(tally.statuses.values()) * 1e6:.1f} us of CPU each"
    return Row(f"heartbeats, {words}", "1/s", Better.MORE, [rate], note=note)
