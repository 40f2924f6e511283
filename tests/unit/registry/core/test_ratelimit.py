"""How many fetches and warnings pass."""

from __future__ import annotations

from eureka_registry.core.limits import MAX_NOTICED, NOTICES_A_MINUTE
from eureka_registry.core.ratelimit import Notices, TokenBucket


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


def test_a_warning_is_logged_once_for_each_topic() -> None:
    """The same request comes again and again."""
    notices = Notices()

    assert [notices.take(topic, 0) for topic in "abab"] == [True, True, False, False]
    assert not notices.take("a", 86_400_000)


def test_warnings_are_so_many_a_minute() -> None:
    """Whoever names another topic each time must not fill the log; a known one costs nothing."""
    notices = Notices()
    every_ms = 60_000 // NOTICES_A_MINUTE

    assert sum(notices.take(f"first {number}", 0) for number in range(100)) == NOTICES_A_MINUTE
    assert [notices.take(f"next {at}", at) for at in (every_ms - 1, every_ms + 1)] == [False, True]
    assert not notices.take("first 0", 3 * every_ms)
    assert notices.take("first 99", 3 * every_ms)


def test_memory_of_topics_is_bounded() -> None:
    """A registry runs for months; what was logged long ago is logged once more."""
    notices, minute = Notices(), 60_000
    for number in range(MAX_NOTICED):
        assert notices.take(f"topic {number}", number * minute)

    assert not notices.take("topic 0", MAX_NOTICED * minute)
    assert notices.take("one more", MAX_NOTICED * minute)
    assert notices.take("topic 0", MAX_NOTICED * minute)
