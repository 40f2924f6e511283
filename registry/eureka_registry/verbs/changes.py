"""Finds changes at a server by reading it again and again.

A list of all applications does not show renewals: servers keep it encoded until an instance
changes, and a renewal changes no instance. So an instance whose renewal looks overdue is asked for
by itself, a few of them at each look.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from eureka_registry.core.model import Instance
from eureka_registry.verbs.listing import (
    Listing,
    is_overridden,
    key_of,
    late_ms,
    overdue_ms,
    renewed_ms,
)
from eureka_registry.verbs.tables import span

MOST_LOOKS: Final = 50
"""So many instances are asked for by themselves at one look."""

Key = tuple[str, str]


class Event(msgspec.Struct, frozen=True, rename="camel"):
    """What happened to an instance; `at_ms` is when it was seen, by the server's clock.

    `kind` is `registered`, `left`, `status`, `changed`, `late` or `renewed`.
    """

    at_ms: int
    kind: str
    app: str
    id: str
    text: str


class Watcher:
    """Compares each list with the one before; the first one makes no events."""

    def __init__(self) -> None:
        self._before: dict[Key, Instance] | None = None
        self._renewed_ms: dict[Key, int] = {}
        self._late: dict[Key, int] = {}

    def due(self, listing: Listing) -> list[Instance]:
        """The instances that should be looked up one by one now, the longest silent first."""
        silent = [
            (known_ms, each)
            for each in listing.instances
            for known_ms in (self._renewal_ms(each, listing.now_ms),)
            if late_ms(each, known_ms, listing.now_ms)
        ]
        return [each for _, each in sorted(silent, key=lambda one: one[0])[:MOST_LOOKS]]

    def events(self, listing: Listing, instances: list[Instance]) -> list[Event]:
        """The events since the last list.

        Args:
            listing: all instances.
            instances: those that were looked up one by one, with the present state of their leases.
        """
        now_ms, found = listing.now_ms, listing.by_key
        for each in instances:
            self._renewed_ms[key_of(each)] = renewed_ms(each, now_ms)
        self._renewed_ms = {key: at for key, at in self._renewed_ms.items() if key in found}
        before, self._before = self._before, found
        if before is None:
            before = found
        events = [
            Event(now_ms, kind, *key, text)
            for key in sorted(before.keys() | found.keys())
            for kind, text in _changes(before.get(key), found.get(key))
        ]
        self._late = {key: at for key, at in self._late.items() if key in found}
        return events + [
            Event(now_ms, kind, *key_of(each), text)
            for each in instances
            for kind, text in self._lateness(each, now_ms)
        ]

    def _lateness(self, instance: Instance, now_ms: int) -> Iterator[tuple[str, str]]:
        """The event of a renewal that is late, or is made again after that; each once."""
        key, said_ms = key_of(instance), instance.lease.renewed_at_ms
        ago = span(now_ms - renewed_ms(instance, now_ms))
        if key not in self._late and overdue_ms(instance, now_ms):
            self._late[key] = said_ms
            lease = instance.lease
            promise = f"promised every {lease.renewal_interval_s}s"
            yield "late", f"renewed {ago} ago, {promise}; the lease is {lease.duration_s}s long"
        elif key in self._late and said_ms != self._late[key]:
            del self._late[key]
            yield "renewed", f"renewed {ago} ago"

    def _renewal_ms(self, instance: Instance, now_ms: int) -> int:
        """When the lease was last renewed, by its own document or by the list."""
        return max(self._renewed_ms.get(key_of(instance), 0), renewed_ms(instance, now_ms))


def event_line(event: Event, time: str) -> str:
    """An event for people; `time` is its moment as they read it."""
    return f"{time}  {event.kind:<10}  {event.app}/{event.id}  {event.text}"


def _changes(before: Instance | None, after: Instance | None) -> Iterator[tuple[str, str]]:
    if before is None and after is not None:
        yield "registered", f"{after.status} at {after.ip_addr or after.host_name}"
    elif before is not None and after is None:
        yield "left", f"was {before.status}"
    elif before is not None and after is not None and before != after:
        yield from _differences(before, after)


def _differences(before: Instance, after: Instance) -> Iterator[tuple[str, str]]:
    if before.status != after.status or is_overridden(before) != is_overridden(after):
        by = ", by an operator's override" if is_overridden(after) else ""
        yield "status", f"{before.status} -> {after.status}{by}"
    elif before.last_dirty_ms != after.last_dirty_ms:
        yield "changed", f"registered again: {_changed_fields(before, after)}"


def _changed_fields(before: Instance, after: Instance) -> str:
    """The fields that differ, without those that every registration changes."""
    times = {"last_dirty_ms", "last_updated_ms", "lease", "action"}
    fields = [each for each in Instance.__struct_fields__ if each not in times]
    changed = [each for each in fields if getattr(before, each) != getattr(after, each)]
    return ", ".join(changed).replace("_", " ") or "nothing but times differs"
