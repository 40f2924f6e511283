"""What happens in a minute."""

from __future__ import annotations

import pytest

from eureka_registry.core.rate import EvictionBudget, MinuteRate

MINUTE = 60_000


def count_evenly(
    rate: MinuteRate, per_second: int, start_s: int, end_s: int, total: int = 0
) -> int:
    """Count at an even pace and sample every second; gives the running total."""
    for second in range(start_s, end_s):
        total += per_second
        rate.sample(total, (second + 1) * 1_000)
    return total


def test_rate_is_that_of_the_last_sixty_seconds() -> None:
    """Java shows the last whole minute, which may be two minutes old."""
    rate = MinuteRate(0)
    total = count_evenly(rate, 10, 0, 120)
    total = count_evenly(rate, 0, 120, 150, total)

    assert rate.last_minute() == 300


def test_first_minute_shows_what_came_so_far() -> None:
    """Java shows 0 for the first minute, and self-preservation with it."""
    rate = MinuteRate(0)
    count_evenly(rate, 10, 0, 20)

    assert rate.last_minute() == 200


def test_without_events_the_rate_falls_to_nothing() -> None:
    """A silent fleet must not look alive."""
    rate = MinuteRate(0)
    total = count_evenly(rate, 10, 0, 60)
    count_evenly(rate, 0, 60, 121, total)

    assert rate.last_minute() == 0


def test_memory_is_bounded() -> None:
    """A registry runs for months."""
    rate = MinuteRate(0)
    count_evenly(rate, 1, 0, 10_000)

    assert len(rate._samples) <= 62


def test_budget_is_what_the_threshold_leaves() -> None:
    """Case 145: of 100 expired leases 15 go in a minute."""
    assert EvictionBudget(0.85).take(100, 100, 0) == 15


def test_budget_does_not_grow_with_the_number_of_passes() -> None:
    """Java looks once a minute, we look every five seconds; the minute is what counts."""
    budget, size = EvictionBudget(0.85), 100
    for second in range(0, 60, 5):
        size -= budget.take(100, size, second * 1_000)

    assert size == 85


def test_budget_comes_back_after_a_minute() -> None:
    """Case 143: 9, 7, 5, 4, 3, 2, 1, 0."""
    budget, sizes = EvictionBudget(0.85), [9]
    for minute in range(7):
        sizes.append(sizes[-1] - budget.take(9, sizes[-1], minute * MINUTE))

    assert sizes == [9, 7, 5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize(("wanted", "granted"), [(0, 0), (3, 3), (4, 3)])
def test_budget_grants_no_more_than_wanted(wanted: int, granted: int) -> None:
    """Case 144: min(3, 20 - 17)."""
    assert EvictionBudget(0.85).take(wanted, 20, 0) == granted


def test_unused_budget_is_not_spent() -> None:
    """A pass that finds nothing must not take from the next."""
    budget = EvictionBudget(0.85)
    budget.take(0, 20, 0)

    assert budget.take(3, 20, 1) == 3


def test_a_registry_that_shrank_by_itself_is_not_overdrawn() -> None:
    """Clients that cancel in the same minute make the whole smaller, never the budget negative."""
    budget = EvictionBudget(0.85)
    budget.take(15, 100, 0)

    assert budget.take(5, 10, 1) == 0


def test_budget_is_a_share_of_what_there_was_a_minute_ago() -> None:
    """What is evicted in two passes is as much as in one."""
    budget = EvictionBudget(0.85)
    first = budget.take(10, 100, 0)

    assert (first, budget.take(90, 90, 5_000)) == (10, 5)
