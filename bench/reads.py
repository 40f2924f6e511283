"""Fetches: how many a second, how soon a change is in them, and what they leave in memory."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import msgspec

from bench import machine
from bench.answers import BadAnswerError
from bench.figures import Budget, Figure, median, rates, spread
from bench.lab import INSTANCES, Lab, pid_of
from bench.line import Answer, Line
from bench.load import Plan
from bench.requests import APPS, DELTA, JSON_GZIP, registration, request
from eureka_registry.local.processes import Process

_FETCH: Final = request("GET", APPS)
_DELTA: Final = request("GET", DELTA)
_FULL: Final = Budget(1_650, at_least=True)
_SHOWN: Final = Budget(136 / 75, aim=136 / 100)
MEMORY_MIB: Final = 80.0
_MEMORY: Final = Budget(MEMORY_MIB)
_SHORT_RETENTION_S: Final = 2.0
_FETCHES: Final = 20
_LOOKED_AT_TOGETHER: Final = 25


async def memory(lab: Lab) -> list[Figure]:
    """What a peer occupies, empty and full."""
    lab.say("memory")
    async with lab.peers(1) as (peer,):
        empty = machine.memory_mib(pid_of(peer))
        await lab.fill(peer)
        await asyncio.to_thread(_fetch_often, peer.settings.port)
        full = machine.memory_mib(pid_of(peer))
    note = f"RSS, {INSTANCES:,} instances, after {_FETCHES} JSON gzip fetches with changes between"
    return [
        Figure("memory, empty", "MiB", empty, note="RSS"),
        Figure("memory, full", "MiB", full, budget=_MEMORY, note=note),
    ]


async def fetches(lab: Lab) -> list[Figure]:
    """Full fetches of what does not change, with and without the tag of the last one."""
    lab.say("full fetches")
    async with lab.peers(1) as (peer,):
        await lab.fill(peer)
        with Line(peer.settings.port) as line:
            answer = line.demand(_FETCH, 200)
        _demand_whole(answer.text, INSTANCES)
        tag = answer.header("ETag")
        if tag is None:
            raise BadAnswerError("a full fetch has no ETag")
        sizes = f"{len(answer.text) / 1e6:.1f} MB JSON, {len(answer.body) / 1e3:,.0f} kB gzip"
        again = request("GET", APPS, {**JSON_GZIP, "If-None-Match": tag})
        words = f"full fetch, {INSTANCES:,} instances"
        whole = Figure(f"{words}, unchanged", "1/s", 0, budget=_FULL, note=sizes)
        held = Figure(f"{words}, If-None-Match", "1/s", 0, note="answered 304")
        return [
            await _fetched(lab, peer, _FETCH, 200, whole),
            await _fetched(lab, peer, again, 304, held),
        ]


async def changes(lab: Lab) -> list[Figure]:
    """From before a registration to the end of the fetch that shows it."""
    figures = []
    for instances in (1_000, INSTANCES):
        lab.say(f"a change, then a full fetch, {instances:,} instances")
        async with lab.peers(1) as (peer,):
            await lab.fill(peer, instances)
            port, rounds = peer.settings.port, lab.rounds(200, 30)
            times = await asyncio.to_thread(shown_after, port, _FETCH, instances, rounds)
        budget = _SHOWN if instances == INSTANCES else None
        name = f"change, then full fetch, {instances:,} instances"
        figures.append(Figure(name, "ms", median(times), spread(times), budget))
    return figures


async def deltas(lab: Lab) -> list[Figure]:
    """From before a registration to the end of the delta that shows it."""
    lab.say("a change, then a delta")
    async with lab.peers(1, delta_retention_s=_SHORT_RETENTION_S) as (peer,):
        await lab.fill(peer)
        port, rounds = peer.settings.port, lab.rounds(200, 30)
        await asyncio.sleep(_SHORT_RETENTION_S + 1.5)
        times = await asyncio.to_thread(shown_after, port, _DELTA, INSTANCES, rounds)
    note = f"of {INSTANCES:,} instances; the delta grows to {rounds} changes"
    return [Figure("change, then delta", "ms", median(times), spread(times), note=note)]


async def _fetched(lab: Lab, peer: Process, fetch: bytes, status: int, shown: Figure) -> Figure:
    """The figure as it is to be shown, with its value."""
    plan = Plan(peer.settings.port, [fetch], seconds=lab.seconds, warm_up_s=0.5)
    tally = await lab.load(plan, status)
    each = rates(tally.counts, tally.moments)
    note = shown.note
    if tally.body_bytes:
        note = f"{note}, {tally.body_bytes / tally.took_s / 1e6:,.0f} MB/s"
    return msgspec.structs.replace(shown, value=median(each), spread=spread(each), note=note)


def _fetch_often(port: int) -> None:
    with Line(port) as line:
        for number in range(_FETCHES):
            line.demand(registration(number, f"memory-{number}"), 204)
            _demand_whole(line.demand(_FETCH, 200).text, INSTANCES)


def shown_after(port: int, fetch: bytes, instances: int, rounds: int) -> list[float]:
    """Milliseconds of each change with its fetch; the first, which builds all, does not count.

    What came is looked at after a few of them: unpacking megabytes between two would measure
    caches that are cold and processors that have gone to sleep.
    """
    times: list[float] = []
    with Line(port) as line:
        line.demand(fetch, 200)
        while len(times) < rounds:
            numbers = range(len(times), min(rounds, len(times) + _LOOKED_AT_TOGETHER))
            shown = [_show(line, fetch, number % instances) for number in numbers]
            for mark, answer, took_ms in shown:
                if mark.encode() not in answer.text:
                    raise BadAnswerError("a fetch did not show the change before it")
                times.append(took_ms)
    return times


def _show(line: Line, fetch: bytes, instance: int) -> tuple[str, Answer, float]:
    """The mark of a change, the fetch after it, and how many milliseconds both took."""
    mark = f"mark-{time.monotonic_ns()}"
    change = registration(instance, mark)
    began = time.perf_counter()
    line.demand(change, 204)
    answer = line.demand(fetch, 200)
    return mark, answer, (time.perf_counter() - began) * 1e3


def _demand_whole(text: bytes, instances: int) -> None:
    found = text.count(b'"instanceId":')
    if found not in (instances, instances + 1):  # a peer may list itself
        raise BadAnswerError(f"a full fetch shows {found} instances, not {instances}")
