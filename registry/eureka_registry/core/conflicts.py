"""Which of two documents of one instance wins, and when a client is asked to register again.

`lastDirtyTimestamp` is the client's own clock and decides first, as in Java. Where it is the same,
Java takes what came last, so that peers that hear of two changes in another order differ for ever.
Here the later change wins: `lastUpdatedTimestamp` is the moment of a change at the peer that made
it, and travels with the document (docs/decisions/0014-which-document-wins.md).
"""

from __future__ import annotations

from typing import Final

import msgspec

from eureka_registry.core.lease import Lease
from eureka_registry.core.limits import MAX_AHEAD_MS
from eureka_registry.core.model import Instance, Origin, Status

_SAID: Final = frozenset(Status) - {Status.UNKNOWN}
"""What a client may say of itself in a renewal."""


def settle(
    former: Lease | None, incoming: Instance, origin: Origin, now_ms: int
) -> tuple[Instance, int]:
    """Give the document to go on with when `incoming` is registered, and when it was changed.

    The document of a client that we told to register counts, whatever its timestamp: another peer
    may have brought a timestamp that is ahead of the client's.

    Args:
        former: the present lease, if there is one.
        incoming: of a peer's, `last_updated_ms` is the moment of the last change there.
        origin: who registers.
        now_ms: the present moment.
    """
    by_client = origin is Origin.CLIENT
    told_ms = now_ms if by_client else moment_of_peer(incoming.last_updated_ms, now_ms)
    if former is None:
        return incoming, told_ms
    ours = former.instance
    if incoming.last_dirty_ms < ours.last_dirty_ms:
        if not (by_client and former.must_register):
            return ours, ours.last_updated_ms
        incoming = msgspec.structs.replace(incoming, last_dirty_ms=ours.last_dirty_ms)
    if by_client:
        return incoming, moment_after(ours, now_ms)
    if incoming.last_dirty_ms == ours.last_dirty_ms and told_ms < ours.last_updated_ms:
        return ours, ours.last_updated_ms
    return incoming, told_ms


def settle_as_java(former: Lease | None, incoming: Instance, now_ms: int) -> tuple[Instance, int]:
    """Do the same by Java's rule: of two equally old documents the last one wins."""
    if former is not None and former.instance.last_dirty_ms > incoming.last_dirty_ms:
        return former.instance, now_ms
    return incoming, now_ms


def moment_after(former: Instance, now_ms: int) -> int:
    """Give the moment of a change made here now: later than that of the change it follows."""
    return max(now_ms, former.last_updated_ms + 1)


def moment_of_peer(claimed_ms: int, now_ms: int) -> int:
    """Give the moment that a peer names of a change; one that is none, or far ahead, is now."""
    return claimed_ms if 0 < claimed_ms <= now_ms + MAX_AHEAD_MS else now_ms


def must_ask(lease: Lease, status: str, origin: Origin) -> bool:
    """Decide whether to answer a renewal that says another status than we hold by 404.

    A registration was lost, and only the status shows it. A peer is asked until it sends its
    document. So is a client; but one that registers again as before, and still says another status,
    is not asked again.
    """
    if lease.override is not None or status not in _SAID:
        return False
    if origin is Origin.PEER:
        return True
    if lease.asked_about == status:
        return lease.must_register
    lease.asked_about = status
    lease.must_register = True
    return True
