"""What two servers hold differently."""

from __future__ import annotations

import pytest

from eureka_registry.core.model import LeaseInfo, Port, Status
from eureka_registry.verbs.differences import (
    Difference,
    difference_table,
    differences,
    persistent_differences,
)
from unit.registry.verbs.held import BASE, NOW_MS, instance, listing


def test_times_of_leases_are_no_difference() -> None:
    """One peer hears of a renewal after the other."""
    later = instance(lease=LeaseInfo(30, 90, 5, NOW_MS), last_updated_ms=7)

    assert differences(listing(instance()), listing(later)) == []


def test_instances_and_fields_differ() -> None:
    """Metadata key by key; what only one holds with its status."""
    first = listing(instance(metadata={"a": "1"}), instance(instance_id="only-here"))
    second = listing(instance(metadata={"a": "2", "b": "3"}, status=Status.DOWN))

    assert differences(first, second) == [
        Difference("ORDERS", "only-here", "instance", "UP", "absent"),
        Difference("ORDERS", "orders-1", "status", "UP", "DOWN"),
        Difference("ORDERS", "orders-1", "metadata.a", "1", "2"),
        Difference("ORDERS", "orders-1", "metadata.b", "absent", "3"),
    ]


@pytest.mark.parametrize(
    ("changed", "field", "first", "second"),
    [
        ({"status": Status.DOWN}, "status", "UP", "DOWN"),
        ({"overridden_status": Status.DOWN}, "overriddenStatus", "UNKNOWN", "DOWN"),
        ({"last_dirty_ms": 5}, "lastDirtyTimestamp", str(BASE.last_dirty_ms), "5"),
        ({"host_name": "h"}, "hostName", "10.0.0.1", "h"),
        ({"ip_addr": "10.0.0.2"}, "ipAddr", "10.0.0.1", "10.0.0.2"),
        ({"port": Port(8081, enabled=True)}, "port", "8080", "8081"),
        ({"port": Port(8080, enabled=False)}, "port", "8080", "disabled"),
        ({"secure_port": Port(8443, enabled=True)}, "securePort", "disabled", "8443"),
        ({"vip_address": "v"}, "vipAddress", "orders", "v"),
        ({"vip_address": None}, "vipAddress", "orders", ""),
        ({"secure_vip_address": "s"}, "secureVipAddress", "", "s"),
        ({"home_page_url": "http://h/"}, "homePageUrl", "", "http://h/"),
        ({"health_check_url": "http://h/"}, "healthCheckUrl", "", "http://h/"),
        ({"lease": LeaseInfo(31, 90)}, "renewalIntervalInSecs", "30", "31"),
        ({"lease": LeaseInfo(30, 91)}, "durationInSecs", "90", "91"),
        ({"metadata": {"k": ""}}, "metadata.k", "absent", ""),
    ],
)
def test_each_field_is_compared(
    changed: dict[str, object], field: str, first: str, second: str
) -> None:
    """In both directions, with its name on the wire."""
    one, other = listing(instance()), listing(instance(**changed))

    assert differences(one, other) == [Difference("ORDERS", "orders-1", field, first, second)]
    assert differences(other, one) == [Difference("ORDERS", "orders-1", field, second, first)]


def test_differences_stand_in_the_order_of_instances() -> None:
    """However the servers list them; what one lacks may be at either."""
    names = ("b", "d", "a", "c")
    held = listing(*(instance(instance_id=name) for name in names))

    found = differences(listing(), held)

    assert [(each.id, each.first, each.second) for each in found] == [
        (name, "absent", "UP") for name in "abcd"
    ]
    table = difference_table(found[:1], ("peer1", "peer2"))
    assert table.titles == ("application", "instance", "field", "peer1", "peer2")
    assert table.rows == (("ORDERS", "a", "instance", "absent", "UP"),)


def test_what_was_on_its_way_does_not_last() -> None:
    """Only what two looks find is a difference."""
    before = [Difference("A", "1", "status", "UP", "DOWN"), Difference("A", "2", "f", "x", "y")]

    assert persistent_differences(before, [before[1], Difference("A", "3", "f", "x", "y")]) == [
        before[1]
    ]
    assert difference_table(before, ("peer1", "peer2")).titles[-2:] == ("peer1", "peer2")
