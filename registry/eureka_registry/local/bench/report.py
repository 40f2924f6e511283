"""The result of a benchmark: the document of `-o json`, from which all other output is made."""

from __future__ import annotations

import msgspec

from eureka_registry.local.bench.figures import Latency, Phase
from eureka_registry.local.bench.server import RegistrySize


class Sight(msgspec.Struct, frozen=True):
    """How soon changes at the first server could be read at one of the servers, by instance.

    `after_ms` runs from before the change is sent to the end of the look-up that shows it; `None`
    if none was ever seen. `unseen` changes did not show within the patience.
    """

    url: str
    changes: int
    unseen: int
    after_ms: Latency | None


class Freshness(msgspec.Struct, frozen=True):
    """How soon changes were in the list of all applications at the server that took them.

    `at_once` counts those that were in the first list fetched after the change; `after_ms` runs
    from before the change to the end of the list that shows it.
    """

    changes: int
    at_once: int
    unseen: int
    after_ms: Latency | None


class Remainder(msgspec.Struct, frozen=True):
    """Instances that could not be removed: how many, and when their leases end (ISO 8601, UTC).

    `until` is by the configured duration, `until_netflix` by that of Netflix's servers, which count
    it twice (`Lease.renew`). `remove` is a command that removes them.
    """

    instances: int
    until: str
    until_netflix: str
    remove: str
    why: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All of it.

    `found` is the size of the servers' registries before, by URL. `patience_s` is the longest wait
    until a change is seen. `freshness` is `None` if the run ended before. `interrupted_by` names
    the signal, `gave_up` says why the run ended early.
    """

    version: str
    began: str
    urls: list[str]
    application: str
    instances: int
    seconds: float
    connections: int
    rate: float | None
    patience_s: float
    found: dict[str, RegistrySize]
    phases: list[Phase]
    freshness: Freshness | None
    sight: list[Sight]
    notes: list[str]
    interrupted_by: str | None
    gave_up: str | None
    left: Remainder | None

    @property
    def passed(self) -> bool:
        """Whether all was answered, everything was seen everywhere, and nothing is left."""
        errors = sum(phase.errors for phase in self.phases)
        unseen = sum(sight.unseen for sight in self.sight)
        stale = self.freshness.unseen if self.freshness else 0
        return not (errors or unseen or stale or self.left or self.gave_up or self.interrupted_by)
