"""Who may take the Lease, and what is written into it."""

from __future__ import annotations

import pytest

from eureka_operator.shell.leader import (
    Observation,
    Record,
    after_release,
    after_renewal,
    record_of,
)

ME, OTHER = "operator-1_a", "operator-2_b"
RECORD = Record(OTHER, 15, "2026-11-28T10:00:00.000000Z", "2026-11-28T10:00:20.000000Z", 3)
NOW = "2026-11-28T11:00:00.000000Z"


def test_lease_of_another_expires_one_duration_after_we_saw_it_change() -> None:
    """Its own times are of another clock: here they lie an hour in the past."""
    observation = Observation()
    observation.observe(RECORD, 100.0)
    observation.observe(RECORD, 110.0)

    assert observation.expires_s(ME) == 115.0


def test_renewal_prolongs_the_lease() -> None:
    """As we see it, not as it says."""
    observation = Observation()
    observation.observe(RECORD, 100.0)

    observation.observe(RECORD._replace(renewed=NOW), 110.0)

    assert observation.expires_s(ME) == 125.0


@pytest.mark.parametrize("holder", ["", ME])
def test_lease_of_nobody_or_our_own_may_be_taken_at_once(holder: str) -> None:
    """It was released, or is ours."""
    observation = Observation()
    observation.observe(RECORD._replace(holder=holder), 100.0)

    assert observation.expires_s(ME) <= 100.0


def test_holder_says_how_long_its_lease_lasts() -> None:
    """Replicas of two versions may differ in it."""
    observation = Observation()
    observation.observe(RECORD._replace(duration_s=40), 100.0)

    assert observation.expires_s(ME) == 140.0


def test_taking_over_counts_a_transition() -> None:
    """`kubectl get lease` shows how often that was."""
    assert after_renewal(RECORD, ME, 15, NOW) == Record(ME, 15, NOW, NOW, 4)


def test_renewing_does_not() -> None:
    """And leaves when it was acquired."""
    assert after_renewal(RECORD, OTHER, 15, NOW) == RECORD._replace(renewed=NOW)


def test_first_lease_has_no_transition() -> None:
    """As client-go's."""
    assert after_renewal(None, ME, 15, NOW) == Record(ME, 15, NOW, NOW, 0)


def test_released_lease_has_no_holder_and_is_over_in_a_second() -> None:
    """Even an elector that waits for it to expire waits no longer."""
    assert after_release(RECORD, NOW) == Record("", 1, NOW, NOW, 3)


def test_lease_that_says_nothing_is_nobodys() -> None:
    """Made by hand, perhaps."""
    assert record_of({"metadata": {}}) == Record("", 0, "", "", 0)
    assert record_of({"spec": {"holderIdentity": None}}).holder == ""
