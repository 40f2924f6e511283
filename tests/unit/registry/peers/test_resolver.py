"""Look-ups of names: one whose DNS server does not answer holds up no other."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from eureka_registry.peers.client import open_session
from eureka_registry.peers.resolver import Resolver

DEAD = [f"java-eureka-{number}.example" for number in range(20)]


@pytest.fixture
def lookup_counts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """The names that the system was asked for; of those in `DEAD` it says nothing until the end."""
    asked: Counter[str] = Counter()
    end, real = Event(), socket.getaddrinfo

    def silent(host: str, *words: Any, **more: Any) -> Any:  # noqa: ANN401 - the system's own
        asked[host] += 1
        if host in DEAD:
            end.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "nobody answers")
        return real(host, *words, **more)

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    yield asked
    end.set()


async def test_names_that_are_never_found_hold_up_no_other(lookup_counts: Counter[str]) -> None:
    """They take a minute each, and peers ask for them again and again."""
    resolver = Resolver()
    dead = [asyncio.create_task(resolver.resolve(name, 8761)) for name in DEAD * 2]
    await asyncio.sleep(0)

    (found,) = await resolver.resolve("127.0.0.1", 8761)

    assert (found["host"], found["port"], found["family"]) == ("127.0.0.1", 8761, socket.AF_INET)
    for task in dead:
        task.cancel()
    await asyncio.gather(*dead, return_exceptions=True)
    again = asyncio.create_task(resolver.resolve(DEAD[0], 8761))
    await asyncio.sleep(0)
    again.cancel()
    assert lookup_counts == Counter([*DEAD, "127.0.0.1"])


async def test_a_name_that_there_is_not_is_an_error() -> None:
    """The same for all who wait, and the next one asks anew."""
    resolver = Resolver()
    for _ in range(2):
        both = [resolver.resolve("no such name", 8761) for _ in range(2)]
        failed = await asyncio.gather(*both, return_exceptions=True)

        assert [type(each) for each in failed] == [socket.gaierror] * 2


async def test_peers_are_looked_up_so(lookup_counts: Counter[str]) -> None:
    """By the session that all of them share."""
    async with open_session() as session:
        dead = [asyncio.create_task(session.get(f"http://{name}:8761/")) for name in DEAD]
        await asyncio.sleep(0)
        with pytest.raises(OSError, match="Connect call failed"):
            await session.get("http://localhost:1/")
        for task in dead:
            task.cancel()
        await asyncio.gather(*dead, return_exceptions=True)
    assert lookup_counts["localhost"]
