"""All instances of a server at one time."""

from __future__ import annotations

from typing import Final

import msgspec

from eureka_registry.core.model import Instance, Status
from eureka_registry.wire.jsoncodec import decode_applications, encode, parse

NAMESPACE: Final = "namespace"
"""Metadata of an instance: the namespace of its pod, as the sidecar writes it."""
_SKEW_MS: Final = 2_000
"""The server's clock is known to the second."""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Instances, in the order of application and id.

    `now_ms` is the moment by the server's clock. `problems` says which instances could not be read.
    """

    now_ms: int
    instances: tuple[Instance, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def by_key(self) -> dict[tuple[str, str], Instance]:
        """The instances by application and id."""
        return {key_of(each): each for each in self.instances}


def read_listing(body: bytes, now_ms: int) -> Listing:
    """Read the answer to `GET apps` or `GET apps/APP`.

    Raises:
        BadDocument: It is another document.
    """
    document = parse(body)
    if isinstance(document, dict) and "application" in document:
        body = encode({"applications": {"application": [document["application"]]}})
    found = decode_applications(body, now_ms)
    instances = [each for _, listed in found.applications for each in listed]
    return Listing(
        now_ms=now_ms,
        instances=tuple(sorted(instances, key=key_of)),
        problems=tuple(found.problems),
    )


def key_of(instance: Instance) -> tuple[str, str]:
    """Application and id."""
    return instance.app, instance.id


def name_of(instance: Instance) -> str:
    """The name of an instance on the command line."""
    return f"{instance.app}/{instance.id}"


def is_overridden(instance: Instance) -> bool:
    """Whether an operator's override decides on its status."""
    return instance.overridden_status is not Status.UNKNOWN


def renewed_ms(instance: Instance, now_ms: int) -> int:
    """When its lease was last renewed, by its document; 0: the document has no such moment.

    A Java server adds the duration of the lease to it (`Lease.renew`), so it is in the future.
    """
    lease = instance.lease
    if lease.renewed_at_ms > now_ms + _SKEW_MS:
        return lease.renewed_at_ms - lease.duration_s * 1000
    return lease.renewed_at_ms


def overdue_ms(instance: Instance, now_ms: int) -> int:
    """For how long its renewal is overdue, by its document; else 0."""
    return late_ms(instance, renewed_ms(instance, now_ms), now_ms)


def late_ms(instance: Instance, renewed_at_ms: int, now_ms: int) -> int:
    """For how long a renewal is overdue: later than one and a half intervals; else 0.

    A lease that was never renewed (0) is never late.
    """
    if not renewed_at_ms:
        return 0
    return max(0, now_ms - renewed_at_ms - instance.lease.renewal_interval_s * 1500)


def ports_of(instance: Instance) -> tuple[tuple[str, int], ...]:
    """Scheme and number of the ports that are in use."""
    found = (("http", instance.port), ("https", instance.secure_port))
    return tuple((scheme, port.number) for scheme, port in found if port.enabled)
