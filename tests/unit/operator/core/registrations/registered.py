"""What tests of registrations begin with."""

from __future__ import annotations

from typing import Any, Final

from eureka_operator.api.registration import Registration, read
from eureka_operator.core.registrations.sources import (
    Address,
    Service,
    ServicePort,
    Slice,
)
from eureka_operator.core.registrations.wanted import DesiredInstances, Place, desired_instances
from support.registrationobjects import SERVICE, document

PLACE: Final = Place("cluster.local", "cluster-1")
HTTP: Final = ServicePort("http", 8080)
HTTPS: Final = ServicePort("https", 8443)


def registration(spec: object = SERVICE, name: str = "db", **metadata: object) -> Registration:
    """A registration in namespace `shop`."""
    given = {"namespace": "shop", "uid": f"uid-of-{name}", "generation": 1, **metadata}
    found = read(document(spec, name, **given), strict=True)
    assert isinstance(found, Registration), found
    return found


def service(name: str = "db", **fields: Any) -> Service:  # noqa: ANN401 - of several types
    """A Service of that namespace."""
    return Service(**{"namespace": "shop", "name": name, "ports": (HTTP,), **fields})


def slice_of(of: str = "db", /, *addresses: Address, **fields: Any) -> Slice:  # noqa: ANN401
    """A slice of a Service."""
    given = {"namespace": "shop", "name": f"{of}-1", "service": of, "family": "IPv4"}
    return Slice(**{**given, "ports": (HTTP,), "addresses": addresses, **fields})


def found(
    spec: dict[str, Any], *slices: Slice, services: tuple[Service, ...] = ()
) -> DesiredInstances:
    """What a registration with this spec wants."""
    return desired_instances(registration(spec), services or (service(),), slices, PLACE)


def statuses(result: DesiredInstances) -> dict[str, str]:
    """The status of each instance, by its id."""
    return {key.id: each.content.status for key, each in result.instances.items()}
