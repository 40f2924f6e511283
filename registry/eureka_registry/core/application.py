"""The leases of one application, and the hash that clients compare."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from eureka_registry.core.lease import Lease
from eureka_registry.core.model import Instance
from eureka_registry.core.rate import MINUTE_MS
from eureka_registry.core.selfpreservation import LeaseCount


class Application:
    """One application's leases.

    `version` changes with every visible change; `digest` sums up the documents, `bytes` is their
    size.
    """

    __slots__ = ("bytes", "digest", "leases", "name", "version")

    def __init__(self, name: str) -> None:
        self.name = name
        self.version = 0
        self.digest = 0
        self.bytes = 0
        self.leases: dict[str, Lease] = {}

    def instances(self) -> Iterator[Instance]:
        """The documents as they were at their last change."""
        return (lease.instance for lease in self.leases.values())

    def lease_count(self, now_ms: int) -> LeaseCount:
        """The number of leases, and how they are renewed."""
        promised, missing = 0.0, 0
        for lease in self.leases.values():
            promised += MINUTE_MS / lease.interval_ms
            if lease.is_missing(now_ms):
                missing += 1
        return LeaseCount(self.name, len(self.leases), missing, promised)


def hashcode(counts: Iterable[tuple[str, int]]) -> str:
    """The `apps__hashcode` of so many instances by status (Netflix `getReconcileHashCode`)."""
    return "".join(f"{status}_{count}_" for status, count in sorted(counts) if count)
