"""All leases that a peer holds, by application, and everything that is derived from them.

Counts, virtual addresses, names, digests, versions and the delta change together with the leases,
in `_put`, `_modify` and `_remove`, and nowhere else. Which of them happens when is the business of
`eureka_registry.core.registry`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from eureka_registry.core.application import Application, hashcode
from eureka_registry.core.delta import Delta
from eureka_registry.core.ids import IdIndex
from eureka_registry.core.lease import Lease
from eureka_registry.core.model import ActionType, Instance, Status
from eureka_registry.core.names import NameIndex
from eureka_registry.core.vips import VipIndex


class Holdings:
    """Leases, and the data for lists, deltas, hashes and digests."""

    def __init__(self, delta_retention_ms: int) -> None:
        self.applications: dict[str, Application] = {}
        self.version = 1
        self.counts: Counter[Status] = Counter()
        self.delta = Delta(delta_retention_ms)
        self.vips = VipIndex()
        self.ids = IdIndex()
        self.names: NameIndex | None = None
        """`None` unless somebody has rights by namespace: nobody else pays for it."""
        self.size = 0
        self.bytes = 0

    def lease(self, app: str, instance_id: str) -> Lease | None:
        """The lease of one instance, expired or not."""
        application = self.applications.get(app)
        return application.leases.get(instance_id) if application else None

    def leases(self) -> Iterator[Lease]:
        """All leases."""
        for application in self.applications.values():
            yield from application.leases.values()

    def digest(self) -> int:
        """64 bits that sum up all applications, as theirs sum up their leases."""
        whole = 0
        for application in self.applications.values():
            whole ^= application.digest
        return whole

    def hashcode(self) -> str:
        """The `apps__hashcode` that clients compare with their own copy's."""
        return hashcode(self.counts.items())

    def index_names(self) -> None:
        """Keep an index of names by namespace from now on."""
        if self.names is not None:
            return
        self.names = NameIndex()
        for lease in self.leases():
            self.names.replace(None, lease.instance, lease.registered_at_ms)

    # -- How

    def _put(self, lease: Lease, held: Lease | None, now_ms: int, since_ms: int) -> None:
        """Let `lease` take the place of `held`, or be a new one; its document shows its moments.

        `since_ms` is when its client registered, by the clock of the peer that it asked.
        """
        instance = lease.instance
        application = self.applications.get(instance.app)
        if application is None:
            application = self.applications[instance.app] = Application(instance.app)
        instance_id = instance.id
        application.leases[instance_id] = lease
        before = None
        if held is None:
            self.ids.add(instance.app, instance_id)
            application.digest ^= lease.digest
            self._weigh(application, lease.bytes)
        else:
            before = held.instance
            application.digest ^= lease.digest ^ held.digest
            self._weigh(application, lease.bytes - held.bytes)
        self._changed(application, before, instance)
        if self.names is not None:
            self.names.replace(before, instance, since_ms)
        self.delta.add(instance, now_ms)

    def _modify(self, lease: Lease, now_ms: int, **changes: object) -> None:
        """Change a document; its `last_updated_ms` stays unless it is among `changes`."""
        before, digest, size = lease.instance, lease.digest, lease.bytes
        lease.show(
            msgspec.structs.replace(
                before,
                **changes,
                action=ActionType.MODIFIED,
                lease=lease.info(),
            )
        )
        application = self.applications[before.app]
        application.digest ^= digest ^ lease.digest
        self._weigh(application, lease.bytes - size)
        self._changed(application, before, lease.instance)
        self.delta.add(lease.instance, now_ms)

    def _remove(self, lease: Lease, now_ms: int, *, expired: bool) -> Instance:
        before = lease.instance
        application = self.applications[before.app]
        del application.leases[before.id]
        self.ids.remove(before.app, before.id)
        application.digest ^= lease.digest
        self._weigh(application, -lease.bytes)
        self._changed(application, before, None)
        if self.names is not None:
            self.names.replace(before, None, now_ms)
        if not application.leases:
            del self.applications[before.app]
        gone = msgspec.structs.replace(
            before,
            action=ActionType.DELETED,
            last_updated_ms=now_ms,
            lease=msgspec.structs.replace(lease.info(), evicted_at_ms=now_ms),
        )
        self.delta.add(gone, now_ms, expired=expired)
        self.delta.trim(self.size)
        return gone

    def _weigh(self, application: Application, grown: int) -> None:
        self.bytes += grown
        application.bytes += grown

    def _changed(
        self, application: Application, before: Instance | None, after: Instance | None
    ) -> None:
        self.version += 1
        application.version = self.version
        if before is None or after is None or before.status is not after.status:
            self._count(before, -1)
            self._count(after, 1)
        self.vips.replace(before, after, self.version)

    def _count(self, instance: Instance | None, step: int) -> None:
        if instance is not None:
            self.counts[instance.status] += step
            self.size += step
