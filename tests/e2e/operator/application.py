"""A program for a pod of the registry's image: all instances of one application.

Each instance holds a lease as a client does that knows the servers of
`EUREKA_CLIENT_SERVICEURL_DEFAULTZONE`; they are the same instances in each pod that is started with
the same arguments, the application's name and the number of instances. The first list that has
all of them makes the pod ready: it listens at `PORT`. From then on the application is looked up
twice a second, at one server, and once more at the next one if the first does not answer with all
instances.

Each second it prints a JSON object: `renewals` that a server answered; `lost`, the leases that a
server did not know when they were renewed, once the pod was ready; the number of `lookups`, and
`failed`, those without all instances at both servers.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp

from eureka_registry.local.client import LeaseClient
from eureka_registry.verbs.tally import Tally

PORT: Final = 8080
_INTERVAL_S: Final = 10
_DURATION_S: Final = 90
_PAUSE_S: Final = 0.5
_AGAIN_S: Final = 5.0
_AT_ONCE: Final = 20
_TRIES: Final = 2
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30.0, connect=15.0)


class Application:
    """The instances, and what they met."""

    def __init__(self, session: aiohttp.ClientSession, urls: list[str], app: str) -> None:
        self._session = session
        self._urls = urls
        self._app = app
        self._tally = Tally()
        self._ids: set[str] = set()
        self._lost: list[str] = []
        self._lookups = 0
        self._failed: list[dict[str, Any]] = []
        self._ready: asyncio.Server | None = None

    async def run(self, count: int) -> None:
        """Hold leases and look them up until cancelled."""
        room = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for number in range(count):
                tasks.create_task(self._hold(number, room))
            tasks.create_task(self._look_up(count))
            tasks.create_task(self._say())

    async def _hold(self, number: int, room: asyncio.Semaphore) -> None:
        name = (self._app, number)
        client = LeaseClient(self._session, self._urls, name, self._tally, self._add_failure)
        while True:
            try:
                async with room:
                    await client.register(_INTERVAL_S, _DURATION_S)
                self._ids.add(client.id)
                await client.hold(_INTERVAL_S, _DURATION_S)
            except RuntimeError:  # no server takes it: it is tried again, as by every client
                await asyncio.sleep(_AGAIN_S)

    def _add_failure(self, words: str) -> None:
        lost, self._tally.leases_lost = self._tally.leases_lost, 0
        if lost and self._ready:
            self._lost.append(f"{_now()} {words}")

    async def _look_up(self, count: int) -> None:
        while True:
            missed = await self._missed(count)
            if not missed and self._ready is None:
                self._ready = await asyncio.start_server(_hang_up, port=PORT)
            self._lookups += self._ready is not None
            if len(missed) == _TRIES and self._ready:
                self._failed.append({"at": _now(), "missed": missed})
            await asyncio.sleep(_PAUSE_S)

    async def _missed(self, count: int) -> list[str]:
        """What was wrong with the answers of one look-up; empty if the first one was right."""
        missed: list[str] = []
        for _ in range(_TRIES):
            url = self._urls[0]
            wrong = await self._wrong(url, count)
            if not wrong:
                return missed
            missed.append(f"{url}: {wrong}")
            self._urls = [*self._urls[1:], url]
        return missed

    async def _wrong(self, url: str, count: int) -> str:
        """What is wrong with a server's list of the application; empty: it has all instances."""
        accept = {"Accept": "application/json"}
        where = f"{url}apps/{self._app}"
        try:
            async with self._session.get(where, headers=accept, timeout=_TIMEOUT) as answer:
                if answer.status != 200:
                    return f"answered {answer.status}"
                document = await answer.json(content_type=None)
        except (aiohttp.ClientError, OSError) as error:
            return repr(error)
        listed = {each["instanceId"] for each in document["application"]["instance"]}
        lacking = sorted(self._ids - listed)
        if lacking:
            return f"lacks {len(lacking)} instances, such as {lacking[0]}"
        return "" if len(listed) == count else f"lists {len(listed)} instances"

    async def _say(self) -> None:
        while True:
            seen = {
                "renewals": self._tally.renewals - self._tally.renewals_failed,
                "lost": self._lost,
                "lookups": self._lookups,
                "failed": self._failed,
            }
            print(json.dumps(seen), flush=True)  # noqa: T201 - the test reads it
            await asyncio.sleep(1.0)


def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer a kubelet's probe, which only connects."""
    writer.close()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


async def main() -> None:
    """Be the application until the pod is deleted; no lease is ended then."""
    app, count = sys.argv[1:]
    urls = os.environ["EUREKA_CLIENT_SERVICEURL_DEFAULTZONE"].split(",")
    # A server that was replaced has another address at once.
    connector = aiohttp.TCPConnector(use_dns_cache=False, limit=50)
    async with aiohttp.ClientSession(connector=connector) as session:
        await Application(session, urls, app).run(int(count))


if __name__ == "__main__":
    asyncio.run(main())
