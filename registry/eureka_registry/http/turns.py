"""A fair queue for one worker: senders take turns. Pure.

Newcomers always get in, and whoever has most waiting loses its oldest for them: so nobody can keep
others out by filling the queue. Turns go round the sources; within one the newest and the oldest
alternate, so that a burst delays nobody who comes after it, and a stream leaves some for the rest.
"""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final, Generic, NamedTuple, TypeVar

T = TypeVar("T")
_OF_ONE_MACHINE: Final = 64
"""Bits of an IPv6 address that name a network; a machine may take any address in its own."""


class Bounds(NamedTuple):
    """The bounds of waiting: for one user of a source, for a source, in all."""

    user: int
    source: int
    total: int


class _Waiter(NamedTuple, Generic[T]):
    user: str
    thing: T


class Turns(Generic[T]):
    """Waiting items, by source (an address) and user (a name that was sent, real or not)."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._sources: dict[str, list[_Waiter[T]]] = {}
        self._newest_next = True

    def __len__(self) -> int:
        """How many wait."""
        return sum(map(len, self._sources.values()))

    def add(self, source: str, user: str, item: T) -> T | None:
        """Let `item` wait; returns the item that is dropped for it, `None` if there is room."""
        waiting = self._sources.setdefault(source, [])
        waiting.append(_Waiter(user, item))
        if sum(each.user == user for each in waiting) > self._bounds.user:
            return self._drop(source, user)
        if len(waiting) > self._bounds.source:
            return self._drop(source, _user_with_most(waiting))
        if len(self) > self._bounds.total:
            most = max(self._sources, key=lambda name: len(self._sources[name]))
            return self._drop(most, _user_with_most(self._sources[most]))
        return None

    def take(self) -> T | None:
        """Take the next item, `None` if nothing waits."""
        source = next(iter(self._sources), None)
        if source is None:
            return None
        waiting = self._sources.pop(source)
        each = waiting.pop(-1 if self._newest_next else 0)
        if waiting:
            self._sources[source] = waiting  # behind the others
        self._newest_next = not self._newest_next
        return each.thing

    def _drop(self, source: str, user: str) -> T:
        waiting = self._sources[source]
        place = next(i for i, each in enumerate(waiting) if each.user == user)
        dropped = waiting.pop(place)
        if not waiting:
            del self._sources[source]
        return dropped.thing


def _user_with_most(waiting: list[_Waiter[T]]) -> str:
    """The user with most waiting items; of several the one whose oldest item waits longest."""
    return Counter(each.user for each in waiting).most_common(1)[0][0]


def source_of(address: str) -> str:
    """The source that a client's address counts for: the address, or with IPv6 its network."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return address
    return str(ip.ipv4_mapped or ip_network((ip.packed, _OF_ONE_MACHINE), strict=False))
