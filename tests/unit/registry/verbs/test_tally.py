"""What clients met: sums, differences, and whether anything was lost."""

from __future__ import annotations

import pytest

from eureka_registry.verbs.tally import Tally


@pytest.mark.parametrize("field", ["lookups_failed", "renewals_failed", "leases_lost"])
def test_each_miss_loses_something(field: str) -> None:
    """A drill passes only if none of them happened."""
    assert Tally(**{field: 1}).loses


def test_what_another_peer_answers_is_not_lost() -> None:
    """Java's client makes it again, too."""
    tally = Tally(lookups=100, lookups_retried=3, renewals=10, renewals_retried=2)

    assert not tally.loses
    assert tally.retried == 5


def test_a_step_has_what_was_counted_since_the_one_before() -> None:
    """Counts only grow."""
    before = Tally(lookups=100, lookups_failed=1, renewals=10, leases_lost=1)
    after = Tally(lookups=150, lookups_failed=3, renewals=11, renewals_retried=1, leases_lost=1)

    assert after.since(before) == Tally(
        lookups=50, lookups_failed=2, renewals=1, renewals_retried=1
    )
