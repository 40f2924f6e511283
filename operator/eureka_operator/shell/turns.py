"""Lets only one EurekaCluster of this operator replace peers at a time."""

from __future__ import annotations

from collections.abc import Iterable

from eureka_operator.core.kinds import Object
from eureka_operator.shell.queue import Key


class Turns:
    """The clusters whose peers are being replaced.

    A cluster that has begun goes on; so there may be two after a change of leader, if two had been
    asked for by different leaders.
    """

    def __init__(self) -> None:
        self._rolling: set[Key] = set()

    def begin(self, clusters: Iterable[Object]) -> None:
        """Take over the updates that a former leader had begun, as the clusters' statuses say."""
        for each in clusters:
            if each.get("status", {}).get("rollout", {}).get("currentPeer"):
                metadata = each["metadata"]
                self._rolling.add(Key(metadata["namespace"], metadata["name"]))

    def other(self, key: Key) -> str:
        """Another cluster whose peers are being replaced; empty if there is none."""
        found = min(self._rolling - {key}, default=None)
        return f"{found.namespace}/{found.name}" if found else ""

    def keep(self, key: Key, *, is_rolling: bool) -> None:
        """Note whether a cluster's peers are being replaced."""
        if is_rolling:
            self._rolling.add(key)
        else:
            self._rolling.discard(key)
