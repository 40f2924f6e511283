"""Counts requests by resource and result, for the metrics."""

from __future__ import annotations

from collections import Counter

from eureka_registry.http.routes import Resource
from eureka_registry.http.rules import Rule

Key = tuple[Resource, str, int]
"""Resource, method, status."""


class Counters:
    """Requests and bytes of answers."""

    def __init__(self) -> None:
        self.requests: dict[Key, int] = {}
        self.bytes: dict[Resource, int] = {}
        self.refused: Counter[Rule] = Counter()
        self.expired = 0
        """Leases evicted because they were over."""

    def note(self, resource: Resource, method: str, status: int, size: int) -> None:
        """Count one answer."""
        key = (resource, method, status)
        self.requests[key] = self.requests.get(key, 0) + 1
        self.bytes[resource] = self.bytes.get(resource, 0) + size

    def of(self, resource: Resource, method: str, *statuses: int) -> int:
        """Requests with one of these results; without statuses, all."""
        return sum(
            count
            for (r, m, status), count in self.requests.items()
            if r is resource and m == method and (not statuses or status in statuses)
        )
