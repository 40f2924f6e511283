"""Limits how much a registry holds, in all and for one application.

What is held already is never refused: it may register again, and grow to the size of a usual
document. All that is new is counted, whether a client registers it or a peer tells of it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from eureka_registry.core.holdings import Holdings
from eureka_registry.core.lease import Lease
from eureka_registry.core.limits import (
    MEAN_INSTANCE_BYTES,
    MIN_APPLICATION_INSTANCES,
    MIN_REGISTRY_BYTES,
)

_MIB: Final = 1_048_576


class Full(msgspec.Struct, frozen=True):
    """There is no room for a registration; `sentence` says why, and what to do."""

    sentence: str


class Room(msgspec.Struct, frozen=True):
    """The settings: most instances, and the share (0 to 1) that one application may have."""

    max_instances: int = 100_000
    application_share: float = 0.5

    def free_limits(self) -> tuple[int, int]:
        """Below so many instances and bytes of documents there is room for any application."""
        instances = min(self.max_instances, self._most_of_one())
        return instances, int(self._most_bytes() * self.application_share)

    def refusal(self, holdings: Holdings, lease: Lease, former: Lease | None) -> Full | None:
        """Why there is no room for `lease`, which would replace `former`; `None` if there is."""
        if former is None and holdings.size >= self.max_instances:
            return Full(f"this registry holds its {self.max_instances} instances already")
        application = holdings.applications.get(lease.instance.app)
        if former is None and application is not None:
            most = self._most_of_one()
            if len(application.leases) >= most:
                return Full(
                    f"{application.name} has {most} instances already, as many as one application "
                    f"may have (max_application_share {self.application_share:g} of max_instances "
                    f"{self.max_instances})"
                )
        return self._too_large(holdings, lease, former)

    def _too_large(self, holdings: Holdings, lease: Lease, former: Lease | None) -> Full | None:
        grows = lease.bytes - (former.bytes if former is not None else 0)
        if grows <= 0 or (former is not None and lease.bytes <= MEAN_INSTANCE_BYTES):
            return None
        most = self._most_bytes()
        if holdings.bytes + grows > most:
            return Full(f"this registry holds {most // _MIB} MiB of documents already")
        application = holdings.applications.get(lease.instance.app)
        if application is not None and application.bytes + grows > most * self.application_share:
            share = int(most * self.application_share) // _MIB
            return Full(f"{application.name} has {share} MiB of documents already")
        return None

    def _most_of_one(self) -> int:
        return max(MIN_APPLICATION_INSTANCES, int(self.max_instances * self.application_share))

    def _most_bytes(self) -> int:
        return max(MIN_REGISTRY_BYTES, self.max_instances * MEAN_INSTANCE_BYTES)
