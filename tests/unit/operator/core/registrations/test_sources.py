"""Services and EndpointSlices as they are kept."""

from __future__ import annotations

import pytest

from eureka_operator.core.registrations.sources import (
    Address,
    Service,
    ServicePort,
    Slice,
    read_service,
    read_slice,
)


def test_service_is_reduced() -> None:
    """Ports of UDP are no place for a client of Eureka."""
    document = {
        "metadata": {"namespace": "shop", "name": "db", "labels": {"app": "db"}},
        "spec": {
            "clusterIP": "10.0.0.1",
            "ipFamilies": ["IPv6", "IPv4"],
            "ports": [
                {"name": "dns", "port": 53, "protocol": "UDP"},
                {"name": "sql", "port": 5432, "protocol": "TCP"},
            ],
        },
    }

    assert read_service(document) == Service(
        namespace="shop",
        name="db",
        labels={"app": "db"},
        address="10.0.0.1",
        family="IPv6",
        ports=(ServicePort("sql", 5432),),
    )


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, Service(namespace="shop", name="db")),
        ({"clusterIP": "None", "ports": [{"port": 80}]}, (ServicePort("", 80),)),
        ({"type": "ExternalName", "externalName": "db.example.com"}, True),
    ],
)
def test_service_may_have_little(spec: dict[str, object], expected: object) -> None:
    """A headless one has no address, an ExternalName no endpoints."""
    read = read_service({"metadata": {"namespace": "shop", "name": "db"}, "spec": spec})

    assert expected in (read, read.ports, read.is_external)
    assert read.address == ""


def test_slice_is_reduced() -> None:
    """An endpoint that does not say whether it is ready is; one without an address is none."""
    document = {
        "metadata": {
            "namespace": "shop",
            "name": "db-1",
            "labels": {"kubernetes.io/service-name": "db"},
        },
        "addressType": "IPv4",
        "ports": [{"name": "sql", "port": 5432, "protocol": "TCP"}, {"name": "any"}],
        "endpoints": [
            {"addresses": ["10.0.0.1"], "zone": "a", "conditions": {"ready": False}},
            {"addresses": ["10.0.0.2"], "conditions": {}},
            {"addresses": ["10.0.0.3"]},
            {"addresses": []},
        ],
    }

    assert read_slice(document) == Slice(
        namespace="shop",
        name="db-1",
        service="db",
        family="IPv4",
        ports=(ServicePort("sql", 5432),),
        addresses=(
            Address("10.0.0.1", ready=False, zone="a"),
            Address("10.0.0.2"),
            Address("10.0.0.3"),
        ),
    )


def test_slice_may_be_empty() -> None:
    """The API server has `null` for what is not there; a slice may belong to no Service."""
    document = {
        "metadata": {"namespace": "shop", "name": "x"},
        "addressType": "FQDN",
        "endpoints": None,
        "ports": None,
    }

    assert read_slice(document) == Slice(namespace="shop", name="x", service="", family="FQDN")
