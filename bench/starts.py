"""How long a peer takes to be ready: alone, and among others that have what it lacks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from bench.answers import BadAnswerError
from bench.figures import Budget, Figure, median, spread
from bench.lab import INSTANCES, Lab, NotMeasuredError, until_ready
from bench.line import Line
from bench.requests import DIGEST, request
from eureka_registry.local.processes import Process

_START: Final = Budget(1.0, aim=0.4)
_RESTART: Final = Budget(5.0, aim=2.0)
_ASK: Final = request("GET", DIGEST)
_PATIENCE_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.02


class _Digest(msgspec.Struct):
    """What of a peer's digest is compared."""

    applications: dict[str, str]
    instances: int


async def starts(lab: Lab) -> list[Figure]:
    """From the start of a lone peer's process to its first word of being ready."""
    lab.say("start of a lone peer")
    times = []
    async with lab.peers(1) as (peer,):  # the first start also compiles
        for _ in range(lab.rounds(10, 3)):
            await peer.stop()
            began = time.perf_counter()
            await peer.start()
            lab.pin_server(peer)
            times.append(await until_ready(peer) - began)
    note = "from the start of the process to the first 200 of /readyz"
    return [Figure("start to ready, lone peer", "s", median(times), spread(times), _START, note)]


async def restarts(lab: Lab) -> list[Figure]:
    """From the start of one of three full peers to ready, and to equal digests of all three."""
    ready, agreed = [], []
    async with lab.peers(3) as peers:
        lab.unpin(peers)
        lab.say("three peers get full")
        await lab.fill(peers[0])
        await _wait_until_agreed(peers)
        for number in range(lab.rounds(5, 1)):
            lab.say(f"restart {number + 1} of one of three peers")
            await peers[2].stop()
            began = time.perf_counter()
            await peers[2].start()
            ready.append(await until_ready(peers[2]) - began)
            agreed.append(await _wait_until_agreed(peers) - began)
    words = f"restart among three, {INSTANCES:,} instances"
    return [
        Figure(f"{words}: ready", "s", median(ready), spread(ready)),
        Figure(f"{words}: digests agree", "s", median(agreed), spread(agreed), _RESTART),
    ]


async def large_restarts(lab: Lab) -> list[Figure]:
    """The same for a second peer of two, with as many instances as one registry may hold."""
    figures: list[Figure] = []
    for instances in (50_000,) if lab.quick else (50_000, 100_000):
        async with lab.peers(2, max_instances=instances + 2) as peers:
            lab.unpin(peers)
            lab.say(f"two peers with {instances:,} instances")
            await lab.fill(peers[0], instances)
            await _wait_until_agreed(peers, instances)
            await peers[1].stop()
            began = time.perf_counter()
            await peers[1].start()
            ready = await until_ready(peers[1])
            held = _digest(peers[1]).instances
            if held < instances:
                raise NotMeasuredError(f"ready with {held:,} of {instances:,} instances")
            agreed = await _wait_until_agreed(peers, instances)
        words = f"restart of one of two, {instances:,} instances"
        figures += [
            Figure(f"{words}: ready, complete", "s", ready - began),
            Figure(f"{words}: digests agree", "s", agreed - began),
        ]
    return figures


async def _wait_until_agreed(peers: Sequence[Process], instances: int = INSTANCES) -> float:
    """Wait until all peers hold the same; the moment at which they did (`time.perf_counter`)."""
    deadline = time.perf_counter() + _PATIENCE_S
    digests: list[_Digest] = []
    while time.perf_counter() < deadline:
        digests = [_digest(peer) for peer in peers]
        now = time.perf_counter()
        full = digests[0].instances == instances + len(peers)  # each lists itself, too
        if full and all(each.applications == digests[0].applications for each in digests):
            return now
        await asyncio.sleep(_LOOK_EVERY_S)
    held = ", ".join(str(each.instances) for each in digests)
    raise NotMeasuredError(f"digests did not agree within {_PATIENCE_S:g} s; instances: {held}")


def _digest(peer: Process) -> _Digest:
    with Line(peer.settings.port) as line:
        answer = line.demand(_ASK, 200)
    try:
        return msgspec.json.decode(answer.text, type=_Digest)
    except msgspec.DecodeError as error:
        raise BadAnswerError(f"no digest: {error}") from error
