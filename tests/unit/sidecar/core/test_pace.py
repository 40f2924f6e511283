"""How often a registry is asked."""

from __future__ import annotations

import pytest

from eureka_sidecar.core.pace import Pace, renewal_pause_ms, retry_pause_ms

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
