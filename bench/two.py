"""Two of our servers, and two Java servers: how soon one shows what the other got, or holds."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from bench.answers import BadAnswerError
from bench.figures import percentile
from bench.lab import INSTANCES, Lab, NotMeasuredError, mixed, registrations
from bench.line import Line
from bench.load import Plan
from bench.requests import FETCH, place, renewal
from bench.results import Better, Goal, Row
from bench.sight import HEARTBEATS_PER_S, Addresses, addresses, delays_until_visible
from bench.versus import JAVA_START_S, JVM, KIND, jar, java_pid
from conformance.java.server import JavaServer

_SETTLE_S: Final = 3.0
_PATIENCE_S: Final = 60.0
_STALE: Final = "Java: inf is a list that stayed incomplete for 60 s, see docs/performance.md"
_LAST: Final = f'"{place(INSTANCES - 1).id}"'.encode()


async def two(lab: Lab) -> list[Row]:
    """Lag at rest and under load, and a start with 10,000 instances to copy."""
    async with lab.peers(2) as peers:
        lab.unpin(peers)
        where, second = addresses(peers), peers[1]
        ours = await _lags(lab, where, lab.rounds(200, 30))
        copied = await _copies(lab, "here", where[1], second.stop, second.start)
    async with _java(lab) as servers:
        where, java_second = _addresses_of(servers), servers[1]

        async def kill_java() -> None:
            java_second.kill()

        async def start_java() -> None:
            java_second.start()
            lab.unpin_pid(java_pid(java_second))

        java = await _lags(lab, where, lab.rounds(40, 5))
        java_copied = await _copies(lab, "Java", where[1], kill_java, start_java)
    words = f"start to the first list of {INSTANCES:,} instances, which another server has"
    return [
        *_lag_rows("at rest", ours[0], java[0]),
        *_lag_rows(f"with {HEARTBEATS_PER_S:,} heartbeats a second", ours[1], java[1]),
        Row(words, "s", Better.LESS, copied, java_copied, Goal(5, 2), _STALE),
    ]


async def _copies(
    lab: Lab,
    who: str,
    where: tuple[str, int],
    stop: Callable[[], Awaitable[object]],
    start: Callable[[], Awaitable[object]],
) -> list[float]:
    """Seconds from each start of the second server until it lists all that the first one holds.

    Infinite where it does not: a list that Java makes while it copies stays in its cache for three
    minutes, whatever comes (`docs/protocol/leases.md#response-cache`).
    """
    times = []
    for number in range(lab.rounds(3, 1)):
        lab.say(f"start with {INSTANCES:,} instances to copy, {who}, {number + 1}")
        await stop()
        began = time.perf_counter()
        await start()
        try:
            times.append(await asyncio.to_thread(_seconds_until_complete, where, began))
        except NotMeasuredError as error:
            lab.say(f"{who}: {error}")
            times.append(math.inf)
    return times


def _lag_rows(words: str, ours: Sequence[float], java: Sequence[float]) -> list[Row]:
    return [
        Row(
            f"registered at one server, seen at another, {words}, p{share}",
            "ms",
            Better.LESS,
            [percentile(sorted(ours), share / 100)],
            [percentile(sorted(java), share / 100)],
            Goal(100, 20) if share == 99 else None,
            f"{len(ours)} and {len(java)} registrations",
        )
        for share in (50, 99)
    ]


async def _lags(lab: Lab, where: Addresses, rounds: int) -> tuple[list[float], list[float]]:
    """Lags at rest, and then with heartbeats of 10,000 instances at the server written to."""
    (host, port), _ = where
    lab.say("registered at one server, seen at another, at rest")
    new_numbers = range(INSTANCES, INSTANCES + 2 * rounds)
    idle = await asyncio.to_thread(delays_until_visible, where, new_numbers[:rounds])
    lab.say(f"{INSTANCES:,} instances register")
    await lab.load(Plan(port, registrations(INSTANCES), total=INSTANCES, host=host), 204)
    await asyncio.to_thread(_seconds_until_complete, where[1], time.perf_counter())
    lab.say(f"registered at one server, seen at another, {HEARTBEATS_PER_S:,} heartbeats a second")
    plan = Plan(port, mixed(renewal), rate=HEARTBEATS_PER_S, host=host)
    async with lab.loading(plan, 200) as ending:
        await asyncio.sleep(_SETTLE_S)
        busy = await asyncio.to_thread(delays_until_visible, where, new_numbers[rounds:])
    await ending()
    return idle, busy


def _seconds_until_complete(where: tuple[str, int], began: float) -> float:
    """Seconds until a server lists the last of 10,000 instances and as many as there are."""
    host, port = where
    while time.perf_counter() - began < _PATIENCE_S:
        with contextlib.suppress(OSError, BadAnswerError), Line(port, host) as line:
            answer = line.ask(FETCH)
            at = time.perf_counter()
            text = answer.text if answer.status == 200 else b""
            if _LAST in text and text.count(b'"instanceId":') >= INSTANCES:
                return at - began
        time.sleep(0.01)
    raise NotMeasuredError(f"the list was not whole within {_PATIENCE_S:g} s")


@contextlib.asynccontextmanager
async def _java(lab: Lab) -> AsyncIterator[list[JavaServer]]:
    hosts = ("127.0.0.2", "127.0.0.3")  # Java tells peers apart by host name alone
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(JavaServer(jar(), KIND, host=h, jvm=JVM)) for h in hosts]
        for server, other in zip(servers, reversed(servers), strict=True):
            server.settings |= {
                "eureka.instance.hostname": server.host,
                "eureka.client.service-url.defaultZone": other.url,
                "eureka.server.peer-node-read-timeout-ms": 5000,
            }
            server.start()
            lab.unpin_pid(java_pid(server))
        for server in servers:
            await asyncio.to_thread(server.ready, JAVA_START_S)
        yield servers


def _addresses_of(servers: Sequence[JavaServer]) -> Addresses:
    first, second = ((server.host, server.port) for server in servers)
    return first, second
