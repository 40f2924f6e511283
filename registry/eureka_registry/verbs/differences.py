"""Finds the differences between two servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from eureka_registry.core.model import Instance
from eureka_registry.verbs.listing import Listing
from eureka_registry.verbs.tables import Table, table

PRESENCE: Final = "instance"
"""The field of a difference that is an instance which one of the two does not hold."""
ABSENT: Final = "absent"


class Difference(msgspec.Struct, frozen=True):
    """A field of an instance, with its value at each of the two servers."""

    app: str
    id: str
    field: str
    first: str
    second: str


def differences(first: Listing, second: Listing) -> list[Difference]:
    """All differences, in the order of the instances.

    Times of leases are not compared: servers learn of a renewal one after the other.
    """
    here, there = first.by_key, second.by_key
    return [
        Difference(*key, *found)
        for key in sorted(here.keys() | there.keys())
        for found in _fields(here.get(key), there.get(key))
    ]


def persistent_differences(before: list[Difference], after: list[Difference]) -> list[Difference]:
    """The differences of the first look that the second one also found: others were under way."""
    second_look = set(after)
    return [each for each in before if each in second_look]


def difference_table(differences_found: list[Difference], names: tuple[str, str]) -> Table:
    """For people; `names` are those of the servers."""
    cells = [(each.app, each.id, each.field, each.first, each.second) for each in differences_found]
    return table(("application", "instance", "field", *names), cells)


def _fields(first: Instance | None, second: Instance | None) -> Iterator[tuple[str, str, str]]:
    if first is None or second is None:
        before, after = (ABSENT if each is None else str(each.status) for each in (first, second))
        yield PRESENCE, before, after
        return
    one, other = _comparable_fields(first), _comparable_fields(second)
    for name in dict.fromkeys((*one, *other)):
        before, after = one.get(name, ABSENT), other.get(name, ABSENT)
        if before != after:
            yield name, before, after


def _comparable_fields(instance: Instance) -> dict[str, str]:
    """The fields that must be equal at all servers, as texts."""
    return {
        "status": str(instance.status),
        "overriddenStatus": str(instance.overridden_status),
        "lastDirtyTimestamp": str(instance.last_dirty_ms),
        "hostName": instance.host_name,
        "ipAddr": instance.ip_addr,
        "port": _port(instance, secure=False),
        "securePort": _port(instance, secure=True),
        "vipAddress": instance.vip_address or "",
        "secureVipAddress": instance.secure_vip_address or "",
        "homePageUrl": instance.home_page_url or "",
        "healthCheckUrl": instance.health_check_url or "",
        "renewalIntervalInSecs": str(instance.lease.renewal_interval_s),
        "durationInSecs": str(instance.lease.duration_s),
        **{f"metadata.{key}": value for key, value in instance.metadata.items()},
    }


def _port(instance: Instance, *, secure: bool) -> str:
    port = instance.secure_port if secure else instance.port
    return str(port.number) if port.enabled else "disabled"
