"""How an application renews, and the hash that clients compare."""

from __future__ import annotations

import pytest

from eureka_registry.core.application import Application, hashcode
from eureka_registry.core.lease import Lease
from eureka_registry.core.model import Status
from eureka_registry.core.selfpreservation import LeaseCount
from support.instances import instance


def application(**intervals_s: int) -> Application:
    """An application whose leases began at 0."""
    made = Application("APP")
    for name, interval_s in intervals_s.items():
        made.leases[name] = Lease(instance(name, "APP", interval_s=interval_s), 0)
    return made


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, ""),
        ({Status.UP: 2}, "UP_2_"),
        ({Status.UP: 11, Status.DOWN: 1}, "DOWN_1_UP_11_"),
        (
            {Status.UP: 11, Status.STARTING: 1, Status.OUT_OF_SERVICE: 3},
            "OUT_OF_SERVICE_3_STARTING_1_UP_11_",
        ),
        ({Status.UP: 1, Status.DOWN: 0}, "UP_1_"),
    ],
)
def test_hash_counts_instances_by_status_in_order_of_name(
    counts: dict[Status, int], expected: str
) -> None:
    """Clients compare it with their own letter by letter."""
    assert hashcode(counts.items()) == expected


def test_expected_renewals_follow_from_each_leases_own_interval() -> None:
    """Java assumes 30 s of everybody, so clients with 5 s hide the failure of others."""
    count = application(fast=5, usual=30, slow=60).lease_count(0)

    assert count == LeaseCount("APP", leases=3, missing=0, promised=12 + 2 + 1)


def test_a_silent_lease_counts_as_one_however_often_it_promised() -> None:
    """A few that promise a renewal a second would else stand for thousands."""
    made = application(fast=5, usual=30, slow=60)
    made.leases["usual"].renewed_at_ms = 60_000
    made.leases["slow"].renewed_at_ms = 60_000

    assert made.lease_count(61_000) == LeaseCount("APP", leases=3, missing=1, promised=15)
