"""A program for a pod of the registry's image: it holds leases, and looks for them at every peer.

Each lease is one client's that registers at a URL of its own and fails over to the others. Besides,
one more begins every second: what is registered while peers come and go must not be lost either.
A peer that calls itself ready must list every lease that is settled: older than two intervals.

Its argument is a JSON object: `count` leases, `urls` of the clients, `peers` to look at by name.
Each second it prints one: `held` leases; `lost`, how many were settled, and renewed in time, when a
renewal was answered 404, and the first `losses`; `complete`, for each peer that is ready whether it
lists all; `missing`, what a ready peer lacked, and when; the number of `looks`; `silence_s`, the
longest time in which no peer that called itself ready answered.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import msgspec

from eureka_registry.local.client import LeaseClient
from eureka_registry.verbs.tally import Tally

APP: Final = "LEASES"
LEASE_S: Final = (10, 60)
"""Between renewals, and how long a lease lasts."""
SETTLED: Final = 2
"""So many intervals. Until then a registration may be lost together with the peer that took it:
peers replicate after they have answered. The client's first renewal, which is a 404 at the others,
makes it again; on a busy machine that takes seconds.
"""
_LOOK_EVERY_S: Final = 0.5
_AT_ONCE: Final = 50
_KEPT: Final = 20
_TIMEOUT: Final = aiohttp.ClientTimeout(total=5.0, connect=1.0)


class _Instance(msgspec.Struct, rename="camel"):
    instance_id: str


class _Application(msgspec.Struct):
    instance: list[_Instance] = []


class _Answer(msgspec.Struct):
    application: _Application = msgspec.field(default_factory=_Application)


class Holder:
    """The leases of one application, and what was found of them."""

    def __init__(
        self,
        clients: aiohttp.ClientSession,
        looks: aiohttp.ClientSession,
        urls: Sequence[str],
        app: str = APP,
        lease_s: tuple[int, int] = LEASE_S,
    ) -> None:
        self._clients = clients
        self._looks = looks
        self._urls = urls
        self._app = app
        self._lease_s = lease_s
        self._lost = 0
        self._losses: list[dict[str, Any]] = []
        self._since: dict[str, float] = {}
        self._complete: dict[str, bool] = {}
        self._missing: list[dict[str, Any]] = []
        self._count = 0
        self._answered_s = 0.0
        self._silence_s = 0.0

    async def run(self, count: int, peers: Sequence[str]) -> None:
        """Hold leases until cancelled."""
        room = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for number in range(count):
                tasks.create_task(self.hold(number, room))
            for peer in peers:
                tasks.create_task(self.look_at(peer))
            tasks.create_task(self._say())
            while True:
                await asyncio.sleep(1.0)
                tasks.create_task(self.hold(count, room))
                count += 1

    async def hold(self, number: int, room: asyncio.Semaphore, span_s: float | None = None) -> None:
        """Hold a lease for so many seconds and remove it then; `None`: until cancelled."""
        name, tally = (self._app, number), Tally()
        client = LeaseClient(
            self._clients, self._urls, name, tally, lambda _: self._look_for_loss(client, tally)
        )
        try:
            async with asyncio.timeout(span_s):
                await self._keep(client, room)
        except TimeoutError:
            self._since.pop(client.id, None)
            await client.cancel()

    async def _keep(self, client: LeaseClient, room: asyncio.Semaphore) -> None:
        while True:
            try:
                async with room:
                    await client.register(*self._lease_s)
                self._since.setdefault(client.id, time.monotonic())
                await client.hold(*self._lease_s)
            except RuntimeError:  # no peer takes it: it is tried again, as by every client
                await asyncio.sleep(1.0)

    def _look_for_loss(self, client: LeaseClient, tally: Tally) -> None:
        """After any trouble of a client: if it was a 404, its lease begins anew."""
        if not tally.leases_lost:
            return
        tally.leases_lost = 0
        now_s = time.monotonic()
        age_s = now_s - self._since.get(client.id, now_s)
        self._since[client.id] = now_s
        if age_s <= self._replicated_s or now_s - client.renewed_s > self._lease_s[1]:
            return
        self._lost += 1
        if len(self._losses) < _KEPT:
            self._losses.append({"id": client.id, "at": _now(), "age_s": round(age_s, 1)})

    async def look_at(self, peer: str, every_s: float = _LOOK_EVERY_S) -> None:
        """Compare what a peer lists with what is held, until cancelled."""
        while True:
            begin = time.monotonic()
            try:
                listed = await self._listed(peer)
            except (aiohttp.ClientError, OSError, TimeoutError):
                listed = None
            if listed is None:
                self._complete.pop(peer, None)
            else:
                self._compare(peer, listed, begin)
            await asyncio.sleep(every_s)

    async def _listed(self, peer: str) -> set[str] | None:
        """The leases at a peer; `None` if it is not ready."""
        async with self._looks.get(f"http://{peer}:8763/readyz") as answer:
            if answer.status != HTTPStatus.OK:
                return None
        accept = {"Accept": "application/json"}
        async with self._looks.get(
            f"http://{peer}:8761/eureka/apps/{self._app}", headers=accept
        ) as answer:
            if answer.status == HTTPStatus.NOT_FOUND:
                return set()
            answer.raise_for_status()
            found = msgspec.json.decode(await answer.read(), type=_Answer)
        return {each.instance_id for each in found.application.instance}

    def _compare(self, peer: str, listed: set[str], at_s: float) -> None:
        self._count += 1
        now_s = time.monotonic()
        if self._answered_s:
            self._silence_s = max(self._silence_s, now_s - self._answered_s)
        self._answered_s = now_s
        lacking = sorted(self.replicated_ids(at_s) - listed)
        self._complete[peer] = not lacking
        if lacking and len(self._missing) < _KEPT:
            self._missing.append(
                {"peer": peer, "at": _now(), "count": len(lacking), "first": lacking[0]}
            )

    def replicated_ids(self, at_s: float) -> set[str]:
        """The ids of leases that every ready peer must have had at a time."""
        return {each for each, since in self._since.items() if at_s - since > self._replicated_s}

    @property
    def report(self) -> dict[str, Any]:
        """What is printed."""
        return {
            "held": len(self._since),
            "lost": self._lost,
            "losses": self._losses,
            "complete": self._complete,
            "missing": self._missing,
            "looks": self._count,
            "silence_s": self._silence_s,
        }

    @property
    def _replicated_s(self) -> float:
        return SETTLED * self._lease_s[0]

    async def _say(self) -> None:
        while True:
            print(json.dumps(self.report), flush=True)  # noqa: T201 - the test reads it
            await asyncio.sleep(1.0)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


async def main() -> None:
    """Hold leases until the pod is deleted."""
    wanted = json.loads(sys.argv[1])
    # A peer that was replaced has another address at once.
    fresh = aiohttp.TCPConnector(use_dns_cache=False, force_close=True)
    clients = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ttl_dns_cache=2))
    looks = aiohttp.ClientSession(connector=fresh, timeout=_TIMEOUT)
    async with clients, looks:
        await Holder(clients, looks, wanted["urls"]).run(wanted["count"], wanted["peers"])


if __name__ == "__main__":
    asyncio.run(main())
