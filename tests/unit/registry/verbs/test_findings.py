"""What `doctor` finds in a registry."""

from __future__ import annotations

import pytest

from eureka_registry.core.model import Instance, LeaseInfo, Port, Status
from eureka_registry.verbs.findings import (
    CODES,
    CheckContext,
    Finding,
    check,
    finding_table,
    suspects,
    without,
)
from eureka_registry.verbs.listing import Listing
from unit.registry.verbs.held import NOW_MS, instance, listing

OUT = Status.OUT_OF_SERVICE


def found(*instances: Instance, zones: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
    """Codes, and whom they are about."""
    known = CheckContext(
        listing(*instances), {(each.app, each.id): each for each in instances}, zones
    )
    return [(each.code, each.about) for each in check(known)]


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("address_localhost", {"host_name": "localhost"}),
        ("address_localhost", {"host_name": "localhost.localdomain"}),
        ("address_localhost", {"ip_addr": "::1"}),
        ("address_localhost", {"ip_addr": "0.0.0.0"}),
        ("url_localhost", {"health_check_url": "http://localhost:8080/health"}),
        ("url_localhost", {"home_page_url": "http://[::1]:8080/"}),
        ("host_name_not_known", {"host_name": "orders-5d9c7b8f4-x2vkq"}),
        ("host_name_not_known", {"host_name": "3f4e1b2c9a0d"}),
        ("no_port", {"port": Port(0, enabled=True)}),
        ("no_port", {"port": Port(8080, enabled=False)}),
        ("app_name_missing", {"app": "UNKNOWN"}),
        ("vip_missing", {"vip_address": None}),
        ("lease_too_short", {"lease": LeaseInfo(30, 59, 1, NOW_MS)}),
        ("lease_too_long", {"lease": LeaseInfo(30, 601, 1, NOW_MS)}),
        ("interval_too_short", {"lease": LeaseInfo(4, 90, 1, NOW_MS)}),
        ("lease_over", {"lease": LeaseInfo(30, 90, 1, NOW_MS - 91_000)}),
        ("overridden", {"status": OUT, "overridden_status": OUT}),
    ],
)
def test_a_mistake_has_its_code(code: str, wrong: dict[str, object]) -> None:
    """And nothing else is found in the same instance; each has a cure."""
    assert found(instance()) == []
    mistaken = instance(**wrong)
    assert found(mistaken) == [(code, f"{mistaken.app}/orders-1")]
    assert CODES[code].cure


@pytest.mark.parametrize(
    "right",
    [
        {"host_name": "orders.shop.svc.cluster.local"},
        {"host_name": "orders"},
        {"host_name": "eureka-peer-1"},
        {"home_page_url": "http://orders.example:8080/"},
        {"home_page_url": "http://[broken"},
        {"status": OUT},
        {"lease": LeaseInfo(5, 15, 1, NOW_MS)},
        {"lease": LeaseInfo(30, 60, 1, NOW_MS)},
        {"lease": LeaseInfo(30, 600, 1, NOW_MS)},
        {"lease": LeaseInfo(30, 90, 1, NOW_MS - 90_000)},
        {"lease": LeaseInfo(30, 90, 1, 0)},
        {"host_name": "3f4e1b2c9a0d", "ip_addr": "3f4e1b2c9a0d"},
        {"status": Status.DOWN, "overridden_status": Status.DOWN},
        {"vip_address": None, "secure_vip_address": "orders"},
    ],
)
def test_what_is_unusual_is_no_mistake(right: dict[str, object]) -> None:
    """A client that takes itself out of service knows why."""
    assert found(instance(**right)) == []


def test_a_lease_is_over_only_if_the_instance_itself_says_so() -> None:
    """A list may be old; those whose lease looks over are asked for by themselves."""
    old = instance(lease=LeaseInfo(30, 90, 1, NOW_MS - 100_000))
    older = instance(instance_id="b", lease=LeaseInfo(30, 90, 1, NOW_MS - 200_000))
    listed = listing(instance(instance_id="c"), old, older)

    assert [each.id for each in suspects(listed, 2)] == ["b", "orders-1"]
    assert [each.id for each in suspects(listed, 1)] == ["b"]
    fresh = {("ORDERS", "orders-1"): instance()}
    codes = [each.code for each in check(CheckContext(listed, fresh))]
    assert "lease_over" not in codes


def test_instances_of_one_application_are_compared() -> None:
    """Two at one address; some with a zone and some without."""
    one = instance(metadata={"zone": "a"})
    other = instance(instance_id="b", ip_addr="10.0.0.1", host_name="x.example")
    elsewhere = instance(instance_id="c", app="STOCK")

    assert found(one, other, elsewhere) == [
        ("same_address", "ORDERS/b"),
        ("zone_missing", "ORDERS/b"),
    ]


def test_two_ports_of_one_address_are_one_finding() -> None:
    """People look for one dead instance, not for two."""
    secure = Port(8443, enabled=True)
    one, other = instance(secure_port=secure), instance(instance_id="b", secure_port=secure)

    assert found(one, other) == [("same_address", "ORDERS/b")]


def test_a_finding_has_the_sentence_and_the_cure_of_its_code() -> None:
    """With a detail only where there is one."""
    without_vip, localhost = instance(vip_address=None), instance(host_name="localhost")

    assert check(CheckContext(listing(without_vip, localhost), {})) == [
        Finding(
            "vip_missing",
            "ORDERS/orders-1",
            "it has no vipAddress, by which Spring's clients look it up",
            CODES["vip_missing"].cure,
        ),
        Finding(
            "address_localhost",
            "ORDERS/orders-1",
            "it registers localhost, which is another machine for each client: localhost",
            CODES["address_localhost"].cure,
        ),
        Finding(
            "same_address",
            "ORDERS/orders-1",
            "two instances of the application have the same address and port:"
            " 10.0.0.1:8080 is also that of orders-1",
            CODES["same_address"].cure,
        ),
    ]


def test_a_zone_of_nobody_is_found_where_zones_are_known() -> None:
    """`defaultZone` is what clients say that have none."""
    zones = frozenset({"zone-1", "zone-2"})
    one, other = (instance(metadata={"zone": each}) for each in ("zone-1", "zone-9"))

    assert found(one, zones=zones) == []
    assert found(instance(metadata={"zone": "defaultZone"}), zones=zones) == []
    assert found(other, zones=zones) == [("zone_not_known", "ORDERS/orders-1")]
    assert found(other) == []


def test_what_cannot_be_read_is_a_finding() -> None:
    """With the reason that the reader gives."""
    (one,) = check(
        CheckContext(Listing(now_ms=NOW_MS, problems=("ORDERS: port is not a number",)), {})
    )

    assert (one.code, one.sentence.endswith("ORDERS: port is not a number")) == (
        "not_readable",
        True,
    )


def test_findings_of_one_kind_stand_together_and_can_be_ignored() -> None:
    """People cure one kind at a time."""
    given = [
        Finding("b", "y", "is so", "do this"),
        Finding("a", "z", "is so", "do this"),
        Finding("b", "x", "is so", "do this"),
    ]

    assert [row[:2] for row in finding_table(given).rows] == [("a", "z"), ("b", "x"), ("b", "y")]
    assert [each.about for each in without(given, ["b"])] == ["z"]
