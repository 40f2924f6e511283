"""How many fetches pass."""

from __future__ import annotations

from eureka_registry.core.ratelimit import TokenBucket


def passed(bucket: TokenBucket, tries: int, at: int) -> int:
    """How many of so many tries at one moment pass."""
    return sum(bucket.take(at) for _ in range(tries))


def test_a_burst_passes_and_no_more() -> None:
    """Clients start together after a deployment; that is what the burst is for."""
    assert passed(TokenBucket(10, 500, 0), 20, 0) == 10


def test_the_rate_holds_in_the_long_run() -> None:
    """A bucket that never refilled would shut clients out for ever."""
    bucket = TokenBucket(1, 2, 0)

    assert [bucket.take(at) for at in (0, 499, 500, 999, 1_000)] == [1, 0, 1, 0, 1]


def test_a_quiet_time_earns_no_more_than_a_burst() -> None:
    """Otherwise a quiet night would pay for a flood in the morning."""
    assert passed(TokenBucket(3, 1_000, 0), 10, 86_400_000) == 3


def test_many_tries_do_not_slow_the_refill() -> None:
    """A fraction of a token is kept, however often somebody asks for a whole one."""
    bucket = TokenBucket(1, 1, 0)
    bucket.take(0)
    refused = [bucket.take(at) for at in range(100, 1_000, 100)]

    assert not any(refused)
    assert bucket.take(1_001)
