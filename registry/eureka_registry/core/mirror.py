"""A read-only copy of another region's registry; lists are made from it as from the own registry.

Nothing expires here: the other region says who is there. What each of its peers stamps by itself,
such as moments of leases, is no change, so that an unchanged instance stays the same object, its
encoded form stays good, and it does not enter the delta again, however often it is fetched.

An id that an earlier source lists in the same application, our own registry above all, is hidden
here: clients hold one instance per id, and a hash that counts it twice never matches theirs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, Protocol

import msgspec

from eureka_registry.core.application import hashcode
from eureka_registry.core.delta import Delta
from eureka_registry.core.ids import IdIndex
from eureka_registry.core.limits import MOST_OF_ONE_ID
from eureka_registry.core.model import ActionType, Instance, Status
from eureka_registry.core.vips import VipIndex

ABSENT: Final = 0
"""Stands for the version of an application that a source does not have."""

Key = tuple[str, str]
"""Application and instance id."""


class AppListing(Protocol):
    """One application of an earlier source."""

    @property
    def version(self) -> int:
        """Changes with every visible change."""

    def instances(self) -> Iterable[Instance]:
        """The documents."""


class Earlier(Protocol):
    """A source whose instances hide those of ours with the same id."""

    @property
    def version(self) -> int:
        """Changes with every visible change."""

    @property
    def applications(self) -> Mapping[str, AppListing]:
        """Applications by name."""


class MirroredApplication:
    """One application's visible documents by id; `version` changes with every one of them."""

    __slots__ = ("documents", "version")

    def __init__(self) -> None:
        self.version = 0
        self.documents: dict[str, Instance] = {}

    def instances(self) -> Iterator[Instance]:
        """The documents as of their last change."""
        return iter(self.documents.values())


class _MirrorDelta(Delta):
    def changed_ids(self, app: str) -> set[str]:
        """The ids of an application that changed lately."""
        application = self.applications.get(app)
        return set(application.changes) if application else set()

    def forget(self, app: str, instance_id: str) -> None:
        """Drop what is known of an instance, as if it had not changed lately."""
        self._remove(app, instance_id)


class Mirror:
    """The instances of one other region (Netflix `RemoteRegionRegistry`).

    `ready` is whether the region was ever fetched, `size` how many instances are visible, and
    `known` how many the region has.
    """

    def __init__(self, retention_ms: int, applications: Collection[str] | None = None) -> None:
        """Begin empty.

        Args:
            retention_ms: how long a change stays in the delta.
            applications: names of those to show (`appWhiteList`); `None`: all.
        """
        self.ready = False
        self.applications: dict[str, MirroredApplication] = {}
        self.version = 1
        self.counts: Counter[Status] = Counter()
        self.delta: _MirrorDelta = _MirrorDelta(retention_ms)
        self.vips = VipIndex()
        self.ids = IdIndex()
        self.size = 0
        self._shown_names = _upper(applications)
        # What the region's hash counts: everything, shown or not.
        self._statuses: dict[Key, Status] = {}
        self._totals: Counter[Status] = Counter()
        self._hidden: dict[str, dict[str, Instance]] = {}
        self._unsettled: set[str] = set()
        self._settled: dict[str, tuple[int, ...]] = {}
        self._deferred_at: tuple[int, ...] = ()

    @property
    def known(self) -> int:
        """How many instances the region has, shown or not."""
        return len(self._statuses)

    def get(self, app: str, instance_id: str) -> Instance | None:
        """The visible document of one instance."""
        application = self.applications.get(app)
        return application.documents.get(instance_id) if application else None

    def by_id(self, instance_id: str) -> list[Instance]:
        """The visible documents of that id, each of another application; of very many some."""
        applications = islice(self.ids.applications(instance_id), MOST_OF_ONE_ID)
        found = (self.get(app, instance_id) for app in applications)
        return [instance for instance in found if instance is not None]

    def hashcode(self) -> str:
        """The `apps__hashcode` that the region must have if we hold the same."""
        return hashcode(self._totals.items())

    def show(self, applications: Collection[str] | None, now_ms: int) -> bool:
        """Show only these applications from now on; `None`: all of them.

        Returns:
            Whether that is another choice. What it adds comes with the next `replace`.
        """
        names = _upper(applications)
        if names == self._shown_names:
            return False
        self._shown_names = names
        for app in {**self.applications, **self._hidden}:
            if names is not None and app not in names:
                self._hide(app, now_ms)
        return True

    def forget_listings(self) -> None:
        """Forget the listings of earlier sources, because those sources changed."""
        self._settled.clear()
        self._deferred_at = ()

    # -- What the region says

    def replace(self, instances: Iterable[Instance], now_ms: int) -> None:
        """Hold exactly these instances; all others have departed. The mirror is then `ready`."""
        gone = dict.fromkeys(self._statuses)
        for instance in instances:
            gone.pop((instance.app, instance.id), None)
            self._take(instance, now_ms)
        for app, instance_id in gone:
            self._drop(app, instance_id, now_ms)
        self.ready = True
        self._trim(now_ms)

    def apply(self, changes: Iterable[Instance], hashcode: str, now_ms: int) -> bool:
        """Apply a delta, in its order; repeated changes have no effect.

        Returns:
            Whether the contents now have this `hashcode`. If not, `replace` is needed.
        """
        for instance in changes:
            if instance.action is ActionType.DELETED:
                self._drop(instance.app, instance.id, now_ms)
            else:
                self._take(instance, now_ms)
        self._trim(now_ms)
        return hashcode == self.hashcode()

    def defer_to(self, earlier: Sequence[Earlier], now_ms: int) -> None:
        """Hide instances that earlier sources list, and show those that they no longer list.

        Call it before every read of the visible instances, always with the same sources. It costs
        very little if none of them has changed, else as much as encoding the changed applications.
        """
        at = tuple(source.version for source in earlier)
        if at == self._deferred_at and not self._unsettled:
            return
        for name in {**self.applications, **self._hidden, **self.delta.applications}:
            same = [source.applications.get(name) for source in earlier]
            versions = tuple(ABSENT if each is None else each.version for each in same)
            if name in self._unsettled or versions != self._settled.get(name):
                self._settle(name, [each for each in same if each is not None], now_ms)
                self._settled[name] = versions
        self._unsettled.clear()
        self._deferred_at = at

    # -- How

    def _take(self, fresh: Instance, now_ms: int) -> None:
        app, instance_id = fresh.app, fresh.id
        if not app or not instance_id:
            return
        self._count((app, instance_id), fresh.status)
        if self._shown_names is not None and app not in self._shown_names:
            return
        hidden = self._hidden.get(app, {})
        before = self.get(app, instance_id) or hidden.get(instance_id)
        if before is not None and _same(before, fresh):
            return
        action = ActionType.ADDED if before is None else ActionType.MODIFIED
        fresh = msgspec.structs.replace(fresh, action=action, is_coordinating=False)
        if instance_id in hidden:
            hidden[instance_id] = fresh
            return
        self._show(fresh, now_ms)
        self._unsettled.add(app)

    def _drop(self, app: str, instance_id: str, now_ms: int) -> None:
        self._count((app, instance_id), None)
        self._remove(app, instance_id, now_ms)

    def _hide(self, app: str, now_ms: int) -> None:
        application = self.applications.get(app)
        shown = application.documents if application else {}
        for instance_id in [*shown, *self._hidden.get(app, {})]:
            self._remove(app, instance_id, now_ms)

    def _remove(self, app: str, instance_id: str, now_ms: int) -> None:
        if self._hidden.get(app, {}).pop(instance_id, None) is not None:
            return
        before = self.get(app, instance_id)
        if before is None:
            return
        self._put(before, None)
        self.delta.add(
            msgspec.structs.replace(before, action=ActionType.DELETED, last_updated_ms=now_ms),
            now_ms,
        )

    def _settle(self, name: str, earlier: Sequence[AppListing], now_ms: int) -> None:
        taken = {instance.id for listed in earlier for instance in listed.instances()}
        hidden = self._hidden.pop(name, {})
        for instance_id in hidden.keys() - taken:
            self._show(hidden.pop(instance_id), now_ms)
        application = self.applications.get(name)
        documents = application.documents if application else {}
        for instance_id in documents.keys() & taken:
            hidden[instance_id] = documents[instance_id]
            self._put(documents[instance_id], None)
        # The earlier source's delta says what the instance is; a departure here would undo it.
        for instance_id in self.delta.changed_ids(name) & taken:
            self.delta.forget(name, instance_id)
        if hidden:
            self._hidden[name] = hidden

    def _show(self, instance: Instance, now_ms: int) -> None:
        self._put(self.get(instance.app, instance.id), instance)
        self.delta.add(instance, now_ms)

    def _put(self, before: Instance | None, after: Instance | None) -> None:
        """Let `after` take the place of `before`; one of them may be `None`."""
        self.version += 1
        for instance, step in ((before, -1), (after, 1)):
            if instance is None:
                continue
            self.counts[instance.status] += step
            self.size += step
            application = self._application(instance.app)
            application.version = self.version
            if step > 0:
                application.documents[instance.id] = instance
            elif after is None:
                del application.documents[instance.id]
            if not application.documents:
                del self.applications[instance.app]
        if before is None and after is not None:
            self.ids.add(after.app, after.id)
        if before is not None and after is None:
            self.ids.remove(before.app, before.id)
        self.vips.replace(before, after, self.version)

    def _application(self, name: str) -> MirroredApplication:
        application = self.applications.get(name)
        if application is None:
            application = self.applications[name] = MirroredApplication()
        return application

    def _count(self, key: Key, status: Status | None) -> None:
        before = self._statuses.pop(key, None)
        if before is not None:
            self._totals[before] -= 1
        if status is not None:
            self._statuses[key] = status
            self._totals[status] += 1

    def _trim(self, now_ms: int) -> None:
        self.delta.forget_old(now_ms)
        self.delta.trim(self.size)
        present = {**self.applications, **self._hidden, **self.delta.applications}
        self._settled = {name: at for name, at in self._settled.items() if name in present}


def _upper(applications: Collection[str] | None) -> frozenset[str] | None:
    return None if applications is None else frozenset(name.upper() for name in applications)


def _same(held: Instance, fresh: Instance) -> bool:
    """Whether they are equal but for the fields that each peer of the region sets itself."""
    lease = msgspec.structs.replace(
        held.lease,
        renewal_interval_s=fresh.lease.renewal_interval_s,
        duration_s=fresh.lease.duration_s,
    )
    return held == msgspec.structs.replace(
        fresh,
        action=held.action,
        is_coordinating=held.is_coordinating,
        last_updated_ms=held.last_updated_ms,
        lease=lease,
    )
