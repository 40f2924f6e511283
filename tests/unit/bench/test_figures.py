from __future__ import annotations

import pytest
from bench.figures import Budget, Spread, median, percentile, rates, spread


@pytest.mark.parametrize(
    ("values", "middle"), [([7.0], 7.0), ([3.0, 1.0, 2.0], 2.0), ([4.0, 1.0, 3.0, 2.0], 2.5)]
)
def test_the_median_is_the_middle_whatever_the_order(values: list[float], middle: float) -> None:
    """Times come in the order in which they were measured."""
    assert median(values) == middle


@pytest.mark.parametrize(
    ("share", "value"), [(0.01, 1.0), (0.5, 50.0), (0.99, 99.0), (0.995, 100.0), (1.0, 100.0)]
)
def test_a_percentile_is_a_value_that_was_measured(share: float, value: float) -> None:
    """Nearest rank: of a hundred values the 99th is the p99, and none is made up."""
    assert percentile([float(n) for n in range(1, 101)], share) == value


def test_the_p99_of_few_values_is_their_maximum() -> None:
    """A quick run must not report a better tail than it saw."""
    assert spread([5.0, 1.0, 3.0]) == Spread(p50=3.0, p99=5.0, min=1.0, max=5.0, count=3)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    """Index -1 would quietly be the maximum."""
    with pytest.raises(ValueError, match="share"):
        percentile([1.0], share)


def test_no_values_have_no_statistics() -> None:
    """A run that measured nothing must not report zero."""
    for sum_up in (median, spread):
        with pytest.raises(ValueError, match="value"):
            sum_up([])


def test_rates_are_those_between_neighbouring_looks() -> None:
    """What was answered before the first look, while warming up, does not count."""
    assert rates([100, 150, 350], [10.0, 10.5, 11.5]) == [100.0, 200.0]


def test_looks_at_one_moment_give_no_rate() -> None:
    """They would be a division by zero."""
    with pytest.raises(ValueError, match="grow"):
        rates([1, 2], [1.0, 1.0])


@pytest.mark.parametrize(
    ("at_least", "value", "kept"),
    [(True, 10.0, True), (True, 9.9, False), (False, 10.0, True), (False, 10.1, False)],
)
def test_a_budget_is_kept_up_to_its_bound(at_least: bool, value: float, kept: bool) -> None:  # noqa: FBT001
    """More is better for rates, less for times and memory."""
    assert Budget(10.0, at_least=at_least).is_kept(value) is kept
