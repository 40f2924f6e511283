"""A Eureka client that holds one lease and looks others up, failing over as Java's client does.

It stays with the server that last answered. After an error or a 5xx it tries the others in turn; a
look-up has failed only if none of them answers with what is wanted.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

import aiohttp
import msgspec

from eureka_registry.verbs.tally import Tally

INTERVAL_S = 2
DURATION_S = 6
LOOK_UP_EVERY_S = 0.1
_APPLICATIONS = 6
_TIMEOUT = aiohttp.ClientTimeout(total=2.0, connect=0.5)


OnTrouble = Callable[[str], None]
"""Is told what went wrong, in a sentence."""


def fields_of(
    app: str, instance_id: str, lease_s: tuple[int, int], dirty_ms: int
) -> dict[str, object]:
    """The fields that all our clients register, without host, address, status and port.

    Args:
        app: name of the application.
        instance_id: unique in it.
        lease_s: seconds between renewals, and seconds that the lease lasts.
        dirty_ms: the document's `lastDirtyTimestamp`; a larger one replaces a smaller one.
    """
    center = "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"
    interval_s, duration_s = lease_s
    return {
        "instanceId": instance_id,
        "app": app,
        "dataCenterInfo": {"@class": center, "name": "MyOwn"},
        "leaseInfo": {"renewalIntervalInSecs": interval_s, "durationInSecs": duration_s},
        "vipAddress": app.lower(),
        "lastDirtyTimestamp": str(dirty_ms),
    }


class LeaseClient:
    """One instance of one application."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        urls: Sequence[str],
        name: tuple[str, int],
        tally: Tally,
        on_trouble: OnTrouble,
    ) -> None:
        """Prepare a client.

        Args:
            session: shared with others.
            urls: service URLs; each client begins with one of its own.
            name: application and number of the instance.
            tally: shared with others.
            on_trouble: called for failures and lost leases.
        """
        app, number = name
        self.app = app
        self.id = f"drill-{number}:{app.lower()}:{9000 + number}"
        self._number = number
        self._session = session
        self._urls = [*urls[number % len(urls) :], *urls[: number % len(urls)]]
        self._tally = tally
        self._on_trouble = on_trouble
        self._dirty_ms = 1_000_000 + number
        self.renewed_s = 0.0
        """When a server last took the lease or its renewal, by the monotonic clock."""

    async def register(self, interval_s: int, duration_s: int) -> None:
        """Begin the lease; `RuntimeError` if no server accepts it."""
        document = {
            "instance": fields_of(self.app, self.id, (interval_s, duration_s), self._dirty_ms)
            | {
                "hostName": f"drill-{self._number}",
                "ipAddr": "127.0.0.1",
                "status": "UP",
                "port": {"$": 9000 + self._number, "@enabled": "true"},
            }
        }
        status, _ = await self._request("POST", f"apps/{self.app}", document)
        if status != HTTPStatus.NO_CONTENT:
            raise RuntimeError(f"{self.id} could not register: {status or 'no server answers'}")
        self.renewed_s = time.monotonic()

    async def hold(self, interval_s: int, duration_s: int) -> None:
        """Renew until cancelled, each interval a little shifted; register again after a 404."""
        query = f"status=UP&lastDirtyTimestamp={self._dirty_ms}"
        await asyncio.sleep(random.random() * interval_s)  # noqa: S311 - spreads the load
        while True:
            status, tries = await self._request("PUT", f"apps/{self.app}/{self.id}?{query}")
            self._tally.renewals += 1
            self._tally.renewals_retried += tries > 1
            if status == HTTPStatus.NOT_FOUND:
                self._tally.leases_lost += 1
                self._on_trouble(f"{self.id}: its lease was not known any more")
                await self.register(interval_s, duration_s)
            elif status != HTTPStatus.OK:
                self._tally.renewals_failed += 1
                self._on_trouble(f"{self.id}: renewal failed ({status or 'no server answers'})")
            else:
                self.renewed_s = time.monotonic()
            await asyncio.sleep(interval_s)

    async def look_up(self, interval_s: float) -> None:
        """Look up our own application until cancelled; the answer must have our instance."""
        while True:
            status, tries = await self._request("GET", f"apps/{self.app}/{self.id}")
            self._tally.lookups += 1
            self._tally.lookups_retried += tries > 1
            if status != HTTPStatus.OK:
                self._tally.lookups_failed += 1
                self._on_trouble(f"{self.id}: look-up failed ({status or 'no server answers'})")
            await asyncio.sleep(interval_s)

    async def cancel(self) -> None:
        """End the lease."""
        await self._request("DELETE", f"apps/{self.app}/{self.id}")

    async def _request(self, method: str, path: str, document: object = None) -> tuple[int, int]:
        """The first status below 500 of a server (0: none), and how many servers were asked."""
        body = None if document is None else msgspec.json.encode(document)
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        for tries, url in enumerate(list(self._urls), start=1):
            try:
                async with self._session.request(
                    method, url + path, data=body, headers=headers, timeout=_TIMEOUT
                ) as answer:
                    await answer.read()
                    if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                        return answer.status, tries
            except (aiohttp.ClientError, OSError):
                pass
            self._urls = [*self._urls[1:], self._urls[0]]
        return 0, len(self._urls)


def drill_clients(
    session: aiohttp.ClientSession,
    urls: Sequence[str],
    count: int,
    tally: Tally,
    on_trouble: OnTrouble,
) -> list[LeaseClient]:
    """The clients of a drill, of a few applications; none is registered yet."""
    return [
        LeaseClient(session, urls, (f"DRILL-{n % _APPLICATIONS}", n), tally, on_trouble)
        for n in range(count)
    ]


async def register_all(clients: Sequence[LeaseClient]) -> None:
    """Register each, for `DURATION_S`; `RuntimeError` if no server accepts one."""
    await asyncio.gather(*(client.register(INTERVAL_S, DURATION_S) for client in clients))


def work_of(clients: Sequence[LeaseClient]) -> list[Awaitable[None]]:
    """The work of all clients until it is cancelled: renew each lease, and look it up."""
    return [
        *(client.hold(INTERVAL_S, DURATION_S) for client in clients),
        *(client.look_up(LOOK_UP_EVERY_S) for client in clients),
    ]
