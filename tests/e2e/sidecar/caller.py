"""A client of an application, for a pod of the registry's image: it caches as Java's clients do.

Netflix's client fetches the registry every 30 s (`registryFetchIntervalSeconds`), and Spring's
load balancer keeps what it took from there for 35 s (`spring.cloud.loadbalancer.cache.ttl`): a call
may go to where an instance was 65 s ago. Both are arguments here, so that a test can shorten them
by one factor. Several such clients run side by side, out of step with each other.

Its argument is a JSON object: `app`, the registry's `urls`, `fetch_s`, `cache_s`, `rate` (calls a
second of all clients), `clients`, and the `path` that they call if it is not `/`. Besides, it asks
the registry for the instances all the time. Each second it prints an object: the number of `calls`
and of those that `failed`, the first `failures`, how many `failed_by` instance; `served`, how many
calls each pod has answered; `held`, the ids that some client may still call; `listed`, those that
the registry has now; `gone`, when the registry was first asked and no longer had an id.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from typing import Any, Final

import aiohttp

_KEPT: Final = 10
_WATCH_EVERY_S: Final = 0.05
_ASKING: Final = aiohttp.ClientTimeout(total=5.0, connect=2.0)
_CALLING: Final = aiohttp.ClientTimeout(total=20.0)
"""On a busy machine a pod that is there may be slow; one that is gone refuses, or never answers."""

Addresses = dict[str, str]
"""The base URL of each instance that is UP, by its id."""


class Registry:
    """The instances of one application, as the registry has them."""

    def __init__(self, session: aiohttp.ClientSession, urls: Sequence[str], app: str) -> None:
        self._session = session
        self._urls = urls
        self._path = f"apps/{app.upper()}"
        self._first = 0

    async def fetch(self) -> Addresses:
        """Ask one server, and the next one if it fails: the same one as long as it answers.

        Raises:
            OSError: none answers.
        """
        for _ in self._urls:
            url = self._urls[self._first % len(self._urls)]
            try:
                return await self._ask(url)
            except (aiohttp.ClientError, OSError, TimeoutError):
                self._first += 1
        raise OSError("no registry answers")

    async def _ask(self, url: str) -> Addresses:
        accept = {"Accept": "application/json"}
        async with self._session.get(url + self._path, headers=accept) as answer:
            if answer.status == 404:  # none is registered
                return {}
            answer.raise_for_status()
            document = await answer.json()
        return {
            each["instanceId"]: f"http://{each['ipAddr']}:{each['port']['$']}"
            for each in document["application"]["instance"]
            if each["status"] == "UP"
        }


class Client:
    """One client with its two caches."""

    def __init__(self, registry: Registry, fetch_s: float, cache_s: float) -> None:
        self._registry = registry
        self._fetch_s = fetch_s
        self._cache_s = cache_s
        self._fetched: Addresses = {}
        self._cached: Addresses = {}
        self._cached_at_s = -cache_s

    @property
    def known_ids(self) -> set[str]:
        """What it may still call."""
        return {*self._fetched, *self._cached}

    async def refresh(self) -> None:
        """Fetch until cancelled."""
        while True:
            with suppress(OSError):  # as in Java the last list stays
                self._fetched = await self._registry.fetch()
            await asyncio.sleep(self._fetch_s)

    def choice(self, number: int) -> tuple[str, str] | None:
        """The instance of a call, in turn; `None` if it knows none."""
        now_s = time.monotonic()
        if now_s - self._cached_at_s >= self._cache_s or not self._cached:
            self._cached, self._cached_at_s = self._fetched, now_s
        choices = sorted(self._cached.items())
        return choices[number % len(choices)] if choices else None


class Calls:
    """Calls at a steady rate, and what became of them."""

    def __init__(self, session: aiohttp.ClientSession, path: str) -> None:
        self._session = session
        self._path = path
        self.count = 0
        self.failed = 0
        self.failures: list[dict[str, Any]] = []
        self.failed_by: Counter[str] = Counter()
        self.served: Counter[str] = Counter()

    async def make(self, clients: Sequence[Client], rate: float) -> None:
        """Call until cancelled; nothing waits for the answer to the call before."""
        begin_s = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for number in count():
                await asyncio.sleep(begin_s + number / rate - time.monotonic())
                client = clients[number % len(clients)]
                choice = client.choice(number // len(clients))
                if choice is not None:
                    tasks.create_task(self._call(*choice))

    async def _call(self, instance: str, url: str) -> None:
        self.count += 1
        try:
            async with self._session.get(url + self._path) as answer:
                answer.raise_for_status()
                self.served[(await answer.read()).decode()] += 1
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self.failed += 1
            self.failed_by[instance] += 1
            if len(self.failures) < _KEPT:
                said = f"{type(error).__name__}: {error}"
                self.failures.append({"at": time.time(), "instance": instance, "error": said})


class Watch:
    """When each instance left the registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.listed: set[str] = set()
        self.gone: dict[str, float] = {}

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            asked_s = time.time()
            with suppress(OSError):  # it is asked again
                now = {*await self._registry.fetch()}
                self.gone.update(dict.fromkeys(self.listed - now, asked_s))
                self.listed = now
            await asyncio.sleep(_WATCH_EVERY_S)


async def _say(calls: Calls, clients: Sequence[Client], watch: Watch) -> None:
    while True:
        seen = {
            "calls": calls.count,
            "failed": calls.failed,
            "failures": calls.failures,
            "failed_by": calls.failed_by,
            "served": calls.served,
            "held": sorted(set().union(*(each.known_ids for each in clients))),
            "listed": sorted(watch.listed),
            "gone": watch.gone,
        }
        print(json.dumps(seen), flush=True)  # noqa: T201 - the test reads it
        await asyncio.sleep(1.0)


async def main() -> None:
    """Call until the pod is deleted."""
    wanted = json.loads(sys.argv[1])
    fetch_s, number = wanted["fetch_s"], wanted["clients"]
    fresh = aiohttp.TCPConnector(force_close=True, limit=0)  # a call is a connection
    async with (
        aiohttp.ClientSession(timeout=_ASKING) as asking,
        aiohttp.ClientSession(timeout=_CALLING, connector=fresh) as calling,
        asyncio.TaskGroup() as tasks,
    ):
        registry = Registry(asking, wanted["urls"], wanted["app"])
        watch, calls = Watch(registry), Calls(calling, wanted.get("path", "/"))
        tasks.create_task(watch.run())
        clients = [Client(registry, fetch_s, wanted["cache_s"]) for _ in range(number)]
        tasks.create_task(_say(calls, clients, watch))
        for each in clients:
            tasks.create_task(each.refresh())
            await asyncio.sleep(fetch_s / number)
        tasks.create_task(calls.make(clients, wanted["rate"]))


if __name__ == "__main__":
    asyncio.run(main())
