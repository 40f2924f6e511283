"""A program for a pod of the registry's image: it fetches the registry as Eureka's clients do.

A client knows the URLs of all peers. It asks the one that answered last, and if that fails the next
one, once: a look-up has failed if both have. Its argument is a JSON object: `urls`, and `clients`,
of which each begins with another URL. Each second it prints one: `looks`, how many were `retried`,
and the first of those that `failed`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp

_EVERY_S: Final = 0.5
_KEPT: Final = 20
_TIMEOUT: Final = aiohttp.ClientTimeout(total=13.0, connect=5.0)
"""As Java's client: 5 s for a connection, 8 s for an answer."""
_JSON: Final = {"Accept": "application/json"}


class Looker:
    """Look-ups, and what came of them."""

    def __init__(self, session: aiohttp.ClientSession, urls: Sequence[str]) -> None:
        self._session = session
        self._urls = urls
        self._looks = 0
        self._retried = 0
        self._failed: list[dict[str, Any]] = []

    async def run(self, clients: int) -> None:
        """Look until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(clients):
                tasks.create_task(self._look(number))
            while True:
                await asyncio.sleep(1.0)
                seen = {"looks": self._looks, "retried": self._retried, "failed": self._failed}
                print(json.dumps(seen))  # noqa: T201

    async def _look(self, place: int) -> None:
        while True:
            self._looks += 1
            problem = await self._fetched(place)
            if problem:
                self._retried += 1
                place += 1
                again = await self._fetched(place)
                if again and len(self._failed) < _KEPT:
                    at = datetime.now(UTC).isoformat(timespec="milliseconds")
                    self._failed.append({"at": at, "first": problem, "second": again})
            await asyncio.sleep(_EVERY_S)

    async def _fetched(self, place: int) -> str:
        """Fetch the registry from a peer; why it failed, empty if it did not."""
        url = f"{self._urls[place % len(self._urls)]}apps"
        try:
            async with self._session.get(url, headers=_JSON) as answer:
                answer.raise_for_status()
                await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return f"{url}: {type(error).__name__}: {error}"
        return ""


async def main() -> None:
    """Look as the argument says."""
    wanted = json.loads(sys.argv[1])
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as session:
        await Looker(session, wanted["urls"]).run(wanted["clients"])


if __name__ == "__main__":
    asyncio.run(main())
