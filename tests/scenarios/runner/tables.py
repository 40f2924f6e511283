"""What peers hold and still have to tell, for people to read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from eureka_registry.core.delta import sorted_changes
from eureka_registry.core.lease import Lease
from eureka_registry.core.outbox import Outbox
from eureka_registry.core.registry import Registry
from scenarios.runner.cluster import Peer


def lease_table(peers: Iterable[Peer], now_ms: int) -> list[str]:
    """Every lease of every peer."""
    rows = [
        (peer.name, *_lease_row(lease, peer.registry, now_ms))
        for peer in peers
        for lease in sorted(peer.registry.leases(), key=_by_name)
    ]
    head = ("PEER", "INSTANCE", "STATUS", "OVERRIDE", "DIRTY", "LEASE LEFT", "METADATA")
    return _table(head, rows) if rows else ["nobody is registered"]


def delta_table(registry: Registry) -> list[str]:
    """The delta, in the order of the document."""
    rows = [
        (
            change.instance.app,
            change.instance.id,
            str(change.instance.action),
            change.instance.status,
        )
        for application in registry.delta.applications.values()
        for change in sorted_changes([application])
    ]
    head = ("APPLICATION", "ID", "ACTION", "STATUS")
    lines = _table(head, rows) if rows else ["nothing changed lately"]
    return [*lines, f"hash {registry.hashcode() or 'empty'}"]


def pending_table(peers: Iterable[Peer], now_ms: int) -> list[str]:
    """What waits in every outbox, and what was given up."""
    return [
        f"{peer.name} -> {other}  {_pending(outbox, now_ms)}"
        for peer in peers
        for other, outbox in peer.outboxes.items()
    ]


def span(span_ms: int) -> str:
    """A length of time."""
    return f"{span_ms}ms" if span_ms % 1_000 else f"{span_ms // 1_000}s"


def _lease_row(lease: Lease, registry: Registry, now_ms: int) -> tuple[str, ...]:
    left_ms = lease.ends_at_ms(java=registry.rules.lease_expiry_java) - now_ms
    document = lease.instance
    return (
        f"{document.app}/{document.id}",
        document.status,
        lease.override or "-",
        str(document.last_dirty_ms),
        span(left_ms) if left_ms >= 0 else f"over for {span(-left_ms)}",
        " ".join(f"{key}={value}" for key, value in document.metadata.items()) or "-",
    )


def _by_name(lease: Lease) -> tuple[str, str]:
    return lease.instance.app, lease.instance.id


def _pending(outbox: Outbox, now_ms: int) -> str:
    waiting = [
        f"{task.action} {task.app}/{task.id}"
        for tasks in (*outbox._changes.values(), tuple(outbox._renewals.values()))
        for task in tasks
    ]
    dropped = [f"{count} {reason}" for reason, count in outbox.dropped.items() if count]
    parts = [", ".join(waiting) or "nothing"]
    if dropped:
        parts.append(f"given up: {', '.join(dropped)}")
    reason = outbox.reason(now_ms)
    if reason:
        parts.append(reason + (", taken for dead" if outbox.is_open else ""))
    return "; ".join(parts)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)) for row in (head, *rows))
    return [line.rstrip() for line in lines]
