"""Services and EndpointSlices, reduced to the fields that are registered.

Fields and their meaning: `core/v1` Service and `discovery.k8s.io/v1` EndpointSlice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from eureka_operator.core.kinds import Object

SERVICE_NAME: Final = "kubernetes.io/service-name"
"""Label of an EndpointSlice: the Service that it belongs to."""

_TCP: Final = "TCP"


class ServicePort(msgspec.Struct, frozen=True):
    """A port of a Service or of a slice; the name is empty for a port without one."""

    name: str
    port: int


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A Service.

    `address` is its cluster IP, empty for one that is headless. `family` is the address type that
    its slices are read of, IPv4 or IPv6; empty: of all. `is_external`: it is of type ExternalName.
    """

    namespace: str
    name: str
    labels: Mapping[str, str] = {}
    address: str = ""
    family: str = ""
    ports: tuple[ServicePort, ...] = ()
    is_external: bool = False


class Address(msgspec.Struct, frozen=True):
    """An endpoint of a slice; the zone is empty if it is not known."""

    address: str
    ready: bool = True
    zone: str = ""


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """An EndpointSlice; `service` is empty for one that belongs to none."""

    namespace: str
    name: str
    service: str
    family: str = ""
    ports: tuple[ServicePort, ...] = ()
    addresses: tuple[Address, ...] = ()


def read_service(document: Object) -> Service:
    """Read the parts of a Service that matter."""
    metadata, spec = document["metadata"], document.get("spec") or {}
    address = spec.get("clusterIP") or ""
    families: list[str] = spec.get("ipFamilies") or [""]
    return Service(
        namespace=metadata["namespace"],
        name=metadata["name"],
        labels=metadata.get("labels") or {},
        address="" if address == "None" else address,
        family=families[0],
        ports=_ports(spec),
        is_external=spec.get("type") == "ExternalName",
    )


def read_slice(document: Object) -> Slice:
    """Read the parts of an EndpointSlice that matter."""
    metadata = document["metadata"]
    return Slice(
        namespace=metadata["namespace"],
        name=metadata["name"],
        service=(metadata.get("labels") or {}).get(SERVICE_NAME, ""),
        family=document.get("addressType", ""),
        ports=_ports(document),
        addresses=tuple(
            _address(each) for each in document.get("endpoints") or () if each.get("addresses")
        ),
    )


def _ports(node: Mapping[str, Any]) -> tuple[ServicePort, ...]:
    """The ports of TCP that have a number."""
    return tuple(
        ServicePort(each.get("name") or "", each["port"])
        for each in node.get("ports") or ()
        if each.get("protocol", _TCP) == _TCP and each.get("port")
    )


def _address(endpoint: Mapping[str, Any]) -> Address:
    """An endpoint that does not say whether it is ready is (`EndpointConditions.ready`)."""
    is_ready = (endpoint.get("conditions") or {}).get("ready")
    return Address(
        endpoint["addresses"][0],
        ready=is_ready is None or bool(is_ready),
        zone=endpoint.get("zone") or "",
    )
