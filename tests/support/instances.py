"""Documents as tests need them, and a registry that is told what happens to them."""

from __future__ import annotations

from typing import Final, TypedDict, Unpack

import msgspec

from eureka_registry.core.lease import Lease
from eureka_registry.core.model import (
    ActionType,
    DataCenter,
    Instance,
    LeaseInfo,
    Origin,
    Port,
    Status,
)
from eureka_registry.core.registry import Registry, Rules
from eureka_registry.core.selfpreservation import Preservation

APP: Final = "ORDERS"
DIRTY: Final = 1_000
"""The `lastDirtyTimestamp` of every document that names no other."""

NO_PRESERVATION: Final = Rules(preservation=Preservation(enabled=False))


class Fields(TypedDict, total=False):
    """What a test may say about a document."""

    instance_id: str | None
    host_name: str
    ip_addr: str
    status: Status
    overridden_status: Status
    port: Port
    data_center: DataCenter | None
    metadata: dict[str, str]
    home_page_url: str | None
    status_page_url: str | None
    vip_address: str | None
    secure_vip_address: str | None
    is_coordinating: bool
    last_updated_ms: int
    last_dirty_ms: int
    action: ActionType | None


class FullFields(Fields, total=False):
    """And about its lease."""

    interval_s: int
    duration_s: int


class Registered(FullFields, total=False):
    """And about its registration."""

    at: int
    origin: Origin


_PLAIN: Final = Instance(
    host_name="", app=APP, ip_addr="10.0.0.1", data_center=DataCenter("MyOwn"), last_dirty_ms=DIRTY
)


def instance(
    instance_id: str = "a",
    app: str = APP,
    /,
    *,
    interval_s: int = 30,
    duration_s: int = 90,
    **fields: Unpack[Fields],
) -> Instance:
    """A document that may be registered, with a lease of that interval and duration."""
    named = changed(_PLAIN, instance_id=instance_id, app=app, host_name=f"h-{instance_id}")
    return changed(named, lease=LeaseInfo(interval_s, duration_s), **fields)


def registry(rules: Rules | None = None, now_ms: int = 0) -> Registry:
    """A registry that holds nothing yet."""
    return Registry(rules or Rules(), now_ms)


def register(
    held: Registry,
    instance_id: str = "a",
    app: str = APP,
    /,
    *,
    at: int = 0,
    origin: Origin = Origin.CLIENT,
    **fields: Unpack[FullFields],
) -> Instance:
    """Register a document and give what the registry made of it."""
    made = held.register(instance(instance_id, app, **fields), origin, at)
    assert isinstance(made, Instance), made.sentence
    return made


def fleet(held: Registry, count: int, app: str = APP, /, **fields: Unpack[Registered]) -> None:
    """Register `count` instances, named 0, 1, 2 ..."""
    for number in range(count):
        register(held, str(number), app, **fields)


def renew(held: Registry, *names: str, at: int, app: str = APP) -> None:
    """Renew leases; every one of them must be there."""
    for name in names:
        assert held.renew(app, name, at).found


def lease(held: Registry, instance_id: str = "a", app: str = APP, /) -> Lease:
    """The lease of an instance that must be there."""
    found = held.lease(app, instance_id)
    assert found is not None
    return found


def status(held: Registry, instance_id: str = "a", app: str = APP, /) -> tuple[Status, Status]:
    """The status clients see, and the override they see."""
    document = lease(held, instance_id, app).instance
    return document.status, document.overridden_status


def in_order(leases: list[Lease]) -> None:
    """A shuffle that leaves everything in its place."""


def changed(document: Instance, **fields: object) -> Instance:
    """The document with some fields changed."""
    return msgspec.structs.replace(document, **fields)


def holding(rules: Rules | None = None, **fields: Unpack[Registered]) -> Registry:
    """A registry with one lease, that of ORDERS/a."""
    held = registry(rules)
    register(held, **fields)
    return held


def with_override(override: Status = Status.OUT_OF_SERVICE) -> Registry:
    """A registry whose only instance an operator has overridden (case 79)."""
    held = holding()
    assert held.set_status(APP, "a", override, 1)
    return held
