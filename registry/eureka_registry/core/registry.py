"""The registry: every operation on a lease, and its rules.

Every operation takes the time and is complete when it returns; what others must be told is in
its result. The rules follow `docs/protocol/leases.md`. Different from Java:

* A lease ends exactly when its duration is over (`lease_expiry_java` brings Java's back).
* An override belongs to the lease (Java: to the instance id, in whatever application).
* What changes an instance's status always enters the delta (Java: not when a renewal changes it).
* Which document wins, and whom a 404 asks to register again: `eureka_registry.core.conflicts`
  (`java_conflicts` brings Java's way back).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Final

import msgspec

from eureka_registry.core.conflicts import (
    moment_after,
    moment_of_peer,
    must_ask,
    settle,
    settle_as_java,
)
from eureka_registry.core.holdings import Holdings
from eureka_registry.core.lease import Lease
from eureka_registry.core.limits import MOST_OF_ONE_ID, VERDICT_AGE_MS
from eureka_registry.core.model import ActionType, DataCenter, Instance, Origin, Status
from eureka_registry.core.rate import EvictionBudget, MinuteRate
from eureka_registry.core.refusals import Refusals
from eureka_registry.core.room import Full, Room
from eureka_registry.core.selfpreservation import (
    JavaThreshold,
    Preservation,
    Verdict,
    judge,
)
from eureka_registry.core.status import SWITCHABLE, resolve

LAST_N: Final = 1000
"""Registrations and departures remembered for the dashboard (Netflix `CircularQueue`)."""

Shuffle = Callable[[list[Lease]], None]
"""Brings a list into random order in place, as `random.shuffle` does."""


class Rules(msgspec.Struct, frozen=True):
    """The settings that the registry itself needs; lengths in milliseconds."""

    preservation: Preservation = Preservation()
    java_interval_s: float | None = None
    """Judge self-preservation by Netflix's rules, expecting this interval of everybody."""
    java_expected_clients: int = 1
    lease_expiry_java: bool = False
    sticky_out_of_service: bool = False
    sync_when_timestamp_differs: bool = True
    java_conflicts: bool = False
    """Settle conflicts of one instance's documents as Java does."""
    room: Room = Room()
    delta_retention_ms: int = 180_000
    own_id: str = ""
    """The id of this peer's own instance, which is shown as the coordinating server."""


class Renewal(msgspec.Struct, frozen=True):
    """The result of a renewal.

    `found` is false for a client that has to register (again). `renewed` says whether the lease was
    renewed; peers are then told, even if the client has to register, as in Java. `newer_here` is
    our document where the caller's is older.
    """

    found: bool
    renewed: bool
    newer_here: Instance | None = None


RENEWED: Final = Renewal(found=True, renewed=True)
NOT_FOUND: Final = Renewal(found=False, renewed=False)
OUTDATED_HERE: Final = Renewal(found=False, renewed=True)


class Registry(Holdings):
    """All leases of one peer. What it holds and derives from that is in `Holdings`."""

    def __init__(self, rules: Rules, now_ms: int) -> None:
        super().__init__(rules.delta_retention_ms)
        self.rules = rules
        self.renewals = 0
        self.renewal_rate = MinuteRate(now_ms)
        self.last_registered: deque[tuple[int, str]] = deque(maxlen=LAST_N)
        self.last_departed: deque[tuple[int, str, bool]] = deque(maxlen=LAST_N)
        self._budget = EvictionBudget(rules.preservation.threshold)
        self._verdict: tuple[int, Verdict] | None = None
        self._plenty = rules.room.free_limits()
        self.refusals = Refusals()
        self.java: JavaThreshold | None = None
        if rules.java_interval_s is not None:
            self.java = JavaThreshold(
                rules.java_expected_clients, rules.java_interval_s, rules.preservation
            )

    def adopt(self, rules: Rules) -> None:
        """Use other rules from now on; leases and counts stay.

        When Netflix's rules are switched on, the present clients are expected, as after a start.
        """
        expected = self.java.expected_clients if self.java is not None else max(1, self.size)
        self.java = None
        if rules.java_interval_s is not None:
            self.java = JavaThreshold(expected, rules.java_interval_s, rules.preservation)
        self.rules = rules
        self._plenty = rules.room.free_limits()
        self._verdict = None
        self.delta.retention_ms = rules.delta_retention_ms
        self._budget.threshold = rules.preservation.threshold

    # -- Looking up

    def visible(self, app: str, instance_id: str, now_ms: int) -> Lease | None:
        """The lease as single look-ups see it: not if it is over and may expire."""
        lease = self.lease(app, instance_id)
        over_ms = 0 if lease is None else self._over_ms(lease, now_ms)
        if over_ms <= 0 or self.recent_verdict(now_ms).keeps(app, over_ms):
            return lease
        return None

    def by_id(self, instance_id: str, now_ms: int) -> list[Lease]:
        """The leases of that id, each of another application, as single look-ups see them.

        Of very many only some are returned: more than one is enough to know.
        """
        applications = islice(self.ids.applications(instance_id), MOST_OF_ONE_ID)
        found = (self.visible(app, instance_id, now_ms) for app in applications)
        return [lease for lease in found if lease is not None]

    # -- What clients and peers do

    def register(self, instance: Instance, origin: Origin, now_ms: int) -> Instance | Full:
        """Begin a lease (`AbstractInstanceRegistry.register`).

        Where `core.conflicts` prefers the document that we hold, the new lease is for that one.

        Args:
            instance: a document that `validation.problem` finds nothing wrong with.
            origin: whether a client registers, or a peer tells us.
            now_ms: the present moment.

        Returns:
            The document as it is now held, or why there is no room for it.
        """
        instance = _with_amazon_id(instance)
        instance_id = instance.id
        held = self.lease(instance.app, instance_id)
        since_ms = now_ms
        if origin is Origin.PEER:
            since_ms = moment_of_peer(instance.lease.registered_at_ms, now_ms)
        lease = Lease(instance, now_ms)
        if held is not None:
            _go_on(lease, held, origin)
        if self.rules.java_conflicts:
            instance, changed_ms = settle_as_java(held, instance, now_ms)
        else:
            instance, changed_ms = settle(held, instance, origin, now_ms)
        if lease.override is None and instance.overridden_status is not Status.UNKNOWN:
            lease.override = instance.overridden_status
        status = resolve(
            instance.status,
            lease.override,
            held.instance.status if held else None,
            origin,
            sticky=self.rules.sticky_out_of_service,
        )
        if status is Status.UP and not lease.service_up_at_ms:
            lease.service_up_at_ms = now_ms
        lease.show(
            msgspec.structs.replace(
                instance,
                status=status,
                overridden_status=lease.override or Status.UNKNOWN,
                action=ActionType.ADDED,
                last_updated_ms=changed_ms,
                is_coordinating=instance_id == self.rules.own_id,
                lease=lease.info(),
            )
        )
        full = self._hold(lease, held, now_ms, since_ms)
        if full is not None:
            return full
        self.last_registered.append((now_ms, f"{instance.app}({instance_id})"))
        return lease.instance

    def copy(self, instance: Instance, now_ms: int) -> Full | None:
        """Copy another peer's lease as it is, in place of ours if there is one.

        Status and override are the document's, and the lease ends when it ends there. The moments
        of `instance.lease` are by our clock.

        Returns:
            Why there is no room for it, else `None`.
        """
        held = self.lease(instance.app, instance.id)
        since_ms = moment_of_peer(instance.lease.registered_at_ms, now_ms)
        lease = Lease(instance, now_ms)
        lease.renewed_at_ms = min(now_ms, instance.lease.renewed_at_ms)
        lease.registered_at_ms = min(now_ms, instance.lease.registered_at_ms)
        lease.service_up_at_ms = min(now_ms, max(0, instance.lease.service_up_at_ms))
        if instance.overridden_status is not Status.UNKNOWN:
            lease.override = instance.overridden_status
        lease.show(
            msgspec.structs.replace(
                instance,
                action=ActionType.ADDED,
                last_updated_ms=moment_of_peer(instance.last_updated_ms, now_ms),
                is_coordinating=instance.id == self.rules.own_id,
                lease=lease.info(),
            )
        )
        return self._hold(lease, held, now_ms, since_ms)

    def renew(
        self,
        app: str,
        instance_id: str,
        now_ms: int,
        last_dirty_ms: int | None = None,
        status: str | None = None,
        *,
        origin: Origin = Origin.CLIENT,
    ) -> Renewal:
        """Renew a lease (`InstanceResource.renewLease`); an expired one is revived.

        Args:
            app: the application's name in upper case.
            instance_id: the lease's id.
            now_ms: the present moment.
            last_dirty_ms: the caller's version of the document, if it names one.
            status: what the caller says the instance is by itself, if it says so.
            origin: whether a client renews, or a peer tells us.
        """
        lease = self.lease(app, instance_id)
        if lease is None:
            return NOT_FOUND
        held = lease.instance
        if held.status is Status.UNKNOWN:
            lease.must_register |= origin is Origin.CLIENT
            return NOT_FOUND
        self.renewals += 1
        lease.renewed_at_ms = now_ms
        if last_dirty_ms is None or last_dirty_ms == held.last_dirty_ms:
            if status is None or status == held.status:
                return RENEWED
            asks = self._compares_status and must_ask(lease, status, origin)
            return OUTDATED_HERE if asks else RENEWED
        if not self.rules.sync_when_timestamp_differs:
            return RENEWED
        if last_dirty_ms > held.last_dirty_ms:
            lease.must_register |= origin is Origin.CLIENT
            return OUTDATED_HERE
        return Renewal(found=True, renewed=True, newer_here=held)

    def adopt_override(self, app: str, instance_id: str, override: Status, now_ms: int) -> None:
        """Take over the override of a peer's renewal (`storeOverriddenStatusIfRequired`)."""
        lease = self.lease(app, instance_id)
        if lease is None or override is Status.UNKNOWN or lease.override is override:
            return
        lease.override = override
        status = lease.instance.status
        self._modify(
            lease,
            now_ms,
            status=override if status in SWITCHABLE else status,
            overridden_status=override,
        )

    def cancel(self, app: str, instance_id: str, now_ms: int) -> bool:
        """End a lease; false if there is none (`AbstractInstanceRegistry.internalCancel`)."""
        lease = self.lease(app, instance_id)
        if lease is None:
            return False
        self._depart(lease, now_ms, expired=False)
        return True

    def set_status(
        self,
        app: str,
        instance_id: str,
        status: Status,
        now_ms: int,
        last_dirty_ms: int | None = None,
        *,
        origin: Origin = Origin.CLIENT,
    ) -> bool:
        """Override an instance's status, which also renews its lease; false if there is no lease.

        Nothing is overridden if the instance has that status already (Netflix `statusUpdate`).
        `last_dirty_ms` does not age the document of its client, as it does with `java_conflicts`.
        """
        lease = self.visible(app, instance_id, now_ms)
        if lease is None:
            return False
        lease.renewed_at_ms = now_ms
        if lease.instance.status is status:
            return True
        if status is Status.UP and not lease.service_up_at_ms:
            lease.service_up_at_ms = now_ms
        lease.override = status
        self._modify(
            lease,
            now_ms,
            status=status,
            overridden_status=status,
            **self._moments(lease.instance, origin, now_ms, last_dirty_ms),
        )
        return True

    def clear_status(
        self,
        app: str,
        instance_id: str,
        status: Status,
        now_ms: int,
        last_dirty_ms: int | None = None,
        *,
        origin: Origin = Origin.CLIENT,
    ) -> bool:
        """Remove an override, which also renews the lease; false if there is no lease.

        The instance then has `status`. UNKNOWN makes its client register anew with what it is by
        itself, because renewals of an UNKNOWN instance are not found (`deleteStatusOverride`).
        """
        lease = self.visible(app, instance_id, now_ms)
        if lease is None:
            return False
        lease.renewed_at_ms = now_ms
        if lease.override is None:
            return True
        lease.override = None
        self._modify(
            lease,
            now_ms,
            status=status,
            overridden_status=Status.UNKNOWN,
            **self._moments(lease.instance, origin, now_ms, last_dirty_ms),
        )
        return True

    def update_metadata(
        self, app: str, instance_id: str, added: dict[str, str], now_ms: int
    ) -> Instance | Full | None:
        """Add metadata and begin the lease anew, as Netflix does; `None` if there is no lease."""
        lease = self.visible(app, instance_id, now_ms)
        if lease is None:
            return None
        metadata = {**lease.instance.metadata, **added}
        return self.register(
            msgspec.structs.replace(lease.instance, metadata=metadata), Origin.CLIENT, now_ms
        )

    # -- Time

    def verdict(self, now_ms: int) -> Verdict:
        """Whether leases may expire now."""
        if self.java is not None:
            return self.java.judge(self.renewal_rate.last_minute())
        counts = [application.lease_count(now_ms) for application in self.applications.values()]
        return judge(counts, self.rules.preservation)

    def recent_verdict(self, now_ms: int) -> Verdict:
        """The same, up to a second old: for look-ups and pages, of which there may be many."""
        kept = self._verdict
        if kept is None or not 0 <= now_ms - kept[0] < VERDICT_AGE_MS:
            kept = self._verdict = (now_ms, self.verdict(now_ms))
        return kept[1]

    def evict(self, now_ms: int, shuffle: Shuffle) -> list[Instance]:
        """Remove expired leases, in random order, unless self-preservation keeps them.

        At most `1 - threshold` of the registry goes within a minute (Netflix's `evict`, whose timer
        runs once a minute), so that a mistaken clock or network does not empty it at once.

        Returns:
            The documents that left. Peers are not told: each judges by its own leases.
        """
        ended = ((lease, self._over_ms(lease, now_ms)) for lease in self.leases())
        over = [(lease, over_ms) for lease, over_ms in ended if over_ms > 0]
        if not over:
            return []
        keeps = self.verdict(now_ms).keeps
        victims = [lease for lease, over_ms in over if not keeps(lease.instance.app, over_ms)]
        shuffle(victims)
        victims = victims[: self._budget.take(len(victims), self.size, now_ms)]
        return [self._depart(lease, now_ms, expired=True) for lease in victims]

    def tick(self, now_ms: int) -> None:
        """Update what depends on time: call it about once a second."""
        self.renewal_rate.sample(self.renewals, now_ms)
        self.delta.forget_old(now_ms)

    # -- How

    def _hold(self, lease: Lease, held: Lease | None, now_ms: int, since_ms: int) -> Full | None:
        """Put `lease` in the place of `held` if there is room for it."""
        instances, size = self._plenty
        if self.size >= instances or self.bytes + lease.bytes > size:
            full = self.rules.room.refusal(self, lease, held)
            if full is not None:
                return full
        if held is None and self.java is not None:
            self.java.count_new()
        self._put(lease, held, now_ms, since_ms)
        return None

    def _moments(
        self, held: Instance, origin: Origin, now_ms: int, last_dirty_ms: int | None
    ) -> dict[str, int]:
        """The two moments of a document after a change of its override."""
        if self.rules.java_conflicts:
            dirty_ms = max(held.last_dirty_ms, last_dirty_ms or 0)
            return {"last_updated_ms": now_ms, "last_dirty_ms": dirty_ms}
        if origin is Origin.PEER:  # when it was made there we are not told
            return {}
        return {"last_updated_ms": moment_after(held, now_ms)}

    @property
    def _compares_status(self) -> bool:
        return self.rules.sync_when_timestamp_differs and not self.rules.java_conflicts

    def _over_ms(self, lease: Lease, now_ms: int) -> int:
        """For how long the lease has been over; 0 or less while it is not."""
        return now_ms - lease.ends_at_ms(java=self.rules.lease_expiry_java)

    def _depart(self, lease: Lease, now_ms: int, *, expired: bool) -> Instance:
        if self.java is not None:
            self.java.count_end()
        name = f"{lease.instance.app}({lease.instance.id})"
        self.last_departed.append((now_ms, name, expired))
        return self._remove(lease, now_ms, expired=expired)


def _go_on(lease: Lease, held: Lease, origin: Origin) -> None:
    """Copy to a new lease what stays from the one that it replaces."""
    lease.service_up_at_ms = held.service_up_at_ms
    lease.override = held.override
    if held.asked_about != lease.instance.status:
        lease.asked_about = held.asked_about
    if origin is Origin.PEER:  # its client has not registered yet
        lease.must_register = held.must_register


def _with_amazon_id(instance: Instance) -> Instance:
    """Give Amazon's metadata the instance id it lacks (`ApplicationResource.addInstance`)."""
    center = instance.data_center
    if center is None or center.amazon is None or "instance-id" in center.amazon:
        return instance
    amazon = {**center.amazon, "instance-id": instance.id}
    return msgspec.structs.replace(instance, data_center=DataCenter(center.name, amazon))
