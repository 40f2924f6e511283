"""Which status a registration leads to: each rule, and which of two wins."""

from __future__ import annotations

import pytest

from eureka_registry.core.model import Origin, Status
from eureka_registry.core.status import resolve

UP, DOWN, STARTING = Status.UP, Status.DOWN, Status.STARTING
OUT, UNKNOWN = Status.OUT_OF_SERVICE, Status.UNKNOWN
CLIENT, PEER = Origin.CLIENT, Origin.PEER


@pytest.mark.parametrize("own", [DOWN, STARTING, UNKNOWN])
@pytest.mark.parametrize("override", [None, UP, OUT])
def test_an_instance_that_cannot_serve_says_so_whatever_the_operator_said(
    own: Status, override: Status | None
) -> None:
    """DownOrStartingRule: an override must not send traffic to an instance that is down."""
    assert resolve(own, override, UP, CLIENT, sticky=True) is own


@pytest.mark.parametrize("own", [UP, OUT])
@pytest.mark.parametrize("override", list(Status))
@pytest.mark.parametrize("held", [None, *Status])
def test_override_wins_over_up_and_out_of_service(
    own: Status, override: Status, held: Status | None
) -> None:
    """OverrideExistsRule: what an operator decided outlives re-registrations (cases 81, 93)."""
    assert resolve(own, override, held, CLIENT, sticky=True) is override


@pytest.mark.parametrize("held", [None, *Status])
def test_client_comes_back_into_service_by_itself(held: Status | None) -> None:
    """By default what a client says of itself is never an operator's decision (case 49)."""
    assert resolve(UP, None, held, CLIENT, sticky=False) is UP


@pytest.mark.parametrize(
    ("held", "expected"), [(OUT, OUT), (UP, UP), (STARTING, UP), (DOWN, UP), (None, UP)]
)
def test_sticky_keeps_what_the_lease_already_was(held: Status | None, expected: Status) -> None:
    """LeaseExistsRule, for who wants Java's behaviour (cases 49 and 51)."""
    assert resolve(UP, None, held, CLIENT, sticky=True) is expected


def test_sticky_does_not_bind_peers() -> None:
    """The first peer has decided already; a second opinion would let them diverge (case 50)."""
    assert resolve(UP, None, OUT, PEER, sticky=True) is UP


def test_sticky_ignores_out_of_service_on_a_living_lease() -> None:
    """Java's rule works in both directions: UP stays UP."""
    assert resolve(OUT, None, UP, CLIENT, sticky=True) is UP
