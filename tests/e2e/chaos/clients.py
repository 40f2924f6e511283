"""A program in the network of a cluster: clients with leases, clients that come and go, look-ups.

Its argument is a JSON object: `count` leases that are held all the time, the `domain` of the peers'
names, how many `peers` are looked at. One more client begins every second and stays for a minute.
Every other client knows peer1 and peer2 and asks for an instance that has been held for long: by
turns one of them first, and once more the other one if it does not answer.

Each second it prints one JSON object: what `holder.py` prints of both kinds of leases, how many
`look_ups` there were, were `retried`, and have `failed`, and the first `failures`. What fails while
this program itself stands still, on a machine that is too busy to run it, is counted as `stalled`.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from e2e.operator.holder import APP, Holder

_VISITORS: Final = "VISITORS"
_STAY_S: Final = 60.0
_AT_ONCE: Final = 50
_LEASE_S: Final = (20, 60)
_LOOK_EVERY_S: Final = 2.0
_LOOK_UPS: Final = 10
_LOOK_UP_EVERY_S: Final = 0.5
_JAVA: Final = aiohttp.ClientTimeout(total=8.0, connect=5.0)
"""As long as Java's client waits for an answer, and for a connection."""
_KEPT: Final = 50
_RESOLVING: Final = 32
_PULSE_S: Final = 0.2
_STALLED_S: Final = 1.0
"""A look-up lasts for seconds before it fails; if this program did nothing for one of them, then it
tells nothing about peers."""


class StallMeter:
    """How long this program has stood still, in seconds since its start."""

    def __init__(self) -> None:
        self.still_s = 0.0

    async def run(self) -> None:
        """Measure it until cancelled."""
        while True:
            before_s = time.monotonic()
            await asyncio.sleep(_PULSE_S)
            self.still_s += time.monotonic() - before_s - _PULSE_S


class LookUps:
    """Clients that look up an instance at one peer, and once more at another one."""

    def __init__(self, session: aiohttp.ClientSession, holder: Holder, pulse: StallMeter) -> None:
        self._session = session
        self._holder = holder
        self._pulse = pulse
        self._stalled = 0
        self._count = 0
        self._retried = 0
        self._failed = 0
        self._failures: list[dict[str, str]] = []

    @property
    def report(self) -> dict[str, Any]:
        """What is printed."""
        return {
            "look_ups": self._count,
            "retried": self._retried,
            "stalled": self._stalled,
            "failed": self._failed,
            "failures": self._failures,
        }

    async def run(self, peers: Sequence[str]) -> None:
        """Look up one instance after the other until cancelled, at the first peer first."""
        while True:
            await asyncio.sleep(_LOOK_UP_EVERY_S)
            settled = sorted(self._holder.replicated_ids(time.monotonic()))
            if settled:
                await self._look_up(random.choice(settled), peers)  # noqa: S311 - any will do

    async def _look_up(self, instance_id: str, peers: Sequence[str]) -> None:
        said: list[str] = []
        still_s = self._pulse.still_s
        self._count += 1
        for peer in peers:
            why_not = await self._why_not(instance_id, peer)
            if not why_not:
                self._retried += bool(said)
                return
            said.append(f"{peer.partition('.')[0]}: {why_not}")
        if self._pulse.still_s - still_s > _STALLED_S:
            self._stalled += 1
            return
        self._failed += 1
        if len(self._failures) < _KEPT:
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            self._failures.append({"at": at, "id": instance_id, "said": "; ".join(said)})

    async def _why_not(self, instance_id: str, peer: str) -> str:
        """Why a peer does not answer with an instance; empty: it does."""
        url = f"http://{peer}:8761/eureka/apps/{APP}/{instance_id}"
        try:
            async with self._session.get(url, headers={"Accept": "application/json"}) as answer:
                await answer.read()
                return "" if answer.status == HTTPStatus.OK else f"answers {answer.status}"
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return str(error) or type(error).__name__


async def _visit(visitors: Holder, room: asyncio.Semaphore, tasks: asyncio.TaskGroup) -> None:
    number = 0
    while True:
        await asyncio.sleep(1.0)
        tasks.create_task(visitors.hold(number, room, _STAY_S))
        number += 1


async def _say(holder: Holder, visitors: Holder, look_ups: LookUps) -> None:
    while True:
        seen = {"leases": holder.report, "visitors": visitors.report, **look_ups.report}
        print(json.dumps(seen), flush=True)  # noqa: T201 - the run reads it
        await asyncio.sleep(1.0)


async def main() -> None:
    """Be clients until the process is ended."""
    wanted = json.loads(sys.argv[1])
    names = [f"peer{number}.{wanted['domain']}" for number in range(1, wanted["peers"] + 1)]
    urls = [f"http://{name}:8761/eureka/" for name in names[:3]]
    # Names are asked for in threads, and one that cannot be resolved takes its thread for seconds.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_RESOLVING))
    kept = aiohttp.TCPConnector(family=socket.AF_INET, ttl_dns_cache=2)
    fresh = aiohttp.TCPConnector(family=socket.AF_INET, use_dns_cache=False, force_close=True)
    async with (
        aiohttp.ClientSession(connector=kept) as clients,
        aiohttp.ClientSession(connector=fresh, timeout=_JAVA) as looks,
        asyncio.TaskGroup() as tasks,
    ):
        holder = Holder(clients, looks, urls, lease_s=_LEASE_S)
        visitors = Holder(clients, looks, urls, _VISITORS, _LEASE_S)
        pulse = StallMeter()
        look_ups = LookUps(looks, holder, pulse)
        room = asyncio.Semaphore(_AT_ONCE)
        for number in range(wanted["count"]):
            tasks.create_task(holder.hold(number, room))
        for name in names:
            tasks.create_task(holder.look_at(name, _LOOK_EVERY_S))
        for number in range(_LOOK_UPS):
            tasks.create_task(look_ups.run(names[:2] if number % 2 else names[1::-1]))
        tasks.create_task(pulse.run())
        tasks.create_task(_visit(visitors, room, tasks))
        tasks.create_task(_say(holder, visitors, look_ups))


if __name__ == "__main__":
    asyncio.run(main())
