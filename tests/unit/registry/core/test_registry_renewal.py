"""Renewals and overrides: cases 56 to 72 and 79 to 95 of `docs/protocol/cases.md`."""

from __future__ import annotations

import pytest

from eureka_registry.core.model import ActionType, Origin, Status
from eureka_registry.core.registry import Renewal, Rules
from support.instances import (
    APP,
    holding,
    instance,
    lease,
    register,
    registry,
    status,
    with_override,
)

UP, DOWN, STARTING = Status.UP, Status.DOWN, Status.STARTING
OUT, UNKNOWN = Status.OUT_OF_SERVICE, Status.UNKNOWN

STICKY = Rules(sticky_out_of_service=True)
RENEWED = Renewal(found=True, renewed=True)
NOT_FOUND = Renewal(found=False, renewed=False)


# -- Renewing (56 to 72)


def test_renewal_of_an_unknown_lease_is_not_found() -> None:
    """The client then registers (56)."""
    held = holding()

    assert held.renew(APP, "zz", 1) == NOT_FOUND
    assert held.renew("NONE", "a", 1) == NOT_FOUND
    assert held.renewals == 0


@pytest.mark.parametrize("dirty", [None, 1_000])
def test_renewal_moves_the_end_of_the_lease(dirty: int | None) -> None:
    """Cases 57 and 58."""
    held = holding()

    assert held.renew(APP, "a", 30_000, dirty) == RENEWED
    assert lease(held).ends_at_ms(java=False) == 120_000
    assert held.renewals == 1


def test_renewal_of_a_newer_document_makes_the_client_register() -> None:
    """Our document is stale; the lease is renewed all the same, and peers are told (59, 198)."""
    held = holding()

    assert held.renew(APP, "a", 30_000, 1_001) == Renewal(found=False, renewed=True)
    assert lease(held).renewed_at_ms == 30_000


def test_renewal_of_an_older_document_shows_ours() -> None:
    """Clients are answered 200 all the same, peers 409 with it (60, 61)."""
    held = holding()

    renewal = held.renew(APP, "a", 30_000, 999)

    assert renewal == Renewal(found=True, renewed=True, newer_here=lease(held).instance)


@pytest.mark.parametrize("dirty", [999, 1_001])
def test_timestamps_may_be_ignored(dirty: int) -> None:
    """`shouldSyncWhenTimestampDiffers=false`."""
    held = holding(Rules(sync_when_timestamp_differs=False))

    assert held.renew(APP, "a", 30_000, dirty) == RENEWED


def test_renewal_is_invisible() -> None:
    """Otherwise every heartbeat would spoil every encoded answer (134)."""
    held = holding()
    before = (held.version, held.delta.version, lease(held).instance)
    held.renew(APP, "a", 30_000, 1_000)

    assert (held.version, held.delta.version, lease(held).instance) == before
    assert lease(held).instance is before[2]


def test_single_lookups_show_the_true_moment_of_renewal() -> None:
    """Java shows a moment in the future (70); no client reads it."""
    held = holding()
    held.renew(APP, "a", 30_000)

    assert lease(held).document().lease.renewed_at_ms == 30_000


def test_renewals_of_an_unknown_status_are_not_found() -> None:
    """That is how a client learns to register with what it is by itself (68, 69)."""
    held = with_override(UNKNOWN)

    assert held.renew(APP, "a", 30_000, 1_000) == NOT_FOUND
    assert lease(held).renewed_at_ms == 1


def test_an_expired_lease_is_revived() -> None:
    """A client that was slow is alive (71)."""
    held = holding(duration_s=1, interval_s=1)

    assert held.renew(APP, "a", 1_500).found
    assert held.visible(APP, "a", 2_500) is not None


def test_a_peers_override_is_adopted_at_once() -> None:
    """Java stores it and shows it after the next renewal, outside of any delta (62)."""
    held = holding()
    held.adopt_override(APP, "a", OUT, 5)

    assert status(held) == (OUT, OUT)
    assert lease(held).instance.action is ActionType.MODIFIED


@pytest.mark.parametrize(("own", "shown"), [(UP, OUT), (STARTING, STARTING), (DOWN, DOWN)])
def test_an_adopted_override_follows_the_rules(own: Status, shown: Status) -> None:
    """DownOrStartingRule comes first."""
    held = holding(status=own)
    held.adopt_override(APP, "a", OUT, 5)

    assert status(held) == (shown, OUT)


@pytest.mark.parametrize("override", [UNKNOWN, OUT])
def test_adopting_nothing_new_changes_nothing(override: Status) -> None:
    """Each renewal of a peer carries its override."""
    held = with_override()
    before = held.version
    held.adopt_override(APP, "a", override, 5)
    held.adopt_override(APP, "zz", override, 5)

    assert held.version == before


# -- Overriding (79 to 95)


def test_override_changes_status_at_once() -> None:
    """Case 79."""
    held = with_override()

    assert status(held) == (OUT, OUT)
    assert lease(held).instance.action is ActionType.MODIFIED
    assert lease(held).instance.last_updated_ms == 1


def test_override_outlives_renewals_and_registrations() -> None:
    """An operator's decision holds until an operator ends it (80, 81)."""
    held = with_override()
    held.renew(APP, "a", 2, 1_000)
    register(held, last_dirty_ms=2_000)

    assert status(held) == (OUT, OUT)


def test_an_instance_that_starts_anew_is_starting_whatever_was_overridden() -> None:
    """Case 82; and the override is back when it is up."""
    held = with_override()
    register(held, last_dirty_ms=2_000, status=STARTING)
    starting = status(held)
    register(held, last_dirty_ms=3_000, status=UP)

    assert starting == (STARTING, OUT)
    assert status(held) == (OUT, OUT)


def test_override_up_beats_a_client_out_of_service() -> None:
    """Case 93."""
    held = holding(status=OUT)
    held.set_status(APP, "a", UP, 1)
    register(held, last_dirty_ms=2_000, status=OUT)

    assert status(held) == (UP, UP)


def test_override_unknown_sends_the_client_round_in_circles() -> None:
    """What Java does (231): registered, and yet not found."""
    held = with_override(UNKNOWN)
    register(held, last_dirty_ms=2_000)

    assert status(held) == (UNKNOWN, UNKNOWN)
    assert held.renew(APP, "a", 3) == NOT_FOUND


@pytest.mark.parametrize("after", [UP, UNKNOWN])
def test_cleared_override_leaves_the_status_asked_for(after: Status) -> None:
    """Cases 83 and 84."""
    held = with_override()

    assert held.clear_status(APP, "a", after, 2)
    assert status(held) == (after, UNKNOWN)


def test_after_clearing_the_client_says_what_it_is() -> None:
    """UNKNOWN, 404, register: the designed way back (69)."""
    held = with_override()
    held.clear_status(APP, "a", UNKNOWN, 2)
    renewal = held.renew(APP, "a", 3, 1_000)
    register(held)

    assert renewal == NOT_FOUND
    assert status(held) == (UP, UNKNOWN)


def test_an_override_of_unknown_can_be_cleared() -> None:
    """It is an override although its name says the opposite."""
    held = with_override(UNKNOWN)
    held.clear_status(APP, "a", UP, 2)

    assert status(held) == (UP, UNKNOWN)


def test_clearing_without_an_override_only_renews() -> None:
    """Case 85."""
    held = holding()
    before = held.version

    assert held.clear_status(APP, "a", DOWN, 5)
    assert status(held) == (UP, UNKNOWN)
    assert held.version == before
    assert lease(held).renewed_at_ms == 5


def test_setting_the_present_status_only_renews() -> None:
    """Java stores no override then (89)."""
    held = holding()
    before = held.version

    assert held.set_status(APP, "a", UP, 5, 9_000)
    assert status(held) == (UP, UNKNOWN)
    assert held.version == before
    assert lease(held).renewed_at_ms == 5
    assert lease(held).instance.last_dirty_ms == 1_000


def test_the_unknown_has_no_status() -> None:
    """Cases 86 and 87."""
    held = holding()

    assert not held.set_status(APP, "zz", OUT, 1)
    assert not held.clear_status("NONE", "a", OUT, 1)


@pytest.mark.parametrize(
    ("rules", "given", "kept"),
    [
        (Rules(java_conflicts=True), 2_000, 2_000),
        (Rules(java_conflicts=True), 500, 1_000),
        (Rules(java_conflicts=True), None, 1_000),
        (Rules(), 2_000, 1_000),
        (Rules(), 500, 1_000),
    ],
)
def test_an_operators_timestamp_ages_the_document_with_java_only(
    rules: Rules, given: int | None, kept: int
) -> None:
    """Cases 90 and 91: what the client says next is then dropped as too old."""
    held = holding(rules)
    held.set_status(APP, "a", DOWN, 1, given)
    by_setting = lease(held).instance.last_dirty_ms
    again = holding(rules)
    again.set_status(APP, "a", DOWN, 1)
    again.clear_status(APP, "a", UP, 2, given)

    assert by_setting == lease(again).instance.last_dirty_ms == kept


@pytest.mark.parametrize(
    ("rules", "by_client_ms", "by_peer_ms"),
    [(Rules(), 9_001, 9_000), (Rules(java_conflicts=True), 5_000, 5_000)],
)
def test_an_override_is_a_change_of_the_document_where_it_is_made(
    rules: Rules, by_client_ms: int, by_peer_ms: int
) -> None:
    """Else the peers that hear of it would each give it another moment; Java's servers do."""
    moments = []
    for origin in (Origin.CLIENT, Origin.PEER):
        held = registry(rules)
        held.copy(instance(last_updated_ms=9_000), 5_000)
        held.set_status(APP, "a", OUT, 5_000, origin=origin)
        moments.append(lease(held).instance.last_updated_ms)

    assert moments == [by_client_ms, by_peer_ms]


def test_an_override_replaces_another() -> None:
    """Case 92: back to UP by setting it is still an override."""
    held = with_override(DOWN)
    held.set_status(APP, "a", UP, 2)

    assert status(held) == (UP, UP)


def test_override_up_begins_the_time_of_service() -> None:
    """Case 79's twin: whoever puts it into service."""
    held = holding(status=STARTING)
    held.set_status(APP, "a", OUT, 7_000)
    held.set_status(APP, "a", UP, 8_000)
    held.set_status(APP, "a", OUT, 9_000)
    held.set_status(APP, "a", UP, 10_000)

    assert lease(held).instance.lease.service_up_at_ms == 8_000
