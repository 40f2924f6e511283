"""Decides which leases of another peer to store, at the start and after divergence. Pure.

Replication loses things: a peer was away, a batch was refused. For each lease that the other peer
has and we do not have likewise:

* We cancelled it, and the other peer heard nothing from its client since: the other peer missed
  the cancellation and must be told. (Without this a cancelled instance would come back.)
* We evicted it and nobody renewed it since, or it is over by the other peer's own account: leave
  it, the other peer evicts it by itself. (Without this two peers would keep a dead one alive.)
* We do not have it: take it over, and with it the time it has left. A peer that starts takes over
  those that are over, too: the others may keep them on purpose (self-preservation), as Java does
  (`PeerAwareInstanceRegistryImpl.syncUp`).
* Both have it with different content: the larger `lastDirtyTimestamp` wins, then the later change,
  then the larger digest, so that both peers decide alike. Each peer only ever takes over; what the
  other lacks the other takes over by itself.
* Both have the same: the later renewal counts.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from eureka_registry.core.conflicts import moment_of_peer
from eureka_registry.core.lease import Lease, content_digest, within_bounds
from eureka_registry.core.limits import MAX_AHEAD_MS
from eureka_registry.core.model import Instance
from eureka_registry.core.registry import Registry
from eureka_registry.core.validation import problem


class MergeResult(msgspec.Struct, frozen=True):
    """The result of a merge: ids taken over, and leases that the other peer must cancel."""

    taken: list[str]
    to_cancel: list[tuple[str, str]]


def merge(
    registry: Registry, theirs: Iterable[Instance], now_ms: int, *, starting: bool = False
) -> MergeResult:
    """Take over newer documents of another peer; moments of the leases are by our clock.

    `Registry.refusals` has those that were refused.
    """
    merged = MergeResult([], [])
    for instance in theirs:
        wrong = problem(instance, instance.app)
        if wrong is not None:
            registry.refusals.note(instance.app, instance.id, wrong)
            continue
        held = registry.lease(instance.app, instance.id)
        if held is None:
            _add(registry, instance, merged, now_ms, starting=starting)
        else:
            _update(registry, held, instance, merged, now_ms)
    return merged


def _add(
    registry: Registry, instance: Instance, merged: MergeResult, now_ms: int, *, starting: bool
) -> None:
    renewed_at_ms = instance.lease.renewed_at_ms
    recent = registry.delta.get(instance.app, instance.id)
    if recent is not None and recent.departed and recent.at_ms >= renewed_at_ms:
        if not recent.expired:
            merged.to_cancel.append((instance.app, instance.id))
        return
    if _is_over(instance, now_ms) and not starting:
        return
    _copy(registry, instance, merged, now_ms)


def _copy(registry: Registry, instance: Instance, merged: MergeResult, now_ms: int) -> None:
    full = registry.copy(instance, now_ms)
    if full is None:
        merged.taken.append(instance.id)
    else:
        registry.refusals.note(instance.app, instance.id, full.sentence)


def _is_over(instance: Instance, now_ms: int) -> bool:
    duration_ms = within_bounds(instance.lease.duration_s) * 1000
    return now_ms > instance.lease.renewed_at_ms + duration_ms


def _update(
    registry: Registry, held: Lease, instance: Instance, merged: MergeResult, now_ms: int
) -> None:
    renewed_at_ms = max(held.renewed_at_ms, min(now_ms, instance.lease.renewed_at_ms))
    digest = content_digest(instance)
    if digest == held.digest:
        held.renewed_at_ms = renewed_at_ms
        return
    if _rank(instance, digest, now_ms) <= _rank(held.instance, held.digest, now_ms):
        return
    lease = msgspec.structs.replace(instance.lease, renewed_at_ms=renewed_at_ms)
    _copy(registry, msgspec.structs.replace(instance, lease=lease), merged, now_ms)


def _rank(instance: Instance, digest: int, now_ms: int) -> tuple[int, int, int]:
    return instance.last_dirty_ms, moment_of_peer(instance.last_updated_ms, now_ms), digest


def _change_ms(instance: Instance, now_ms: int) -> int:
    """When the other peer changed it; a moment far in the future does not count."""
    return instance.last_updated_ms if instance.last_updated_ms <= now_ms + MAX_AHEAD_MS else 0


def differing_ids(
    registry: Registry,
    app: str,
    theirs: Iterable[Instance],
    now_ms: int,
    settled_ms: int,
    part: tuple[str, str | None] = ("", None),
) -> list[str]:
    """Ids of one application that only one of two peers has, or with different documents.

    Of ours, those after the first id of `part` and up to the second; `None`: to the last.

    Left out are instances that either peer changed after `settled_ms`, those we evicted, and those
    that one lacks and whose lease is over: each peer evicts them by itself, some at a time.
    """
    application = registry.applications.get(app)
    behind, up_to = part
    mine = {
        instance_id: lease
        for instance_id, lease in (application.leases if application else {}).items()
        if instance_id > behind and (up_to is None or instance_id <= up_to)
    }
    other = {instance.id: instance for instance in theirs}

    def differs(instance_id: str) -> bool:
        held, received = mine.get(instance_id), other.get(instance_id)
        if held is not None and received is not None and held.digest == content_digest(received):
            return False
        recent = registry.delta.get(app, instance_id)
        if recent is not None and recent.expired:
            return False
        only = received if held is None else held.document() if received is None else None
        if only is not None and _is_over(only, now_ms):
            return False
        changed = (
            recent.at_ms if recent else 0,
            _change_ms(received, now_ms) if received else 0,
            received.lease.registered_at_ms if received else 0,
        )
        return max(changed) <= settled_ms

    return sorted(filter(differs, mine.keys() | other.keys()))
