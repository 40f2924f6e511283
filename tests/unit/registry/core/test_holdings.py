"""What is derived from the leases: hash, delta, versions, digests (cases 132 to 140)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from eureka_registry.core.delta import sorted_changes
from eureka_registry.core.model import ActionType, Instance, Origin, Status
from eureka_registry.core.registry import Registry
from support.instances import APP, changed, fleet, in_order, instance, register, registry, renew

ADDED, MODIFIED, DELETED = ActionType.ADDED, ActionType.MODIFIED, ActionType.DELETED


def delta(held: Registry, app: str = APP) -> list[tuple[str, ActionType | None, Status]]:
    """One application's part of the delta."""
    application = held.delta.applications.get(app)
    if application is None:
        return []
    return [
        (r.instance.id, r.instance.action, r.instance.status) for r in sorted_changes([application])
    ]


# -- Delta and hash


def test_registration_enters_the_delta() -> None:
    """Case 132."""
    held = registry()
    register(held)

    assert delta(held) == [("a", ADDED, Status.UP)]
    assert held.hashcode() == "UP_1_"


def test_change_of_status_is_one_entry() -> None:
    """Case 135."""
    held = registry()
    register(held)
    held.set_status(APP, "a", Status.OUT_OF_SERVICE, 1)

    assert delta(held) == [("a", MODIFIED, Status.OUT_OF_SERVICE)]
    assert held.hashcode() == "OUT_OF_SERVICE_1_"


def test_departure_keeps_its_last_status() -> None:
    """Cases 77 and 136: clients remove it by its id; DOWN would be a lie."""
    held = registry()
    register(held)
    held.cancel(APP, "a", 1)

    assert delta(held) == [("a", DELETED, Status.UP)]
    assert held.hashcode() == ""


def test_who_came_back_is_one_arrival() -> None:
    """Case 137."""
    held = registry()
    register(held)
    held.cancel(APP, "a", 1)
    register(held)

    assert delta(held) == [("a", ADDED, Status.UP)]
    assert held.hashcode() == "UP_1_"


def test_registering_again_is_one_arrival() -> None:
    """Case 54."""
    held = registry()
    register(held)
    register(held)

    assert delta(held) == [("a", ADDED, Status.UP)]


def test_old_changes_leave_the_delta_but_not_the_hash() -> None:
    """Case 138."""
    held = registry()
    register(held)
    held.tick(180_001)

    assert delta(held) == []
    assert held.hashcode() == "UP_1_"


def test_hash_of_those_who_stay() -> None:
    """Case 78."""
    held = registry()
    fleet(held, 2)
    held.cancel(APP, "0", 1)

    assert held.hashcode() == "UP_1_"
    assert [document.id for document in held.applications[APP].instances()] == ["1"]


def test_hash_counts_every_status_over_all_applications() -> None:
    """Case 119."""
    held = registry()
    for number, status in enumerate(["UP", "DOWN", "STARTING", "OUT_OF_SERVICE", "UP"]):
        register(held, str(number), f"APP{number}", status=Status(status))

    assert held.hashcode() == "DOWN_1_OUT_OF_SERVICE_1_STARTING_1_UP_2_"


def test_departures_of_a_shrinking_registry_are_bounded() -> None:
    """Six hundred instances that came and went stop Spring's WebClient."""
    held = registry()
    fleet(held, 600)
    for number in range(590):
        held.cancel(APP, str(number), 1)

    departed = [entry for entry in delta(held) if entry[1] is DELETED]
    assert len(departed) == 256
    assert departed[-1] == ("589", DELETED, Status.UP)


# -- Versions


def visible_changes(held: Registry) -> list[tuple[str, Any]]:
    """Everything that clients can see happen, one after the other."""
    return [
        ("register", lambda: register(held)),
        ("again", lambda: register(held)),
        ("status", lambda: held.set_status(APP, "a", Status.DOWN, 1)),
        ("clear", lambda: held.clear_status(APP, "a", Status.UP, 2)),
        ("metadata", lambda: held.update_metadata(APP, "a", {"k": "v"}, 3)),
        ("adopt", lambda: held.adopt_override(APP, "a", Status.OUT_OF_SERVICE, 4)),
        ("copy", lambda: held.copy(instance(), 5)),
        ("cancel", lambda: held.cancel(APP, "a", 6)),
    ]


def test_each_visible_change_is_a_new_version() -> None:
    """Encoded answers are kept by version: one that stays is an answer that is stale."""
    held = registry()
    versions = [(held.version, held.delta.version)]
    for _, change in visible_changes(held):
        change()
        versions.append((held.version, held.delta.version))

    for before, after in pairwise(versions):
        assert after[0] > before[0]
        assert after[1] > before[1]


def test_only_the_changed_applications_version_grows() -> None:
    """The price of a change must not grow with the registry."""
    held = registry()
    register(held, "a", "ONE")
    before = held.applications["ONE"].version
    register(held, "a", "TWO")

    assert held.applications["ONE"].version == before
    assert held.applications["TWO"].version == held.version


def test_an_application_that_returns_has_a_version_it_never_had() -> None:
    """What was encoded of its predecessor may still be kept somewhere."""
    held = registry()
    register(held)
    before = held.applications[APP].version
    held.cancel(APP, "a", 1)
    register(held)

    assert held.applications[APP].version > before


def test_renewals_and_time_change_no_version() -> None:
    """A quiet registry answers from what it has encoded."""
    held = registry()
    fleet(held, 3)
    before = (held.version, held.delta.version)
    renew(held, "0", "1", "2", at=30_000)
    held.evict(30_001, in_order)
    held.tick(30_002)

    assert (held.version, held.delta.version) == before


# -- Digests


def digests(held: Registry) -> dict[str, int]:
    """What peers compare."""
    return {name: application.digest for name, application in held.applications.items()}


def test_peers_that_hold_the_same_agree() -> None:
    """Whatever way each came to it, and whenever."""
    one, other = registry(), registry()
    fleet(one, 5)
    one.set_status(APP, "3", Status.OUT_OF_SERVICE, 9)
    one.cancel(APP, "4", 10)
    register(other, "gone", at=70_000)
    other.cancel(APP, "gone", 70_001)
    for number in (3, 1, 0, 2):
        register(other, str(number), at=80_000 + number, origin=Origin.PEER)
    other.renew(APP, "2", 95_000)
    other.set_status(APP, "3", Status.OUT_OF_SERVICE, 99_000)

    assert digests(one) == digests(other)


@pytest.mark.parametrize(
    "difference",
    [
        {"metadata": {"k": "v"}},
        {"status": Status.DOWN},
        {"overridden_status": Status.OUT_OF_SERVICE},
        {"last_dirty_ms": 1_001},
        {"vip_address": "v"},
        {"home_page_url": "u"},
    ],
    ids=lambda difference: next(iter(difference)),
)
def test_peers_that_hold_different_documents_differ(difference: dict[str, object]) -> None:
    """Equal counts have an equal hash: only the digest can tell."""
    one, other = registry(), registry()
    fleet(one, 3)
    fleet(other, 3)
    other.register(changed(instance("1"), **difference), Origin.PEER, 5)

    assert digests(one) != digests(other)


def test_a_missing_instance_shows_in_its_applications_digest_only() -> None:
    """So that only one application has to be compared instance by instance."""
    one, other = registry(), registry()
    for held in (one, other):
        fleet(held, 2, "SAME")
        fleet(held, 2, "DIFFERENT")
    other.cancel("DIFFERENT", "0", 1)

    assert digests(one)["SAME"] == digests(other)["SAME"]
    assert digests(one)["DIFFERENT"] != digests(other)["DIFFERENT"]


def test_the_whole_digest_tells_what_those_of_the_applications_tell() -> None:
    """Peers compare it first, and ask for those of the applications only where it differs."""
    one, other = registry(), registry()
    for app, name in (("ONE", "a"), ("TWO", "b")):
        register(one, name, app)
    for app, name in (("TWO", "b"), ("ONE", "a")):
        register(other, name, app, at=5)
    equal = one.digest() == other.digest()
    other.set_status("TWO", "b", Status.DOWN, 6)

    assert equal
    assert registry().digest() == 0
    assert 0 != one.digest() != other.digest()


def test_digest_returns_when_a_change_is_undone() -> None:
    """It sums up contents, not history."""
    held = registry()
    register(held)
    before = digests(held)
    held.set_status(APP, "a", Status.DOWN, 1)
    between = digests(held)
    held.clear_status(APP, "a", Status.UP, 2)

    assert between != before
    assert digests(held) == before


def test_renewals_do_not_touch_digests() -> None:
    """Peers renew at different moments."""
    held = registry()
    register(held)
    before = digests(held)
    renew(held, "a", at=30_000)

    assert digests(held) == before


# -- Addresses


def by_address(held: Registry, name: str) -> list[Instance]:
    """Documents that answer to a virtual address."""
    group = held.vips.plain.get(name)
    return list(group.members.values()) if group else []


def test_addresses_follow_every_change() -> None:
    """A look-up by address must show what a look-up by name shows."""
    held = registry()
    register(held, vip_address="a,b")
    held.set_status(APP, "a", Status.DOWN, 1)
    shown = by_address(held, "a") + by_address(held, "b")
    register(held, vip_address="b")
    moved = (by_address(held, "a"), len(by_address(held, "b")))
    held.cancel(APP, "a", 2)

    assert [document.status for document in shown] == [Status.DOWN, Status.DOWN]
    assert moved == ([], 1)
    assert held.vips.plain == {}
