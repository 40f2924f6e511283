"""How often a registry is asked."""

from __future__ import annotations

import pytest

from eureka_sidecar.core.pace import (
    Pace,
    last_retry_pause_ms,
    renewal_pause_ms,
    retry_pause_ms,
)

INTERVAL_MS = 10_000


def test_renewals_come_a_little_before_their_interval_is_over() -> None:
    """The server's self-preservation counts on one in each interval."""
    assert renewal_pause_ms(INTERVAL_MS, lambda: 0.0) == 9_000
    assert renewal_pause_ms(INTERVAL_MS, lambda: 0.999) == 9_999


@pytest.mark.parametrize(
    ("rounds", "longest_ms"), [(1, 1_000), (2, 2_000), (3, 4_000), (4, 8_000), (5, 10_000)]
)
def test_retries_begin_at_once_and_grow_to_the_interval(rounds: int, longest_ms: int) -> None:
    """Full jitter: anything from nothing to the ceiling."""
    assert retry_pause_ms(rounds, INTERVAL_MS, lambda: 0.0) == 0
    assert retry_pause_ms(rounds, INTERVAL_MS, lambda: 1.0) == longest_ms


@pytest.mark.parametrize("rounds", [6, 7, 100, 10_000])
def test_long_outage_is_asked_at_the_pace_of_renewals(rounds: int) -> None:
    """So the registry that returns has everybody back within one interval, and no wave."""
    assert retry_pause_ms(rounds, INTERVAL_MS, lambda: 0.0) == 9_000


def test_pace_of_renewals_begins_when_the_ceiling_is_twice_the_interval() -> None:
    """32 s are more than twice 12 s, exactly twice 16 s, and less than twice 17 s."""
    assert retry_pause_ms(6, 12_000, lambda: 0.0) == 10_800
    assert retry_pause_ms(6, 16_000, lambda: 0.0) == 14_400
    assert retry_pause_ms(6, 17_000, lambda: 0.0) == 0


def test_removal_is_tried_again_within_a_second() -> None:
    """The process is about to end."""
    assert last_retry_pause_ms(lambda: 0.0) == 0
    assert last_retry_pause_ms(lambda: 0.5) == 500


def test_request_is_free_when_it_is_said_to_be() -> None:
    """Else a loop that waits until then would wait again."""
    pace = Pace(INTERVAL_MS)
    for now_ms in (0, 0, 0, 0, 100_000):
        pace.take(now_ms)
    for _ in range(3):
        pace.take(100_000)
    free_ms = pace.free_ms(100_000)

    assert free_ms > 100_000
    assert pace.free_ms(free_ms - 2) > free_ms - 2
    assert pace.free_ms(free_ms) == free_ms


def test_pace_allows_four_at_once_and_then_a_little_more_than_renewals() -> None:
    """1.2 times the six renewals of a minute, and six: 13.2."""
    pace = Pace(INTERVAL_MS)
    sent = []
    now_ms = 0
    while now_ms < 60_000:
        now_ms = max(now_ms, pace.free_ms(now_ms))
        pace.take(now_ms)
        sent.append(now_ms)

    assert sent[:4] == [0, 0, 0, 0]
    assert len([at_ms for at_ms in sent if at_ms < 60_000]) == 13


def test_what_did_not_reach_a_server_is_not_counted() -> None:
    """A server that refuses connections costs the registry nothing."""
    pace = Pace(INTERVAL_MS)
    for _ in range(100):
        pace.take(0)
        pace.give_back()

    assert pace.free_ms(0) == 0


def test_only_what_was_counted_is_given_back() -> None:
    """Four at once remain the most."""
    idle, busy = Pace(INTERVAL_MS), Pace(INTERVAL_MS)
    idle.give_back()
    for _ in range(5):
        idle.take(0)
        busy.take(0)
    busy.give_back()
    busy.give_back()

    assert idle.free_ms(0) > 0
    assert busy.free_ms(0) == 0
    busy.take(0)
    assert busy.free_ms(0) > 0
