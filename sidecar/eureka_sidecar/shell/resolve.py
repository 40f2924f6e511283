"""Looks up addresses of names without blocking the event loop."""

from __future__ import annotations

import os
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .deadline import Deadline

    Place = tuple[Any, ...]
    """What `connect` takes; the first is the address as text."""
    Address = tuple[int, Place]
    """Family and place."""
    LookUp = Callable[[str, int], list[Address]]

MAX_ADDRESSES = 8


class ResolveError(Exception):
    """A name has no address, or none was found in time; the message is a sentence."""


class Resolver:
    """Looks names up, and remembers what they were: a cluster whose DNS is away loses no lease.

    `look_up` is the system's resolver, which cannot be interrupted: it runs in a thread, at most
    one for a name, so that those which never return do not pile up.
    """

    def __init__(self, look_up: LookUp | None = None) -> None:
        self._look_up = look_up or system_addresses
        self._running: dict[tuple[str, int], _Search] = {}
        self._known: dict[tuple[str, int], list[Address]] = {}

    async def addresses(self, host: str, port: int, deadline: Deadline) -> Sequence[Address]:
        """The addresses in the order to try them, at most `MAX_ADDRESSES`.

        The last known ones are given if the look-up fails, or takes a third of the time: what is
        left is needed to connect.

        Raises:
            ResolveError: none is known.
        """
        if literal := _literal(host, port):
            return [literal]
        name = (host, port)
        known = name in self._known
        search = self._search(name)
        wait = deadline.within(deadline.remaining_ms() // 3) if known else deadline
        await search.end(wait)
        self._collect(name, search)
        if name in self._known:
            return self._known[name]
        raise ResolveError(f"cannot resolve {host}: {search.failure}")

    def _search(self, name: tuple[str, int]) -> _Search:
        """The one that is running, or a new one."""
        if (earlier := self._running.get(name)) is not None:
            self._collect(name, earlier)
        if name not in self._running:
            self._running[name] = _Search(self._look_up, name)
        return self._running[name]

    def _collect(self, name: tuple[str, int], search: _Search) -> None:
        if not search.done:
            return
        if self._running.get(name) is search:
            del self._running[name]
            search.close()
        if search.found:
            self._known[name] = search.found


class _Search:
    """One look-up in a thread. A pipe whose writing end is closed says that it is done."""

    def __init__(self, look_up: LookUp, name: tuple[str, int]) -> None:
        import _thread  # noqa: PLC0415 - most sidecars know their registry by an address, or once

        self.done = False
        self.found: list[Address] = []
        self.failure = "the name server does not answer in time"
        self._end, self._open = os.pipe()
        try:
            _thread.start_new_thread(self._run, (look_up, name))
        except RuntimeError:
            self._finish("no thread can be started, the limit of processes is reached")

    async def end(self, deadline: Deadline) -> None:
        """Wait until it is done, or the time is up."""
        # The loop lets one task wait for a descriptor; a copy is ready when the original is.
        end = os.dup(self._end)
        try:
            while not self.done and await deadline.readable(end):
                pass
        finally:
            os.close(end)

    def close(self) -> None:
        """Close the pipe of a finished search."""
        os.close(self._end)

    def _run(self, look_up: LookUp, name: tuple[str, int]) -> None:
        try:
            self.found = look_up(*name)[:MAX_ADDRESSES]
        except OSError as error:
            self._finish(error.strerror or str(error))
        except Exception as error:  # noqa: BLE001 - a thread's end must be told in any case
            self._finish(str(error))
        else:
            self._finish("it has no address")

    def _finish(self, failure: str) -> None:
        self.failure = failure
        self.done = True
        os.close(self._open)


def system_addresses(host: str, port: int) -> list[Address]:
    """The addresses by the system's resolver, for TCP.

    Raises:
        OSError: there is none.
    """
    # Text would load the codec of international names, 0.5 MiB.
    found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


def _literal(host: str, port: int) -> Address | None:
    """An address that needs no look-up."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return family, (host, port)
    return None
