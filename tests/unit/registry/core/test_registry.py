"""How leases begin and end: cases 46 to 55, 73 to 78, 96 to 101 of `docs/protocol/cases.md`.

Where our default differs from Java, both ways are tested.
"""

from __future__ import annotations

import pytest

from eureka_registry.core.model import ActionType, DataCenter, LeaseInfo, Origin, Status
from eureka_registry.core.registry import LAST_N, Renewal, Rules
from support.instances import (
    APP,
    changed,
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
    register(held, last_dirty_ms=2_001, status=UP, origin=Origin.PEER)

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
    held = registry()
    register(held, at=1_000)
    held.renew(APP, "a", 30_000)
    register(held, at=40_000)

    assert lease(held).info() == LeaseInfo(30, 90, 40_000, 40_000, 0, service_up_at_ms=1_000)
    assert lease(held).ends_at_ms(java=True) == 130_000


def test_time_of_service_begins_with_the_first_up() -> None:
    """`serviceUpTimestamp` is set once."""
    held = holding(at=5_000, status=STARTING)
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
    lacking = register(held, "x", data_center=DataCenter("Amazon", {"ami-id": "1"}))
    empty = register(held, "y", data_center=DataCenter("Amazon", {"instance-id": ""}))

    assert lacking.data_center == DataCenter("Amazon", {"ami-id": "1", "instance-id": "x"})
    assert empty.data_center == DataCenter("Amazon", {"instance-id": ""})


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


def test_a_copy_is_stamped_like_a_registration() -> None:
    """Deltas show it as added, with the moment of its last change where it was made."""
    held = registry(Rules(own_id="me"))
    for name in ("me", "a"):
        held.copy(instance(name, last_updated_ms=7, action=ActionType.MODIFIED), 500)
    held.copy(instance("odd", last_updated_ms=-7), 500)

    assert lease(held).instance.action is ActionType.ADDED
    assert [lease(held, name).instance.is_coordinating for name in ("me", "a")] == [True, False]
    assert [lease(held, name).instance.last_updated_ms for name in ("a", "odd")] == [7, 500]


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
        held.cancel(APP, str(number), 9_000 + number)

    assert len(held.last_registered) == len(held.last_departed) == 1_000
    assert held.last_registered[-1] == (LAST_N + 4, f"ORDERS({LAST_N + 4})")
    assert held.last_departed[-1] == (9_000 + LAST_N + 4, f"ORDERS({LAST_N + 4})", False)


def test_finds_an_instance_by_its_id_alone() -> None:
    """`GET /instances/{id}` (114)."""
    held = registry()
    register(held, "x", "ONE")
    register(held, "y", "TWO")

    assert held.by_id("y", 1) == [lease(held, "y", "TWO")]
    assert held.by_id("zz", 1) == []
