"""The eviction timer: when leases are removed, and how long it waits after a stopped process."""

from __future__ import annotations

import logging
import random
from typing import Final

from eureka_registry.core.lease import Lease
from eureka_registry.http.gate import Stage
from eureka_registry.http.node import Node

_log = logging.getLogger(__name__)
_LOGGED_AT_ONCE: Final = 20
_STALL_S: Final = 1.0
_LONGEST_PATIENCE_S: Final = 90.0


class Eviction:
    """Evicts the leases of one node; all moments are monotonic, in seconds."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._due_s = 0.0
        self._patient_until_s = 0.0

    def start(self, now_s: float) -> None:
        """Expect the first run one interval from now."""
        self._due_s = now_s + self._node.settings.eviction_interval_s

    def delay(self, added_s: float) -> None:
        """Expect the next run later: a longer interval does not count as standing still."""
        self._due_s += max(0.0, added_s)

    def follow_clock(self, now_s: float) -> None:
        """Follow the machine's clock; where it jumped ahead, the machine was suspended."""
        jumped_s = self._node.clock.follow() / 1000
        if jumped_s > _STALL_S:
            self._delay_eviction(now_s, jumped_s)

    def evict(self, now_s: float) -> None:
        """Evict leases that are over, unless this peer is not ready or stood still lately."""
        patient = self.is_delayed(now_s)
        node = self._node
        if node.gate.stage is not Stage.READY or patient:
            return
        evicted = node.registry.evict(node.now_ms(), _shuffle)
        node.counters.expired += len(evicted)
        for instance in evicted[:_LOGGED_AT_ONCE]:
            _log.info("lease expired app=%s id=%s", instance.app, instance.id)
        if len(evicted) > _LOGGED_AT_ONCE:
            _log.info("leases expired more=%d", len(evicted) - _LOGGED_AT_ONCE)

    def is_delayed(self, now_s: float) -> bool:
        """Whether this process stood still lately: all leases then last longer by that time.

        Clients renewed meanwhile, but not here (`EvictionTask.getCompensationTimeMs`).
        """
        stood_still_s = now_s - self._due_s
        self._due_s = now_s + self._node.settings.eviction_interval_s
        if stood_still_s > _STALL_S:
            self._delay_eviction(now_s, stood_still_s)
            _log.warning("process stood still, leases wait for it seconds=%.1f", stood_still_s)
        return now_s < self._patient_until_s

    def _delay_eviction(self, now_s: float, missed_s: float) -> None:
        """Extend all leases by the time in which clients could not renew, within a bound."""
        until_s = now_s + min(missed_s, _LONGEST_PATIENCE_S)
        self._patient_until_s = max(self._patient_until_s, until_s)


def _shuffle(leases: list[Lease]) -> None:
    random.shuffle(leases)
