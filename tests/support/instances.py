"""Documents as tests need them, and a registry that is told what happens to them."""

from __future__ import annotations

from typing import Final

import msgspec

from eureka_registry.core.lease import Lease
from eureka_registry.core.model import DataCenter, Instance, LeaseInfo, Origin, Status
from eureka_registry.core.registry import Registry, Rules
from eureka_registry.core.selfpreservation import Preservation

APP: Final = "ORDERS"
DIRTY: Final = 1_000
"""The `lastDirtyTimestamp` of every document that names no other."""

NO_PRESERVATION: Final = Rules(preservation=Preservation(enabled=False))


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
    **fields: object,
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
    **fields: object,
) -> Instance:
    """Register a document and give what the registry made of it."""
    return held.register(instance(instance_id, app, **fields), origin, at)  # type: ignore[arg-type]


def fleet(held: Registry, count: int, app: str = APP, /, *, at: int = 0, **fields: object) -> None:
    """Register `count` instances, named 0, 1, 2 ..."""
    for number in range(count):
        register(held, str(number), app, at=at, **fields)  # type: ignore[arg-type]


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
