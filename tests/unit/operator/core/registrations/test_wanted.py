"""Which instances a registration stands for."""

from __future__ import annotations

from typing import Any

import pytest

from eureka_operator.core.registrations import wanted as module
from eureka_operator.core.registrations.sources import Address, ServicePort
from eureka_operator.core.registrations.wanted import Key, Place, desired_instances
from eureka_sidecar.core.document import registration as body
from support.registrationobjects import CLUSTER, FIXED, SERVICE

from .registered import HTTP, HTTPS, PLACE, found, registration, service, slice_of, statuses

ONE = Address("10.1.0.1", zone="zone-1")
BUSY = Address("10.1.0.2", ready=False)


def test_endpoint_is_an_instance_with_marks() -> None:
    """By the marks a later leader knows what is whose."""
    (each,) = found(
        {**SERVICE, "metadata": {"team": "data"}}, slice_of("db", ONE)
    ).instances.values()

    assert each.key == Key("DB", "shop:db:10.1.0.1:8080")
    assert (each.service, each.slice) == ("db", "db-1")
    document = body(each.instance, each.content, "UNKNOWN", 7)["instance"]
    assert document["hostName"] == document["ipAddr"] == "10.1.0.1"
    assert document["port"] == {"$": 8080, "@enabled": "true"}
    assert document["securePort"]["@enabled"] == "false"
    assert document["vipAddress"] == "db"
    assert "secureVipAddress" not in document
    assert "homePageUrl" not in document
    assert document["leaseInfo"] == {"renewalIntervalInSecs": 30, "durationInSecs": 180}
    assert document["metadata"] == {
        "zone": "zone-1",
        "team": "data",
        "cluster-uid": "cluster-1",
        "namespace": "shop",
        "registration": "db",
        "registration-uid": "uid-of-db",
    }


@pytest.mark.parametrize(
    ("not_ready", "expected"),
    [
        (None, "OUT_OF_SERVICE"),
        ("OutOfService", "OUT_OF_SERVICE"),
        ("Down", "DOWN"),
        ("Deregister", None),
    ],
)
def test_endpoint_that_is_not_ready_has_the_status_that_was_chosen(
    not_ready: str | None, expected: str | None
) -> None:
    """Kubernetes' readiness is the truth."""
    spec = SERVICE if not_ready is None else {**SERVICE, "notReady": not_ready}

    shown = statuses(found(spec, slice_of("db", ONE, BUSY)))

    busy = {} if expected is None else {"shop:db:10.1.0.2:8080": expected}
    assert shown == {"shop:db:10.1.0.1:8080": "UP", **busy}


def test_address_in_two_slices_is_one_instance() -> None:
    """While it moves from one to the other; it is ready if one of them says so."""
    slices = [slice_of("db", BUSY), slice_of("db", Address("10.1.0.2"), name="db-2")]

    for order in (slices, slices[::-1]):
        assert statuses(found(SERVICE, *order)) == {"shop:db:10.1.0.2:8080": "UP"}


def test_only_the_first_family_of_addresses_counts() -> None:
    """Else a pod of a dual-stack Service would be there twice; names are of no family."""
    slices = (
        slice_of("db", ONE),
        slice_of("db", Address("fd00::1"), name="db-6", family="IPv6"),
        slice_of("db", Address("db.example.com"), name="db-f", family="FQDN"),
    )

    shown = statuses(found(SERVICE, *slices, services=(service(family="IPv6"),)))

    assert set(shown) == {"shop:db:fd00::1:8080", "shop:db:db.example.com:8080"}


@pytest.mark.parametrize(
    ("ports", "spec", "expected"),
    [
        ((ServicePort("", 9),), {}, (9, 0)),
        ((ServicePort("sql", 9), HTTP), {}, (8080, 0)),
        ((ServicePort("sql", 9), ServicePort("web", 10)), {}, (9, 0)),
        ((HTTPS, HTTP), {}, (8080, 8443)),
        ((HTTPS, ServicePort("sql", 9)), {}, (9, 8443)),
        ((HTTPS,), {}, (0, 8443)),
        ((HTTP, ServicePort("sql", 9)), {"portName": "sql"}, (9, 0)),
        ((HTTP, ServicePort("tls", 9)), {"securePortName": "tls"}, (8080, 9)),
        ((HTTP,), {"portName": "http", "securePortName": "http"}, (8080, 0)),
    ],
)
def test_ports_are_chosen_by_their_names(
    ports: tuple[ServicePort, ...], spec: dict[str, str], expected: tuple[int, int]
) -> None:
    """`http` and `https` are what people call them; else the first one."""
    result = found({**SERVICE, **spec}, slice_of("db", ONE, ports=ports))

    (each,) = result.instances.values()
    plain, secure = expected
    assert (each.instance.port, each.instance.secure_port) == expected
    assert each.key.id == f"shop:db:10.1.0.1:{plain or secure}"
    assert each.instance.vip == ("db" if plain else "")
    assert each.instance.secure_vip == ("db" if secure else "")
    assert result.findings == ()


def test_slice_without_the_port_hides_no_other() -> None:
    """Ports may have other numbers, or be missing, by slice; and it is said."""
    spec = {**SERVICE, "portName": "http"}
    missing = slice_of("db", BUSY, ports=(HTTPS,))

    result = found(spec, missing, slice_of("db", ONE, name="db-2"))

    assert statuses(result) == {"shop:db:10.1.0.1:8080": "UP"}
    assert [each.reason for each in result.findings] == ["PortNotFound"]


def test_endpoint_without_a_zone_has_none() -> None:
    """An empty one would be a zone to clients."""
    (each,) = found(SERVICE, slice_of("db", BUSY)).instances.values()

    assert "zone" not in each.content.metadata


@pytest.mark.parametrize(
    ("ports", "spec", "said"),
    [
        ((), {}, "Service db has no TCP port: set spec.portName"),
        ((HTTP,), {"portName": "sql"}, "Service db has no TCP port of the name sql: set"),
        ((HTTP,), {"securePortName": "tls"}, "Service db has no TCP port of the name tls: set"),
    ],
)
@pytest.mark.parametrize("address", ["PodIP", "ServiceDNS"])
def test_missing_port_is_said(
    ports: tuple[ServicePort, ...], spec: dict[str, str], said: str, address: str
) -> None:
    """And nothing is registered that nobody can call."""
    chosen = {**SERVICE, **spec, "address": address}
    result = found(chosen, slice_of("db", ONE, ports=ports), services=(service(ports=ports),))

    assert result.instances == {}
    assert [each.reason for each in result.findings] == ["PortNotFound"]
    assert result.findings[0].message.startswith(said)


def test_service_without_endpoints_has_no_missing_port() -> None:
    """A slice that is a placeholder has no ports."""
    assert found(SERVICE, slice_of(ports=())) == ({}, ())


@pytest.mark.parametrize(
    ("addresses", "not_ready", "expected"),
    [
        ((ONE, BUSY), None, "UP"),
        ((BUSY,), None, "OUT_OF_SERVICE"),
        ((), "Down", "DOWN"),
        ((), "Deregister", None),
    ],
)
def test_service_by_its_name_is_one_instance(
    addresses: tuple[Address, ...], not_ready: str | None, expected: str | None
) -> None:
    """It is up as long as one of its endpoints is ready."""
    spec = {**SERVICE, "address": "ServiceDNS", "app": "ORDERS-DB"}
    if not_ready is not None:
        spec["notReady"] = not_ready
    there = service(address="10.0.0.9", ports=(ServicePort("http", 80),))

    result = found(spec, slice_of("db", *addresses), services=(there,))

    host = "db.shop.svc.cluster.local"
    assert statuses(result) == ({f"shop:db:{host}:80": expected} if expected else {})
    for each in result.instances.values():
        instance = each.instance
        assert (instance.app, instance.host_name, instance.ip) == ("ORDERS-DB", host, "10.0.0.9")
        assert instance.port == 80
        assert each.key.id.endswith(":80")
        assert each.slice == ("db-1" if expected == "UP" else "")


def test_service_with_tls_alone_by_its_name() -> None:
    """Its id has the port that there is."""
    spec = {**SERVICE, "address": "ServiceDNS"}

    result = found(spec, slice_of("db", ONE), services=(service(ports=(HTTPS,)),))

    assert statuses(result) == {"shop:db:db.shop.svc.cluster.local:8443": "UP"}


def test_headless_service_by_its_name_has_the_name_for_an_address() -> None:
    """A registry takes no instance without one."""
    spec = {**SERVICE, "address": "ServiceDNS"}

    (each,) = found(spec, slice_of("db", ONE)).instances.values()

    assert each.instance.ip == "db.shop.svc.cluster.local"


@pytest.mark.parametrize(
    ("services", "reason"),
    [
        ((service("other"),), "ServiceNotFound"),
        ((service("db", namespace="elsewhere"),), "ServiceNotFound"),
        ((service(is_external=True),), "NoEndpoints"),
    ],
)
def test_service_that_cannot_be_registered_is_named(services: Any, reason: str) -> None:  # noqa: ANN401
    """The Service of another namespace is another one."""
    result = found(SERVICE, slice_of("db", ONE), services=services)

    assert result.instances == {}
    assert [each.reason for each in result.findings] == [reason]
    assert "Service db" in result.findings[0].message


def test_selected_services_are_applications_of_their_own() -> None:
    """One that has no endpoints by its type is passed over."""
    spec = {**CLUSTER, "selector": {"matchLabels": {"tier": "data"}}}
    labels = {"tier": "data"}
    services = (
        service("a", labels=labels),
        service("b", labels=labels),
        service("c"),
        service("d", labels=labels, is_external=True),
    )

    result = found(
        spec,
        slice_of("a", ONE),
        slice_of("b", BUSY),
        slice_of("c", ONE),
        slice_of("d", ONE),
        services=services,
    )

    assert {str(key) for key in result.instances} == {
        "A/shop:a:10.1.0.1:8080",
        "B/shop:b:10.1.0.2:8080",
    }
    assert result.findings == ()


def test_application_may_come_from_a_label() -> None:
    """A Service without it is named, the others are registered."""
    spec = {**CLUSTER, "selector": {}, "appFrom": "AppLabel"}
    services = (service("a", labels={"app.kubernetes.io/name": "orders"}), service("b"))

    result = found(spec, slice_of("a", ONE), slice_of("b", ONE), services=services)

    assert [key.app for key in result.instances] == ["ORDERS"]
    assert [each.reason for each in result.findings] == ["NoAppLabel"]


def test_fixed_endpoints_are_up() -> None:
    """Nobody watches them; one with TLS has the secure port alone."""
    endpoints = [
        {"id": "a", "host": "vm-1.example.com", "port": 8080},
        {"id": "b", "host": "fd00::1", "port": 8443, "secure": True},
    ]
    paths = {"homePage": "/", "statusPage": "/info", "healthCheck": "/health"}
    spec = {**CLUSTER, "endpoints": endpoints, "paths": paths, "secureVipAddress": "tls"}

    one, two = desired_instances(registration(spec, "vm"), (), (), PLACE).instances.values()

    assert (one.key, two.key) == (Key("VM", "shop:vm:a"), Key("VM", "shop:vm:b"))
    assert (one.instance.port, one.instance.secure_port) == (8080, 0)
    assert (two.instance.port, two.instance.secure_port) == (0, 8443)
    assert one.instance.health_url == "http://vm-1.example.com:8080/health"
    assert two.instance.home_url == "https://[fd00::1]:8443/"
    assert two.instance.status_url == "https://[fd00::1]:8443/info"
    assert (one.instance.vip, one.instance.secure_vip) == ("vm", "")
    assert (two.instance.vip, two.instance.secure_vip) == ("", "tls")
    assert one.content.status == two.content.status == "UP"


def test_zone_that_is_written_wins() -> None:
    """What people write is what they mean."""
    spec = {**SERVICE, "metadata": {"zone": "mine"}}

    (each,) = found(spec, slice_of("db", ONE)).instances.values()

    assert each.content.metadata["zone"] == "mine"


def test_unknown_kubernetes_leaves_no_mark() -> None:
    """Nothing is ever removed by a mark that is empty."""
    result = desired_instances(registration(FIXED), (), (), Place("cluster.local", ""))

    (each,) = result.instances.values()
    assert "cluster-uid" not in each.content.metadata


def test_one_registration_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same ones every time, and it is said."""
    monkeypatch.setattr(module, "MOST_INSTANCES", 2)
    addresses = [Address(f"10.1.0.{number}") for number in (3, 1, 2)]

    result = found(SERVICE, slice_of("db", *addresses))

    assert list(statuses(result)) == ["shop:db:10.1.0.1:8080", "shop:db:10.1.0.2:8080"]
    assert [each.reason for each in result.findings] == ["TooManyInstances"]
    assert found(SERVICE, slice_of("db", *addresses[:2])).findings == ()
