"""Resolves the names of peers, each independently of the others.

The loop's own look-ups share a few threads (uvloop: two), so two names whose DNS server does not
answer would keep a peer from reaching all others.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from threading import Thread
from typing import Any, Final

from aiohttp.abc import AbstractResolver, ResolveResult

_NUMERIC: Final = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV

Name = tuple[str, int, socket.AddressFamily]


class Resolver(AbstractResolver):
    """The system's resolver, in one thread for each name that is being looked up."""

    def __init__(self) -> None:
        self._under_way: dict[Name, asyncio.Future[list[ResolveResult]]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name; calls during one look-up share its answer.

        Raises:
            OSError, UnicodeError: there is none, or nobody answers.
        """
        name = (host, port, family)
        answer = self._under_way.get(name)
        if answer is None:
            answer = self._under_way[name] = asyncio.get_running_loop().create_future()
            answer.add_done_callback(lambda done: self._forget(name, done))
            # A daemon: the process does not wait for it at its end.
            Thread(
                target=_look_up, args=(name, answer), name=f"look up {host}", daemon=True
            ).start()
        return await asyncio.shield(answer)

    async def close(self) -> None:
        """Do nothing: a look-up cannot be ended."""

    def _forget(self, name: Name, done: asyncio.Future[list[ResolveResult]]) -> None:
        del self._under_way[name]
        if not done.cancelled():
            done.exception()  # nobody may be waiting any more, which is no fault


def _look_up(name: Name, answer: asyncio.Future[list[ResolveResult]]) -> None:
    """Ask the system, in a thread."""
    host, port, family = name
    loop = answer.get_loop()
    with suppress(RuntimeError):  # the loop has ended meanwhile
        try:
            found = socket.getaddrinfo(
                host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
            )
        except (OSError, UnicodeError) as error:  # a name may be none that DNS can hold
            loop.call_soon_threadsafe(answer.set_exception, error)
        else:
            results = [_result(host, *each) for each in found]
            loop.call_soon_threadsafe(answer.set_result, results)


def _result(
    host: str, family: int, _kind: int, proto: int, _name: str, address: tuple[Any, ...]
) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address[0],
        port=address[1],
        family=family,
        proto=proto,
        flags=_NUMERIC,
    )
