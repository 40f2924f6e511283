"""What two servers hold differently."""

from __future__ import annotations

from eureka_registry.core.model import LeaseInfo, Status
from eureka_registry.verbs.differences import (
    Difference,
    difference_table,
    differences,
    persistent_differences,
)
from unit.registry.verbs.held import NOW_MS, instance, listing


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


def test_what_was_on_its_way_does_not_last() -> None:
    """Only what two looks find is a difference."""
    before = [Difference("A", "1", "status", "UP", "DOWN"), Difference("A", "2", "f", "x", "y")]

    assert persistent_differences(before, [before[1], Difference("A", "3", "f", "x", "y")]) == [
        before[1]
    ]
    assert difference_table(before, ("peer1", "peer2")).titles[-2:] == ("peer1", "peer2")
