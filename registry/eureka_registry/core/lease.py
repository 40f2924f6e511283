"""One lease: who holds it, until when, and what an operator decided about it.

Times are epoch milliseconds, lengths milliseconds.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from eureka_registry.core.model import Instance, LeaseInfo, Status


class Lease:
    """A registered instance and the moments of its lease. Only `Registry` changes one.

    `override` is an operator's decision and outlives the client's re-registrations; `None`
    means there is none. What the client says of itself is only ever in the document.

    `renewal_item` is what peers were last told of a renewal, with the document and the override
    it was made of, by which `peers.exchange` sees whether it still holds; `None`: nothing yet.
    """

    __slots__ = (
        "digest",
        "duration_ms",
        "instance",
        "interval_ms",
        "override",
        "registered_at_ms",
        "renewal_item",
        "renewed_at_ms",
        "service_up_at_ms",
    )

    def __init__(self, instance: Instance, now_ms: int) -> None:
        """Begin a lease of `instance` now, as long as its document wishes."""
        self.instance = instance
        self.duration_ms = instance.lease.duration_s * 1000
        self.interval_ms = instance.lease.renewal_interval_s * 1000
        self.registered_at_ms = now_ms
        self.renewed_at_ms = now_ms
        self.service_up_at_ms = 0
        self.override: Status | None = None
        self.digest = 0
        self.renewal_item: tuple[Instance, Status | None, bytes] | None = None

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
        """The lease as documents show it now."""
        return LeaseInfo(
            renewal_interval_s=self.interval_ms // 1000,
            duration_s=self.duration_ms // 1000,
            registered_at_ms=self.registered_at_ms,
            renewed_at_ms=self.renewed_at_ms,
            service_up_at_ms=self.service_up_at_ms,
        )

    def document(self) -> Instance:
        """The instance with its lease's present moments; lists show those of its last change."""
        return msgspec.structs.replace(self.instance, lease=self.info())


def content_digest(instance: Instance) -> int:
    """64 bits that are equal at all peers that hold the same document.

    Leaves out what each peer stamps by itself: moments of the lease, of the last update, the last
    action, and who is the coordinating server.
    """
    content = (
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
    )
    packed = msgspec.msgpack.encode(content, order="sorted")
    return int.from_bytes(blake2b(packed, digest_size=8).digest())
