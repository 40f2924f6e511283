from __future__ import annotations

import pytest

from eureka_sidecar.core.configuration import Check
from eureka_sidecar.core.health import Health, is_success

PERIOD_MS = 5_000


def health(rise: int = 1, fall: int = 3) -> Health:
    """Of an application that has just been started."""
    return Health(Check("http", 8080, period_ms=PERIOD_MS, rise=rise, fall=fall), now_ms=1_000)


def observed(results: str, rise: int, fall: int) -> Health:
    """After checks, one in a second: `+` succeeded, `-` failed."""
    found = health(rise, fall)
    for second, result in enumerate(results, start=2):
        found.observe(second * 1_000, "it answered", ok=result == "+")
    return found


@pytest.mark.parametrize(
    ("results", "rise", "fall", "status"),
    [
        ("", 1, 3, "STARTING"),
        ("-", 1, 1, "STARTING"),
        ("-----", 1, 3, "STARTING"),
        ("+", 1, 3, "UP"),
        ("+", 2, 3, "STARTING"),
        ("+-+", 2, 3, "STARTING"),
        ("+-++", 2, 3, "UP"),
        ("+-", 1, 1, "DOWN"),
        ("+--", 1, 3, "UP"),
        ("+--+--", 1, 3, "UP"),
        ("+---", 1, 3, "DOWN"),
        ("+---+", 1, 3, "UP"),
        ("++---+-+", 2, 3, "DOWN"),
        ("++---+-++", 2, 3, "UP"),
        ("++---++--", 2, 3, "UP"),
    ],
)
def test_status_follows_the_thresholds(results: str, rise: int, fall: int, status: str) -> None:
    """As a readiness probe's; one bad answer of a busy application takes it out of no client."""
    assert observed(results, rise, fall).status == status


@pytest.mark.parametrize(
    ("results", "since_ms"),
    [("", 1_000), ("---", 1_000), ("-+++", 3_000), ("+--", 2_000), ("+----", 5_000)],
)
def test_a_status_keeps_the_time_when_it_was_taken(results: str, since_ms: int) -> None:
    """Further checks that say the same do not make it younger."""
    assert observed(results, rise=1, fall=3).since_ms == since_ms


@pytest.mark.parametrize(
    ("results", "wait_ms"),
    [
        ("-", 1_000),
        ("+", PERIOD_MS),
        ("+-", PERIOD_MS),
        ("+-+", PERIOD_MS),
        ("+---", PERIOD_MS),
        ("+----", PERIOD_MS),
    ],
)
def test_what_may_become_up_is_checked_sooner(results: str, wait_ms: int) -> None:
    """Clients get the instance a second after it is ready; failures count by periods, as there."""
    found = observed(results, rise=1, fall=3)

    assert found.next_check_ms == 1_000 * (1 + len(results)) + wait_ms


def test_recovery_that_needs_several_successes_is_not_waited_for_a_period_each() -> None:
    """With a period of 30 s and a rise of 3 it would take a minute and a half."""
    assert observed("++---+", rise=2, fall=3).next_check_ms == 7_000 + 1_000


def test_a_short_period_stays_as_it_is() -> None:
    """Less than a second is asked for only in tests of applications, but then it is meant."""
    found = Health(Check("tcp", 80, period_ms=200), now_ms=0)
    found.observe(0, "127.0.0.1:80 refuses connections", ok=False)

    assert found.next_check_ms == 200


def test_the_first_check_is_due_at_once() -> None:
    """An application that runs already is registered as UP, not as STARTING for a period."""
    assert health().next_check_ms == 1_000


def test_it_says_since_when_and_why_it_never_became_ready() -> None:
    """It is what `eureka-sidecar status` answers to "why is it not UP"."""
    found = health()
    found.observe(2_000, "GET http://127.0.0.1:8080/ answered 503", ok=False)

    assert (found.status, found.since_ms) == ("STARTING", 1_000)
    assert found.reason == "GET http://127.0.0.1:8080/ answered 503"


@pytest.mark.parametrize(
    ("results", "reason"),
    [
        ("+", "it answered"),
        ("+--", "it answered (2 of 3 failures that make it DOWN)"),
        ("+---", "it answered"),
        ("+---+", "it answered (1 of 2 successes that make it UP)"),
    ],
)
def test_reason_counts_what_is_missing_for_another_status(results: str, reason: str) -> None:
    """An UP whose last check failed would look like a mistake."""
    assert observed("+" + results, rise=2, fall=3).reason == reason


@pytest.mark.parametrize(
    ("status", "expected"), [(199, 0), (200, 1), (302, 1), (399, 1), (400, 0), (503, 0)]
)
def test_http_statuses_count_as_for_the_kubelet(status: int, expected: int) -> None:
    """Otherwise a pod would be ready and its instance not, or the other way round."""
    assert is_success(status) == bool(expected)
