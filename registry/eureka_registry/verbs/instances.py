"""Instances as rows of `ls`, and one as the lines of `get`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from eureka_registry.core.model import Instance, Port
from eureka_registry.verbs.listing import (
    NAMESPACE,
    Listing,
    is_overridden,
    overdue_ms,
    ports_of,
    renewed_ms,
)
from eureka_registry.verbs.tables import Line, Table, since, span, table

_TITLES: Final = ("application", "instance", "status", "address", "namespace", "zone", "age")
_WIDE: Final = ("host", "renewed", "lease", "vip", "override")
_OPTIONAL: Final = ("namespace", "zone", "vip", "override")


class Row(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An instance as `ls -o json` shows it; texts are empty where its document says nothing.

    `override` is an operator's status, empty without one. Moments are epoch milliseconds, 0: not
    known.
    """

    app: str
    id: str
    status: str
    override: str
    host_name: str
    ip_addr: str
    port: int | None
    secure_port: int | None
    namespace: str
    zone: str
    vip_address: str
    renewal_interval_secs: int
    duration_secs: int
    registered_ms: int
    renewed_ms: int


def rows(listing: Listing) -> list[Row]:
    """All instances, for programs."""
    return [_row(each, listing.now_ms) for each in listing.instances]


def instance_table(listing: Listing, *, wide: bool = False) -> Table:
    """All instances, for people."""
    titles = _TITLES + _WIDE if wide else _TITLES
    cells = [_cells(each, listing.now_ms, wide=wide) for each in listing.instances]
    return table(titles, cells, _OPTIONAL)


def with_status(listing: Listing, statuses: Iterable[str]) -> Listing:
    """The instances with one of these statuses; without any status all of them."""
    wanted = {each.upper() for each in statuses}
    kept = [each for each in listing.instances if not wanted or each.status in wanted]
    return msgspec.structs.replace(listing, instances=tuple(kept))


def lines(instance: Instance, now_ms: int) -> Iterator[Line]:
    """All fields of a document, the most wanted ones at the top."""
    yield Line("", f"It is {_status_sentence(instance)}.")
    yield from _nonempty_lines(
        ("host name", instance.host_name),
        ("address", instance.ip_addr),
        ("port", _port(instance.port)),
        ("secure port", _port(instance.secure_port)),
        ("vip", instance.vip_address),
        ("secure vip", instance.secure_vip_address),
        ("group", instance.app_group_name),
        ("namespace", instance.metadata.get(NAMESPACE)),
        ("zone", instance.zone),
        ("home page", instance.home_page_url),
        ("status page", instance.status_page_url),
        ("health check", instance.health_check_url),
        ("", instance.secure_health_check_url),
    )
    yield from _lease(instance, now_ms)
    center = instance.data_center
    yield from _nonempty_lines(
        ("data center", center.name if center is not None else ""),
        ("asg", instance.asg_name),
        ("action", instance.action),
    )
    for at, (key, value) in enumerate(sorted(instance.metadata.items())):
        yield Line("" if at else "metadata", f"{key}={value}")


def _status_sentence(instance: Instance) -> str:
    if is_overridden(instance):
        return f"{instance.status}; an operator's override says {instance.overridden_status}"
    return str(instance.status)


def _lease(instance: Instance, now_ms: int) -> Iterator[Line]:
    lease = instance.lease
    at_ms = renewed_ms(instance, now_ms)
    yield Line(
        "lease", f"{lease.duration_s} s long, renewal every {lease.renewal_interval_s} s promised"
    )
    yield from _nonempty_lines(
        ("registered", _moment(lease.registered_at_ms, now_ms)),
        ("renewed", _moment(at_ms, now_ms)),
    )
    if at_ms:
        left_ms = at_ms + lease.duration_s * 1000 - now_ms
        end = f"in {span(left_ms)}" if left_ms >= 0 else f"{span(-left_ms)} ago, and it is kept"
        late_ms = overdue_ms(instance, now_ms)
        late = f"; the renewal is {span(late_ms)} late" if late_ms else ""
        yield Line("ends", f"{end}{late}")
    yield from _nonempty_lines(
        ("first UP", _moment(lease.service_up_at_ms, now_ms)),
        ("changed", _moment(instance.last_updated_ms, now_ms)),
        ("written", _moment(instance.last_dirty_ms, now_ms)),
    )


def _moment(at_ms: int, now_ms: int) -> str:
    """A moment with its age; impossible moments are shown as numbers."""
    if not at_ms:
        return ""
    try:
        text = datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{at_ms} ms"
    return f"{text}, {span(now_ms - at_ms)} ago"


def _nonempty_lines(*pairs: tuple[str, str | None]) -> Iterator[Line]:
    for about, text in pairs:
        if text:
            yield Line(about, text)


def _port(port: Port) -> str:
    return str(port.number) if port.enabled else ""


def _row(instance: Instance, now_ms: int) -> Row:
    lease = instance.lease
    return Row(
        app=instance.app,
        id=instance.id,
        status=instance.status,
        override=instance.overridden_status if is_overridden(instance) else "",
        host_name=instance.host_name,
        ip_addr=instance.ip_addr,
        port=instance.port.number if instance.port.enabled else None,
        secure_port=instance.secure_port.number if instance.secure_port.enabled else None,
        namespace=instance.metadata.get(NAMESPACE, ""),
        zone=instance.zone,
        vip_address=instance.vip_address or "",
        renewal_interval_secs=lease.renewal_interval_s,
        duration_secs=lease.duration_s,
        registered_ms=lease.registered_at_ms,
        renewed_ms=renewed_ms(instance, now_ms),
    )


def _cells(instance: Instance, now_ms: int, *, wide: bool) -> tuple[str, ...]:
    lease = instance.lease
    cells = (
        instance.app,
        instance.id,
        str(instance.status),
        _address(instance),
        instance.metadata.get(NAMESPACE, ""),
        instance.zone,
        since(lease.registered_at_ms, now_ms),
    )
    if not wide:
        return cells
    return (
        *cells,
        instance.host_name,
        since(renewed_ms(instance, now_ms), now_ms),
        f"{lease.renewal_interval_s}s/{lease.duration_s}s",
        instance.vip_address or "",
        str(instance.overridden_status) if is_overridden(instance) else "",
    )


def _address(instance: Instance) -> str:
    host = f"[{instance.ip_addr}]" if ":" in instance.ip_addr else instance.ip_addr
    return ", ".join(f"{host}:{number}" for _, number in ports_of(instance)) or host
