"""What clients do to leases: cases 46 to 101 of `eureka-protocol.md` 10, as far as the core goes.

Where our default differs from Java, both ways are tested.
"""

from __future__ import annotations

import pytest

from eureka_registry.core.model import ActionType, DataCenter, LeaseInfo, Origin, Status
from eureka_registry.core.registry import LAST_N, Registry, Renewal, Rules
from support.instances import (
    APP,
    changed,
    instance,
    lease,
    register,
    registry,
    status,
)

UP, DOWN, STARTING = Status.UP, Status.DOWN, Status.STARTING
OUT, UNKNOWN = Status.OUT_OF_SERVICE, Status.UNKNOWN

STICKY = Rules(sticky_out_of_service=True)
RENEWED = Renewal(found=True, renewed=True)
NOT_FOUND = Renewal(found=False, renewed=False)


def holding(rules: Rules | None = None, **fields: object) -> Registry:
    """A registry with one lease, that of ORDERS/a."""
    held = registry(rules)
    register(held, **fields)  # type: ignore[arg-type]
    return held


def with_override(override: Status = OUT) -> Registry:
    """A registry whose only instance an operator has overridden (case 79)."""
    held = holding()
    assert held.set_status(APP, "a", override, 1)
    return held


# -- Registering again (46 to 55)


def test_an_older_document_begins_a_new_lease_of_the_one_we_hold() -> None:
    """A late retry must not undo what the client said since (46)."""
    held = holding(metadata={"v": "new"})
    register(held, at=5_000, last_dirty_ms=900, metadata={"x": "1"})

    assert lease(held).instance.metadata == {"v": "new"}
    assert lease(held).instance.last_dirty_ms == 1_000
    assert lease(held).registered_at_ms == 5_000


@pytest.mark.parametrize("dirty", [1_000, 1_100])
def test_an_equally_new_or_newer_document_replaces_ours(dirty: int) -> None:
    """Metadata updates travel between peers with an unchanged timestamp (47, 48)."""
    held = holding(metadata={"v": "old"})
    register(held, last_dirty_ms=dirty, metadata={"v": "new"})

    assert lease(held).instance.metadata == {"v": "new"}
    assert lease(held).instance.last_dirty_ms == dirty


def test_lease_length_is_that_of_the_latest_registration() -> None:
    """Also of an older document, as in Java: the client that lives now sent it."""
    held = holding()
    register(held, last_dirty_ms=900, interval_s=5, duration_s=15)

    assert lease(held).ends_at_ms(java=False) == 15_000
    assert lease(held).instance.lease.duration_s == 15


def test_client_comes_back_from_out_of_service() -> None:
    """Java leaves it out of service for ever; here only operators' overrides stick (49)."""
    held = holding(status=OUT)
    register(held, last_dirty_ms=2_000, status=UP)

    assert status(held) == (UP, UNKNOWN)


def test_client_takes_itself_out_of_service() -> None:
    """With Java, `setInstanceStatus(OUT_OF_SERVICE)` on a living lease changes nothing."""
    held = holding()
    register(held, last_dirty_ms=2_000, status=OUT)

    assert status(held) == (OUT, UNKNOWN)


def test_sticky_out_of_service_holds_clients_but_not_peers() -> None:
    """LeaseExistsRule (49, 50)."""
    held = holding(STICKY, status=OUT)
    register(held, last_dirty_ms=2_000, status=UP)
    by_client = status(held)
    register(held, last_dirty_ms=2_000, status=UP, origin=Origin.PEER)

    assert by_client == (OUT, UNKNOWN)
    assert status(held) == (UP, UNKNOWN)


def test_sticky_ends_with_the_lease() -> None:
    """Cancel and register is the client's way out."""
    held = holding(STICKY, status=OUT)
    held.cancel(APP, "a", 1)
    register(held)

    assert status(held) == (UP, UNKNOWN)


@pytest.mark.parametrize("rules", [Rules(), STICKY])
@pytest.mark.parametrize(("first", "then"), [(STARTING, UP), (UP, DOWN), (DOWN, UP)])
def test_other_changes_of_status_are_the_clients_own(
    rules: Rules, first: Status, then: Status
) -> None:
    """Cases 51 and 52, whichever rules are on."""
    held = holding(rules, status=first)
    register(held, last_dirty_ms=2_000, status=then)

    assert status(held) == (then, UNKNOWN)


def test_registering_again_restarts_the_lease_but_not_the_time_of_service() -> None:
    """Since when an instance serves is worth knowing; since when it is registered is not (53)."""
    held = holding()
    held.renew(APP, "a", 30_000)
    register(held, at=40_000)

    assert lease(held).info() == LeaseInfo(30, 90, 40_000, 40_000, 0, service_up_at_ms=0)
    assert lease(held).ends_at_ms(java=True) == 130_000


def test_time_of_service_begins_with_the_first_up() -> None:
    """`serviceUpTimestamp` is set once."""
    held = holding(status=STARTING)
    register(held, at=7_000, status=UP)
    register(held, at=9_000, status=UP)

    assert lease(held).instance.lease.service_up_at_ms == 7_000


def test_override_belongs_to_one_application() -> None:
    """In Java an override of FOO/a takes BAR/a out of service as well (55)."""
    held = holding()
    register(held, "a", "OTHER")
    held.set_status(APP, "a", OUT, 1)
    register(held, "a", "OTHER")

    assert status(held, "a", "OTHER") == (UP, UNKNOWN)


def test_documents_override_is_taken_over_once() -> None:
    """A restarted registry learns overrides from documents; a living one knows better (28)."""
    held = holding(overridden_status=OUT)
    first = status(held)
    held.set_status(APP, "a", UP, 1)
    register(held, overridden_status=OUT)

    assert first == (OUT, OUT)
    assert status(held) == (UP, UP)


def test_registration_stamps_the_document() -> None:
    """These are the server's to say, whatever the client sent."""
    made = register(
        registry(Rules(own_id="me")),
        at=5_000,
        action=ActionType.DELETED,
        last_updated_ms=1,
        is_coordinating=True,
    )

    assert made.action is ActionType.ADDED
    assert made.last_updated_ms == 5_000
    assert made.lease == LeaseInfo(30, 90, 5_000, 5_000, 0, 5_000)
    assert not made.is_coordinating


def test_a_peers_own_instance_is_the_coordinating_server() -> None:
    """`isCoordinatingDiscoveryServer` is true for the server one asks, and for no other."""
    assert register(registry(Rules(own_id="a")), "a").is_coordinating


def test_amazons_metadata_gets_the_instance_id_it_lacks() -> None:
    """`ApplicationResource.addInstance` (21); an empty one stays (237)."""
    held = registry()
    lacking = register(held, "x", data_center=DataCenter("Amazon", {}))
    empty = register(held, "y", data_center=DataCenter("Amazon", {"instance-id": ""}))

    assert lacking.data_center == DataCenter("Amazon", {"instance-id": "x"})
    assert empty.data_center == DataCenter("Amazon", {"instance-id": ""})


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


# -- Cancelling (73 to 78)


def test_cancelled_lease_is_gone_with_its_application() -> None:
    """Clients would show an empty application as one without instances (73)."""
    held = holding()

    assert held.cancel(APP, "a", 1)
    assert held.lease(APP, "a") is None
    assert held.applications == {}


def test_cancelling_the_unknown_is_refused() -> None:
    """Case 74; and it is nothing to remember."""
    held = holding()

    assert not held.cancel(APP, "zz", 1)
    assert not held.cancel("NONE", "a", 1)
    assert not held.last_departed


def test_override_ends_with_the_lease() -> None:
    """A new instance of that name starts with a clean slate (75)."""
    held = with_override()
    held.cancel(APP, "a", 2)
    register(held)

    assert status(held) == (UP, UNKNOWN)


def test_cancelling_elsewhere_leaves_an_override_alone() -> None:
    """In Java cancelling BAR/a, known or not, removes the override of FOO/a (76)."""
    held = with_override()
    held.cancel("OTHER", "a", 2)
    register(held)

    assert status(held) == (OUT, OUT)


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


@pytest.mark.parametrize(("given", "kept"), [(2_000, 2_000), (500, 1_000), (None, 1_000)])
def test_only_a_newer_timestamp_is_adopted(given: int | None, kept: int) -> None:
    """Cases 90 and 91, and the same for clearing."""
    held = holding()
    held.set_status(APP, "a", DOWN, 1, given)
    by_setting = lease(held).instance.last_dirty_ms
    again = with_override()
    again.clear_status(APP, "a", UP, 2, given)

    assert by_setting == lease(again).instance.last_dirty_ms == kept


def test_an_override_replaces_another() -> None:
    """Case 92: back to UP by setting it is still an override."""
    held = with_override(DOWN)
    held.set_status(APP, "a", UP, 2)

    assert status(held) == (UP, UP)


def test_override_up_begins_the_time_of_service() -> None:
    """Case 79's twin: whoever puts it into service."""
    held = holding(status=STARTING)
    held.set_status(APP, "a", UP, 8_000)

    assert lease(held).instance.lease.service_up_at_ms == 8_000


# -- Metadata (96 to 101)


def test_metadata_is_added_and_overwritten_but_never_removed() -> None:
    """Cases 96 and 97."""
    held = holding(metadata={"a": "1", "z": "9"})

    assert held.update_metadata(APP, "a", {"a": "2", "b": "3"}, 5)
    assert lease(held).instance.metadata == {"a": "2", "b": "3", "z": "9"}


def test_metadata_of_the_unknown_is_refused() -> None:
    """Case 98."""
    assert not holding().update_metadata(APP, "zz", {"a": "1"}, 1)


def test_metadata_update_is_a_registration_with_the_same_timestamp() -> None:
    """So Netflix does it; peers take it because equal timestamps replace (100)."""
    held = holding()
    held.renew(APP, "a", 30_000)
    held.update_metadata(APP, "a", {"k": "v"}, 31_000)

    assert lease(held).instance.last_dirty_ms == 1_000
    assert lease(held).instance.action is ActionType.ADDED
    assert lease(held).registered_at_ms == 31_000


def test_metadata_update_does_not_touch_what_clients_hold() -> None:
    """Documents are frozen: encoded forms are kept by their identity."""
    held = holding(metadata={"a": "1"})
    before = lease(held).instance
    held.update_metadata(APP, "a", {"a": "2"}, 5)

    assert before.metadata == {"a": "1"}


def test_metadata_update_keeps_the_override() -> None:
    """Its registration is the server's, not the client's."""
    held = with_override()
    held.update_metadata(APP, "a", {"k": "v"}, 5)

    assert status(held) == (OUT, OUT)


def test_the_clients_own_metadata_come_back_with_its_registration() -> None:
    """Case 101."""
    held = holding()
    held.update_metadata(APP, "a", {"k": "v"}, 5)
    register(held)

    assert lease(held).instance.metadata == {}


# -- Copying from another peer


def test_a_copied_lease_ends_when_it_ends_there() -> None:
    """A copy that started anew would give the dead of a whole cluster a second life."""
    held = registry()
    held.copy(changed(instance(), lease=LeaseInfo(30, 90, 10_000, 40_000, 0, 12_000)), 100_000)

    assert lease(held).ends_at_ms(java=False) == 130_000
    assert lease(held).info() == LeaseInfo(30, 90, 10_000, 40_000, 0, 12_000)


def test_a_copy_from_a_clock_ahead_is_not_in_the_future() -> None:
    """A lease must not live longer because two clocks differ."""
    held = registry()
    held.copy(changed(instance(), lease=LeaseInfo(30, 90, 999, 999)), 500)

    assert (lease(held).renewed_at_ms, lease(held).registered_at_ms) == (500, 500)


def test_a_copy_decides_nothing_anew() -> None:
    """The other peer's decision about status and override is final."""
    held = holding(STICKY, status=OUT)
    held.copy(instance(status=UP, overridden_status=UP, last_dirty_ms=1), 5)

    assert status(held) == (UP, UP)
    assert lease(held).override is UP
    assert lease(held).instance.last_dirty_ms == 1


def test_a_copy_may_end_an_override() -> None:
    """That is how a peer that missed the end of an override is put right."""
    held = with_override()
    held.copy(instance(), 5)

    assert lease(held).override is None
    assert status(held) == (UP, UNKNOWN)


# -- What the dashboard remembers


def test_remembers_the_last_arrivals_and_departures() -> None:
    """Netflix's dashboard shows the last thousand of each."""
    held = registry()
    for number in range(LAST_N + 5):
        register(held, str(number), at=number)
    held.cancel(APP, "7", 9_999)

    assert len(held.last_registered) == LAST_N
    assert held.last_registered[-1] == (LAST_N + 4, f"ORDERS({LAST_N + 4})")
    assert list(held.last_departed) == [(9_999, "ORDERS(7)", False)]


def test_finds_an_instance_by_its_id_alone() -> None:
    """`GET /instances/{id}` (114)."""
    held = registry()
    register(held, "x", "ONE")
    register(held, "y", "TWO")

    found = held.by_id("y", 1)
    assert found is not None
    assert found.instance.app == "TWO"
    assert held.by_id("zz", 1) is None
