"""What is counted, and what is said of it."""

from __future__ import annotations

import pytest

from eureka_registry.local.bench.figures import Latency, Samples, Tally, rank


@pytest.mark.parametrize(
    ("share", "count", "place"), [(0.5, 100, 50), (0.99, 100, 99), (0.99, 3, 3), (1.0, 7, 7)]
)
def test_a_percentile_is_the_nearest_rank(share: float, count: int, place: int) -> None:
    """It is a value that was measured, and of few values the p99 is the slowest."""
    assert rank(share, count) == place


@pytest.mark.parametrize(("share", "count"), [(0.0, 1), (1.1, 1), (0.5, 0)])
def test_there_is_no_rank_without_a_value_or_a_share(share: float, count: int) -> None:
    """Place 0 would quietly be the last value."""
    with pytest.raises(ValueError, match="share"):
        rank(share, count)


def test_latencies_are_exact_whatever_the_order() -> None:
    """Milliseconds 1 to 100 in descending order, each once."""
    samples = Samples()
    for value_ms in range(100, 0, -1):
        samples.add(value_ms / 1000)

    assert samples.latency() == Latency(50.0, 90.0, 99.0, 100.0)


def test_equal_durations_all_count() -> None:
    """They are kept as one entry: one slow answer among a hundred is above the p99."""
    samples = Samples()
    for _ in range(99):
        samples.add(0.001)
    samples.add(0.5)

    assert samples.latency() == Latency(1.0, 1.0, 1.0, 500.0)


def test_nothing_measured_is_no_latency() -> None:
    """Zero would be the best of all."""
    assert Samples().latency() is None


def test_a_phase_has_the_rate_and_latency_of_its_good_answers() -> None:
    """A server that refuses quickly is not a quick server."""
    tally = Tally("renew", moment=10.0, cpu_s=1.0)
    tally.add("200", 0.002, 10, good=True)
    tally.add("200", 0.004, 20, good=True)
    tally.add("connection refused", 0.0001, 0, good=False)

    phase = tally.phase(moment=14.0, cpu_s=2.0)

    assert (phase.count, phase.errors, phase.seconds, phase.per_second) == (3, 1, 4.0, 0.5)
    assert phase.latency_ms == Latency(2.0, 4.0, 4.0, 4.0)
    assert phase.answers == {"200": 2, "connection refused": 1}
    assert (phase.bytes_per_answer, phase.generator_share) == (15, 0.25)


def test_latencies_of_different_operations_are_not_mixed() -> None:
    """A median of registrations and lists would mean nothing."""
    tally = Tally("change", moment=0.0, cpu_s=0.0, mixed=True)
    tally.add("204", 0.002, 0, good=True)

    assert tally.phase(moment=1.0, cpu_s=0.0).latency_ms is None
