"""The recent changes, one entry for each instance.

Netflix keeps a queue of changes (`recentlyChangedQueue`), in which an instance may stand many
times. Here a newer change takes the place of an older one, so that a delta never holds two states
of an instance, and departures are bounded: once arrivals and departures together would outnumber
what is registered, a full fetch is shorter, so the oldest departures go. A client that missed them
sees it by the hash, and fetches everything.

`version` grows with everything that changes the delta, arrivals and removals by age alike; it is
the `versions__delta` of the wire.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

import msgspec

from eureka_registry.core.model import ActionType, Instance

MIN_DEPARTURES: Final = 256
"""Departures that are always kept; as many fit into the 256 KiB that Spring's WebClient reads."""


class Recent(msgspec.Struct, frozen=True, gc=False):
    """An instance's latest change: the document as it then was, and when (epoch ms).

    `expired` tells an eviction from a cancellation; it only has meaning for a departure.
    """

    instance: Instance
    at_ms: int
    expired: bool = False

    @property
    def departed(self) -> bool:
        """Whether the instance has left."""
        return self.instance.action is ActionType.DELETED


class RecentApplication:
    """One application's part of the delta; `version` is that of its own last change."""

    __slots__ = ("changes", "version")

    def __init__(self) -> None:
        self.version = 0
        self.changes: dict[str, Recent] = {}


def sorted_changes(applications: Iterable[RecentApplication]) -> list[Recent]:
    """The changes of one application, drawn from one or more registries, departures last.

    A Java client that does not know the application adopts all of it, departures included, unless
    they come after the arrivals (`docs/protocol/leases.md#delta`).
    """
    changes = (change for each in applications for change in each.changes.values())
    return sorted(changes, key=lambda change: change.departed)


class Delta:
    """The changes of the last `retention_ms`, per application and in order of time."""

    def __init__(self, retention_ms: int) -> None:
        self.retention_ms = retention_ms
        self._by_time: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._departures: OrderedDict[tuple[str, str], None] = OrderedDict()
        self.applications: dict[str, RecentApplication] = {}
        self.version = 1

    def add(self, instance: Instance, now_ms: int, *, expired: bool = False) -> None:
        """Note that `instance` changed now."""
        key = (instance.app, instance.id)
        self._by_time[key] = now_ms
        self._by_time.move_to_end(key)
        self._departures.pop(key, None)
        if instance.action is ActionType.DELETED:
            self._departures[key] = None
        application = self.applications.get(instance.app)
        if application is None:
            application = self.applications[instance.app] = RecentApplication()
        application.changes[key[1]] = Recent(instance, now_ms, expired=expired)
        self._touch(application)

    def forget_old(self, now_ms: int) -> None:
        """Drop changes that are older than the retention."""
        oldest_kept = now_ms - self.retention_ms
        while self._by_time:
            key, at_ms = next(iter(self._by_time.items()))
            if at_ms >= oldest_kept:
                return
            self._remove(*key)

    def trim(self, instance_count: int) -> None:
        """Drop the oldest departures if a delta would be longer than a full document.

        Args:
            instance_count: how many instances a full document has.
        """
        while len(self._departures) > MIN_DEPARTURES and len(self._by_time) > instance_count:
            self._remove(*next(iter(self._departures)))

    def get(self, app: str, instance_id: str) -> Recent | None:
        """The latest change of one instance, if it is recent."""
        application = self.applications.get(app)
        return application.changes.get(instance_id) if application else None

    def _remove(self, app: str, instance_id: str) -> None:
        del self._by_time[app, instance_id]
        self._departures.pop((app, instance_id), None)
        application = self.applications[app]
        del application.changes[instance_id]
        self._touch(application)
        if not application.changes:
            del self.applications[app]

    def _touch(self, application: RecentApplication) -> None:
        self.version += 1
        application.version = self.version
