"""Our server and a Java server, each alone: same core, same load, both warm, rounds in turn."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from bench import machine
from bench.answers import BadAnswerError
from bench.figures import median, rates
from bench.lab import Lab, NotMeasuredError, mixed, pid_of, registrations
from bench.line import Line
from bench.load import Plan
from bench.reads import MEMORY_MIB, shown_after
from bench.requests import (
    APPS,
    DELTA,
    DIRTY_MS,
    FETCH,
    JSON_GZIP,
    place,
    registration,
    renewal,
    request,
)
from bench.results import Better, Goal, Row
from bench.sizes import bytes_of_lists
from bench.table import number
from bench.warming import warm_up
from conformance.java.server import ALONE, LIVE, JavaServer, server_jar
from support.builds import NotBuiltError

JVM: Final = ("-Xmx2g",)
KIND: Final = {**LIVE, "server.tomcat.max-keep-alive-requests": -1, "logging.level.root": "WARN"}
"""In Java's favour: connections are kept (not closed after 100 requests), nothing is logged."""
JAVA_START_S: Final = 300.0
"""How long to wait for a Java server; it takes 15 s on a core of its own, minutes on a busy one."""

INSTANCES: Final = 10_000
SIZES: Final = (1_000, INSTANCES, 50_000)
_BATCH: Final = 250
_FETCHES: Final = 20
_BATCH_PATH: Final = "/eureka/peerreplication/batch/"
_DELTA: Final = request("GET", DELTA)


class Subject(msgspec.Struct, frozen=True):
    """A server that is measured."""

    name: str
    port: int
    pid: int


class Traffic(msgspec.Struct, frozen=True):
    """A kind of request whose rate is measured, and the status of a good answer."""

    name: str
    requests: list[bytes]
    status: int
    goal: Goal | None = None
    unit: str = "1/s"
    per_request: int = 1
    """How many things one request does."""


def jar() -> Path:
    """The Java server.

    Raises:
        NotMeasuredError: it cannot be built here.
    """
    try:
        return server_jar()
    except NotBuiltError as error:
        raise NotMeasuredError(f"the Java server: {error}") from None


def java_is_there() -> bool:
    """Whether a Java server can be had."""
    try:
        server_jar()
    except NotBuiltError:
        return False
    return True


async def side_by_side(lab: Lab) -> list[Row]:
    """All rows of lone servers: rates, changes, memory, at each size of the registry."""
    rows: list[Row] = []
    for size in SIZES if not lab.quick else SIZES[:2]:
        async with pair(lab) as subjects:
            rows += await _memory(lab, subjects, 0) if size == INSTANCES else []
            for each in subjects:
                lab.say(f"{size:,} instances register, {each.name}")
                await lab.load(Plan(each.port, registrations(size), total=size), 204)
            rows += await _memory(lab, subjects, size) if size >= INSTANCES else []
            if size == INSTANCES:
                rows += await _rates(lab, subjects)
            rows.append(await _change(lab, subjects, size))
    return rows


async def sizes(lab: Lab) -> list[Row]:
    """The bytes of lists."""
    async with pair(lab) as subjects:
        for each in subjects:
            lab.say(f"{INSTANCES:,} instances register, {each.name}")
            plan = Plan(each.port, registrations(INSTANCES), total=INSTANCES)
            await lab.load(plan, 204)
        lab.say("bytes of lists, while one instance changes")
        return await bytes_of_lists([each.port for each in subjects], INSTANCES)


@contextlib.contextmanager
def _alone(subjects: Sequence[Subject], measured: Subject) -> Iterator[None]:
    """Stop the others for a while: a JVM compiles and collects when nobody asks it anything."""
    others = [each.pid for each in subjects if each is not measured]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in others:
            os.kill(pid, signal.SIGCONT)


@contextlib.asynccontextmanager
async def pair(lab: Lab) -> AsyncIterator[tuple[Subject, Subject]]:
    """One of our peers and a Java server, alone and on the same core."""
    async with lab.peers(1) as (peer,):
        ours = Subject("here", peer.settings.port, pid_of(peer))
        with JavaServer(jar(), {**ALONE, **KIND}, jvm=JVM) as server:
            server.start()
            java = Subject("Java", server.port, java_pid(server))
            lab.pin_pid(java.pid)
            await asyncio.to_thread(server.ready, JAVA_START_S)
            yield ours, java


def java_pid(server: JavaServer) -> int:
    """The process id of a Java server.

    Raises:
        NotMeasuredError: it has ended.
    """
    if server.process is None:
        raise NotMeasuredError("the Java server is not running")
    return server.process.pid


def _traffics() -> list[Traffic]:
    again = request("GET", f"{APPS}/{place(0).app}")
    plain = request("GET", APPS, {"Accept": "application/json"})
    return [
        Traffic("heartbeats", mixed(renewal), 200, Goal(2, 4, times_java=True)),
        Traffic("registrations", registrations(INSTANCES), 204, Goal(3, times_java=True)),
        Traffic("full fetch, gzip", [FETCH], 200, Goal(1, times_java=True)),
        Traffic("full fetch, plain", [plain], 200),
        Traffic("delta, gzip", [_DELTA], 200),
        Traffic("one application", [again], 200),
        Traffic("renewals in batches of 250", _batches(), 200, per_request=_BATCH),
    ]


def _batches() -> list[bytes]:
    """Batches of renewals as a peer sends them."""
    head = {"Accept": "application/json"}
    starts = range(0, INSTANCES, _BATCH)
    return [request("POST", _BATCH_PATH, head, _batch(range(at, at + _BATCH))) for at in starts]


def _batch(numbers: range) -> bytes:
    def item(number: int) -> Mapping[str, object]:
        where = place(number)
        given = {"lastDirtyTimestamp": DIRTY_MS, "status": "UP", "action": "Heartbeat"}
        return {"appName": where.app, "id": where.id, **given}

    return json.dumps({"replicationList": [item(number) for number in numbers]}).encode()


async def _rates(lab: Lab, subjects: Sequence[Subject]) -> list[Row]:
    rows = [await _rate(lab, subjects, traffic) for traffic in _traffics()]
    return [*rows, await _not_modified(lab, subjects[0])]


async def _not_modified(lab: Lab, ours: Subject) -> Row:
    """Full fetches of who has it already."""
    with Line(ours.port) as line:
        tag = line.demand(FETCH, 200).header("ETag")
    again = request("GET", APPS, {**JSON_GZIP, "If-None-Match": str(tag)})
    value, _ = await _load(lab, ours, Traffic("304", [again], 304), lab.round_s)
    name, note = "full fetch of who has it already (304)", "Java has no ETag"
    return Row(name, "1/s", Better.MORE, [value], note=note)


async def _rate(lab: Lab, subjects: Sequence[Subject], traffic: Traffic) -> Row:
    """Answers a second of each subject, in turn, after both have warmed up."""
    notes = [await _warm_up(lab, subjects, each, traffic) for each in subjects]
    values: dict[str, list[float]] = {each.name: [] for each in subjects}
    bodies: dict[str, float] = {}
    for turn in range(1, lab.rounds(3, 1) + 1):
        for each in subjects:
            lab.say(f"{traffic.name}: round {turn}, {each.name}")
            with _alone(subjects, each):
                rate, bodies[each.name] = await _load(lab, each, traffic, lab.round_s)
            values[each.name].append(rate)
    if any(bodies.values()):
        notes.append(f"bodies {bodies['here']:,.0f} and {bodies['Java']:,.0f} bytes")
    note = ", ".join(notes)
    ours, java = values["here"], values["Java"]
    return Row(traffic.name, traffic.unit, Better.MORE, ours, java, traffic.goal, note)


async def _warm_up(lab: Lab, subjects: Sequence[Subject], each: Subject, traffic: Traffic) -> str:
    """Warm a server up; how long that took, in words."""
    lab.say(f"{traffic.name}: {each.name} warms up")
    is_first = traffic.name == "heartbeats"

    async def window() -> float:
        return (await _load(lab, each, traffic, lab.window_s(first=is_first)))[0]

    with _alone(subjects, each):
        warming = await warm_up(
            window, lab.warm_limit_s(first=is_first), least_s=lab.warm_least_s(first=is_first)
        )
    lab.say(
        f"{traffic.name}: {each.name} {warming.text}: {', '.join(map(number, warming.windows))}"
    )
    return f"{each.name} {warming.text}"


async def _load(
    lab: Lab, subject: Subject, traffic: Traffic, seconds: float
) -> tuple[float, float]:
    """How much a second, and how many bytes of body an answer had, chunks' heads included."""
    plan = Plan(subject.port, traffic.requests, seconds=seconds, warm_up_s=0.5)
    tally = await lab.load(plan, traffic.status)
    rate = median(rates(tally.counts, tally.moments)) * traffic.per_request
    return rate, tally.body_bytes / max(1, sum(tally.statuses.values()))


async def _change(lab: Lab, subjects: Sequence[Subject], size: int) -> Row:
    """From before a registration to the end of the full fetch that shows it."""
    values: dict[str, list[float]] = {}
    notes = []
    rounds = lab.rounds(100 if size <= INSTANCES else 30, 15)
    for each in subjects:
        lab.say(f"a change, then a full fetch, {size:,} instances, {each.name}")

        async def window(port: int = each.port) -> float:
            return median(await asyncio.to_thread(shown_after, port, FETCH, size, rounds // 3))

        with _alone(subjects, each):
            warming = await warm_up(window, lab.warm_limit_s(first=False))
            times = await asyncio.to_thread(shown_after, each.port, FETCH, size, rounds)
        notes.append(f"{each.name} {warming.text}")
        values[each.name] = times
    goal = Goal(75, 100, times_java=True) if size == INSTANCES else None
    name = f"one change, then a full fetch that shows it, {size:,} instances"
    note = ", ".join(notes)
    return Row(name, "ms", Better.LESS, values["here"], values["Java"], goal, note)


async def _memory(lab: Lab, subjects: Sequence[Subject], size: int) -> list[Row]:
    """Resident memory of each, after a few fetches as clients make them."""
    lab.say(f"memory, {size:,} instances")
    for each in subjects if size else []:
        await asyncio.to_thread(_fetch_often, each.port)
    ours, java = (machine.memory_mib(each.pid) for each in subjects)
    goal = Goal(4, times_java=True) if size == INSTANCES else None
    rows = [Row(f"memory, {size:,} instances", "MiB", Better.LESS, [ours], [java], goal, "RSS")]
    if size == INSTANCES:
        rows.append(
            Row("the same, to its bound", "MiB", Better.LESS, [ours], goal=Goal(MEMORY_MIB))
        )
    return rows


def _fetch_often(port: int) -> None:
    with Line(port) as line:
        for turn in range(_FETCHES):
            line.demand(registration(turn, f"memory-{turn}"), 204)
            line.demand(FETCH, 200)


async def starts(lab: Lab) -> list[Row]:
    """From the start of a lone server's process to its first answer."""
    ours: list[float] = []
    java: list[float] = []
    async with lab.peers(1) as (peer,):
        for _ in range(lab.rounds(5, 2)):
            await peer.stop()
            began = time.perf_counter()
            await peer.start()
            lab.pin_server(peer)
            await asyncio.to_thread(_wait_for_answer, peer.settings.port)
            ours.append(time.perf_counter() - began)
    for turn in range(lab.rounds(3, 1)):
        lab.say(f"start of a Java server, {turn + 1}")
        with JavaServer(jar(), {**ALONE, **KIND}, jvm=JVM) as server:
            java.append(await _pinned_start(lab, server))
    name = "start to the first answer, alone"
    return [Row(name, "s", Better.LESS, ours, java, Goal(1, 0.4))]


async def _pinned_start(lab: Lab, server: JavaServer) -> float:
    began = time.perf_counter()
    server.start()
    lab.pin_pid(java_pid(server))
    await asyncio.to_thread(server.ready, JAVA_START_S)
    return time.perf_counter() - began


def _wait_for_answer(port: int) -> None:
    deadline = time.perf_counter() + 60
    while time.perf_counter() < deadline:
        with contextlib.suppress(OSError, BadAnswerError), Line(port) as line:
            if line.ask(FETCH).status == 200:
                return
        time.sleep(0.002)
    raise NotMeasuredError("no answer within a minute")
