"""One lease: its instance, its end, and an operator's override.

Times are epoch milliseconds, lengths milliseconds.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Final

import msgspec

from eureka_registry.core.limits import MAX_LEASE_S, MIN_LEASE_S
from eureka_registry.core.model import DEFAULT_SID, Instance, LeaseInfo, Status

_PACKER: Final = msgspec.msgpack.Encoder(order="sorted")


class Lease:
    """A registered instance and the moments of its lease. Only `Registry` changes one.

    `override` is an operator's decision and outlives the client's re-registrations; `None` means
    there is none. What the client says of itself is in the document only.

    `bytes` and `digest` are those of the document's content. `must_register` is whether its client
    was told, by a 404, to register; `asked_about` is the status that was the reason, until it
    changes. `duration_ms` and `interval_ms` are the document's, within bounds.

    `renewal_item` and `renewal_short` are what peers were last told of a renewal, with the document
    and the override it was made of, by which `peers.exchange` sees whether it still holds; `None`:
    nothing yet.
    """

    __slots__ = (
        "asked_about",
        "bytes",
        "digest",
        "duration_ms",
        "instance",
        "interval_ms",
        "must_register",
        "override",
        "registered_at_ms",
        "renewal_item",
        "renewal_short",
        "renewed_at_ms",
        "service_up_at_ms",
    )

    def __init__(self, instance: Instance, now_ms: int) -> None:
        """Begin a lease of `instance` now; its length is the document's, within bounds."""
        self.instance = instance
        self.duration_ms = _shared_ms(instance.lease.duration_s)
        self.interval_ms = _shared_ms(instance.lease.renewal_interval_s)
        self.registered_at_ms = now_ms
        self.renewed_at_ms = now_ms
        self.service_up_at_ms = 0
        self.override: Status | None = None
        self.bytes = 0
        self.digest = 0
        self.must_register = False
        self.asked_about: str | None = None
        self.renewal_item: tuple[Instance, Status | None, bytes] | None = None
        self.renewal_short: tuple[Instance, Status | None, bytes] | None = None

    def show(self, instance: Instance) -> None:
        """Set the document; it shows the present moments of the lease."""
        packed = content(instance)
        self.instance = instance
        self.bytes = len(packed)
        self.digest = int.from_bytes(blake2b(packed, digest_size=8).digest())

    def ends_at_ms(self, *, java: bool) -> int:
        """When the lease is over; it is still valid at that very millisecond.

        Java's `Lease.renew` adds the duration to the moment of renewal and `isExpired` adds it
        again, so there a renewed lease lasts twice as long as one that never was.
        """
        if java and self.renewed_at_ms != self.registered_at_ms:
            return self.renewed_at_ms + 2 * self.duration_ms
        return self.renewed_at_ms + self.duration_ms

    def is_missing(self, now_ms: int) -> bool:
        """Whether a renewal is overdue: two intervals, or all of the lease, have gone by."""
        return now_ms - self.renewed_at_ms > min(2 * self.interval_ms, self.duration_ms)

    def info(self) -> LeaseInfo:
        """The lease as documents show it now; its lengths are the client's own."""
        lengths = self.instance.lease
        return LeaseInfo(
            renewal_interval_s=lengths.renewal_interval_s,
            duration_s=lengths.duration_s,
            registered_at_ms=self.registered_at_ms,
            renewed_at_ms=self.renewed_at_ms,
            service_up_at_ms=self.service_up_at_ms,
        )

    def document(self) -> Instance:
        """The instance with its lease's present moments; lists show those of its last change."""
        return msgspec.structs.replace(self.instance, lease=self.info())


def within_bounds(length_s: int) -> int:
    """The length that counts for an interval or a duration of a document, in seconds."""
    if MIN_LEASE_S <= length_s <= MAX_LEASE_S:
        return length_s
    return MIN_LEASE_S if length_s < MIN_LEASE_S else MAX_LEASE_S


@lru_cache(maxsize=256)
def _shared_ms(length_s: int) -> int:
    """The same in milliseconds; most leases have the same lengths, which are then one object."""
    return within_bounds(length_s) * 1000


def is_odd(lease: LeaseInfo) -> bool:
    """Whether a lease counts for other lengths than its document says."""
    return lease.duration_s > MAX_LEASE_S or lease.renewal_interval_s > MAX_LEASE_S


def content_digest(instance: Instance) -> int:
    """A digest of 64 bits that is equal at all peers with the same document."""
    return int.from_bytes(blake2b(content(instance), digest_size=8).digest())


def content(instance: Instance) -> bytes:
    """The part of a document that is equal at all peers, packed.

    Leaves out what each peer stamps by itself: moments of the lease, of the last update, the last
    action, and who is the coordinating server.
    """
    fields = (
        instance.id,
        instance.app,
        instance.host_name,
        instance.ip_addr,
        instance.status,
        instance.overridden_status,
        instance.port,
        instance.secure_port,
        instance.country_id,
        instance.data_center,
        instance.lease.renewal_interval_s,
        instance.lease.duration_s,
        sorted(instance.metadata.items()),
        instance.app_group_name,
        instance.home_page_url,
        instance.status_page_url,
        instance.health_check_url,
        instance.secure_health_check_url,
        instance.vip_address,
        instance.secure_vip_address,
        instance.last_dirty_ms,
        instance.asg_name,
        # Peers of a version that had no sid must not seem to hold something else.
        *(() if instance.sid == DEFAULT_SID else (instance.sid,)),
    )
    return _PACKER.encode(fields)
