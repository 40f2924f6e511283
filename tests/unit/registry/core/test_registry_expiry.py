"""How leases expire: cases 141 to 158 of `docs/protocol/cases.md`, in our way and in Java's."""

from __future__ import annotations

import pytest

from eureka_registry.core.lease import Lease
from eureka_registry.core.model import ActionType, Instance, Origin, Status
from eureka_registry.core.registry import Registry, Rules
from eureka_registry.core.room import Full, Room
from eureka_registry.core.selfpreservation import Preservation, Verdict
from support.instances import (
    APP,
    NO_PRESERVATION,
    fleet,
    in_order,
    instance,
    lease,
    register,
    registry,
    renew,
)

OFF = Preservation(enabled=False)
JAVA_LEASES = Rules(preservation=OFF, lease_expiry_java=True)
JAVA = Rules(java_interval_s=30, lease_expiry_java=True, java_expected_clients=2)


def evicted_ids(held: Registry, at: int) -> list[str]:
    """Who is evicted at that moment."""
    return [document.id for document in held.evict(at, in_order)]


# -- The end of a lease (141, 142, 156, 157)


def test_lease_is_valid_to_its_last_millisecond() -> None:
    """`now > end`, as in `Lease.isExpired` (141)."""
    held = registry(NO_PRESERVATION)
    register(held, duration_s=1)

    assert evicted_ids(held, 1_000) == []
    assert evicted_ids(held, 1_001) == ["a"]


def test_renewed_lease_lives_for_one_duration() -> None:
    """Our difference from Java's 142."""
    held = registry(NO_PRESERVATION)
    register(held, duration_s=2)
    renew(held, "a", at=1_000)

    assert evicted_ids(held, 3_000) == []
    assert evicted_ids(held, 3_001) == ["a"]


def test_java_renewed_lease_lives_for_two_durations() -> None:
    """Case 142, for who wants it."""
    held = registry(JAVA_LEASES)
    register(held, duration_s=2)
    renew(held, "a", at=1_000)

    assert evicted_ids(held, 5_000) == []
    assert evicted_ids(held, 5_001) == ["a"]


def test_java_lease_that_never_was_renewed_lives_for_one() -> None:
    """Case 141 holds for Java's leases, too."""
    held = registry(JAVA_LEASES)
    register(held, duration_s=2)

    assert evicted_ids(held, 2_001) == ["a"]


def test_expired_lease_is_hidden_from_single_lookups_but_listed() -> None:
    """Case 156: lists show it until it is evicted, and a renewal revives it."""
    held = registry(NO_PRESERVATION)
    register(held, duration_s=1)

    assert held.visible(APP, "a", 1_001) is None
    assert held.by_id("a", 1_001) == []
    assert not held.set_status(APP, "a", Status.DOWN, 1_001)
    assert not held.clear_status(APP, "a", Status.UP, 1_001)
    assert held.update_metadata(APP, "a", {}, 1_001) is None
    assert held.size == 1
    assert held.renew(APP, "a", 1_001).found


def test_preserved_lease_is_found_beyond_its_end() -> None:
    """Case 157: what is preserved is served."""
    held = registry()
    fleet(held, 3)

    assert held.visible(APP, "0", 90_001) is not None
    assert held.set_status(APP, "0", Status.DOWN, 90_001)


# -- How many at once (143 to 145)


def sizes_by_minute(held: Registry, first_ms: int, minutes: int) -> list[int]:
    """Sizes after each of so many passes a minute apart."""
    sizes = [held.size]
    for minute in range(minutes):
        held.evict(first_ms + minute * 60_000, in_order)
        sizes.append(held.size)
    return sizes


def test_a_dead_registry_empties_step_by_step() -> None:
    """Case 143."""
    held = registry(NO_PRESERVATION)
    fleet(held, 9)

    assert sizes_by_minute(held, 90_001, 7) == [9, 7, 5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize(("size", "dead", "evicted"), [(20, 3, 3), (20, 4, 3), (100, 100, 15)])
def test_no_more_go_in_a_minute_than_the_threshold_leaves(
    size: int, dead: int, evicted: int
) -> None:
    """Cases 144 and 145."""
    held = registry(NO_PRESERVATION)
    fleet(held, size)
    renew(held, *map(str, range(dead, size)), at=60_000)

    assert len(evicted_ids(held, 90_001)) == evicted


def test_frequent_passes_evict_no_faster() -> None:
    """We look every five seconds, so that the dead go soon, not so that more of them go."""
    held = registry(NO_PRESERVATION)
    fleet(held, 100)
    for second in range(0, 60, 5):
        held.evict(90_001 + second * 1_000, in_order)

    assert held.size == 85


def test_victims_are_drawn_by_lot() -> None:
    """In order of registration one application's instances would go first (Java: Knuth)."""
    held = registry(NO_PRESERVATION)
    fleet(held, 100)
    drawn: list[list[str]] = []

    def shuffle(leases: list[Lease]) -> None:
        leases.sort(key=lambda lease: lease.instance.id[::-1])
        drawn.append([lease.instance.id for lease in leases])

    victims = [document.id for document in held.evict(90_001, shuffle)]

    assert sorted(drawn[0], key=int) == [str(n) for n in range(100)]
    assert victims == drawn[0][:15]


def test_only_the_expired_and_unprotected_are_drawn() -> None:
    """A lot must not hit somebody who is alive."""
    held = registry(NO_PRESERVATION)
    fleet(held, 10)
    renew(held, "0", "5", at=60_000)
    drawn: list[str] = []
    held.evict(90_001, lambda leases: drawn.extend(x.instance.id for x in leases))

    assert drawn == ["1", "2", "3", "4", "6", "7", "8", "9"]


# -- What an eviction leaves behind (140, 158)


def test_evicted_instance_departs_like_a_cancelled_one() -> None:
    """Case 140; that it expired is remembered, peers judge by it."""
    held = registry(NO_PRESERVATION)
    register(held)
    (left,) = held.evict(90_001, in_order)

    recent = held.delta.get(APP, "a")
    assert recent is not None
    assert recent.instance is left
    assert recent.expired
    assert left.action is ActionType.DELETED
    assert left.status is Status.UP
    assert left.lease.evicted_at_ms == left.last_updated_ms == 90_001
    assert list(held.last_departed) == [(90_001, "ORDERS(a)", True)]


# -- Self-preservation


def test_mixed_intervals_are_judged_each_by_its_own() -> None:
    """5 s, 30 s and 60 s clients renew as promised, and one dead client of each goes."""
    held = registry()
    for app, interval_s in (("FAST", 5), ("USUAL", 30), ("SLOW", 60)):
        fleet(held, 10, app, interval_s=interval_s, duration_s=3 * interval_s)
    for at in range(5_000, 300_001, 5_000):
        renew(held, *map(str, range(9)), at=at, app="FAST")
        if not at % 30_000:
            renew(held, *map(str, range(9)), at=at, app="USUAL")
        if not at % 60_000:
            renew(held, *map(str, range(9)), at=at, app="SLOW")
        held.evict(at, in_order)

    verdict = held.verdict(300_000)
    assert held.size == 27
    assert (verdict.expected, verdict.arriving, verdict.missing) == (27, 27, 0)
    assert verdict.promised == 9 * 15


def test_a_partition_keeps_everything_and_ends_by_itself() -> None:
    """Nine of ten silent at once is our own network; when they are back all is as before."""
    held = registry()
    fleet(held, 10)
    renew(held, "0", at=90_000)

    assert evicted_ids(held, 95_000) == []
    assert held.verdict(95_000).active
    renew(held, *map(str, range(10)), at=120_000)
    assert not held.verdict(120_000).active
    assert held.size == 10


def test_one_cut_off_application_is_kept_while_others_expire() -> None:
    """The rest of the registry is well."""
    held = registry()
    fleet(held, 5, "CUT")
    fleet(held, 60, "BIG")
    renew(held, *map(str, range(1, 60)), at=60_000, app="BIG")

    left = held.evict(90_001, in_order)

    assert [(document.app, document.id) for document in left] == [("BIG", "0")]
    assert held.visible("CUT", "0", 90_001) is not None


def test_the_last_of_a_small_fleet_goes() -> None:
    """A developer's single service must not be listed for ever after it was killed."""
    held = registry()
    register(held)

    assert evicted_ids(held, 90_001) == ["a"]


def test_three_leases_that_promise_much_and_never_come_stop_nobodys_expiry() -> None:
    """They promised a renewal a second for 68 years, and no dead instance left any list."""
    held = registry()
    fleet(held, 3, "EVIL", interval_s=1, duration_s=2**31 - 1)
    fleet(held, 100)
    for at in range(30_000, 600_001, 30_000):
        renew(held, *map(str, range(1, 100)), at=at)
        held.evict(at, in_order)

    assert held.lease(APP, "0") is None
    assert held.size == 102


def test_leases_end_within_hours_whoever_is_silent() -> None:
    """Many applications that are never renewed keep everybody's dead, but not for ever."""
    held = registry()
    for number in range(10):
        fleet(held, 3, f"EVIL{number}")
    register(held)
    hour = 3_600_000

    assert evicted_ids(held, 4 * hour) == []
    assert held.evict(90_000 + 4 * hour + 1, in_order)


def test_a_lease_of_68_years_ends_after_a_day() -> None:
    """Whatever its document says; it would be listed for ever."""
    held = registry()
    register(held, duration_s=2**31 - 1)

    assert evicted_ids(held, 86_400_000) == []
    assert evicted_ids(held, 86_400_001) == ["a"]


class Counting(Registry):
    """A registry that counts its verdicts, each of which looks at every lease."""

    verdicts = 0

    def verdict(self, now_ms: int) -> Verdict:
        """The verdict, counted."""
        self.verdicts += 1
        return super().verdict(now_ms)


def test_look_ups_share_one_verdict_a_second() -> None:
    """One look-up by id of an id that many applications held cost a verdict for each: 19 s."""
    held = Counting(Rules(), 0)
    for number in range(200):
        register(held, "same", f"APP{number}")
    for _ in range(50):
        held.by_id("same", 200_000)
        held.visible("APP7", "same", 200_999)

    assert held.verdicts == 1
    held.visible("APP7", "same", 201_000)
    assert held.verdicts == 2


def test_other_rules_are_a_reason_to_judge_anew() -> None:
    """An operator who switches self-preservation off sees it at once."""
    held = registry()
    fleet(held, 3)
    kept = held.visible(APP, "0", 90_001)
    held.adopt(NO_PRESERVATION)

    assert kept is not None
    assert held.visible(APP, "0", 90_001) is None


# -- Java's rules (146 to 154)


def java_with(renewals: int, clients: int = 2) -> Registry:
    """A registry by Java's rules that counted so many renewals in the last minute."""
    held = registry(
        Rules(java_interval_s=30, lease_expiry_java=True, java_expected_clients=clients)
    )
    held.renewals = renewals
    held.tick(60_000)
    return held


@pytest.mark.parametrize(("renewals", "evicted"), [(3, []), (5, []), (6, ["a"])])
def test_java_evicts_only_above_the_threshold(renewals: int, evicted: list[str]) -> None:
    """Cases 146 and 147 with the arriving client counted: 3 clients, threshold 5."""
    held = java_with(renewals)
    register(held)

    assert held.java is not None
    assert held.java.threshold == 5
    assert evicted_ids(held, 90_001) == evicted


def test_java_counts_each_client_once() -> None:
    """Cases 151 and 152: registering again and cancelling the unknown change nothing."""
    held = java_with(0)
    assert held.java is not None
    expected = []
    for step in (
        lambda: register(held),
        lambda: register(held),
        lambda: held.cancel(APP, "zz", 1),
        lambda: held.cancel(APP, "a", 1),
    ):
        step()
        expected.append(held.java.expected_clients)

    assert expected == [3, 3, 3, 2]


def test_java_counts_a_copied_lease_once() -> None:
    """What was copied at the start renews here, too, and is expected to."""
    held = java_with(0)
    held.copy(instance(), 1)
    held.copy(instance(), 2)

    assert held.java is not None
    assert held.java.expected_clients == 3


def test_java_counts_evictions_as_departures() -> None:
    """Otherwise the threshold would stay high for ever."""
    held = java_with(100)
    register(held)
    evicted_ids(held, 90_001)

    assert held.java is not None
    assert held.java.expected_clients == 2


def test_java_cold_start_evicts_nothing() -> None:
    """Case 150: expecting nobody, the threshold of 0 never lets a lease expire."""
    held = java_with(100, clients=0)
    register(held)

    assert evicted_ids(held, 1_000_000) == []


def test_java_rate_counts_renewals_of_unknown_leases_for_nothing() -> None:
    """A client that is told to register has not renewed."""
    held = registry(JAVA)
    held.renew(APP, "zz", 1)
    held.tick(1_000)

    assert held.renewal_rate.last_minute() == 0


def test_renewals_are_counted_whoever_brings_them() -> None:
    """Clients' and peers' alike: all of them say that the lease is alive."""
    held = registry(JAVA)
    register(held)
    for at in (1_000, 2_000, 3_000):
        renew(held, "a", at=at)
    held.tick(4_000)

    assert held.renewal_rate.last_minute() == 3
    assert lease(held).renewed_at_ms == 3_000


# -- Other rules while leases are held


def test_other_rules_hold_from_their_moment_for_leases_held_before() -> None:
    """Settings may change while everything runs."""
    held = registry(NO_PRESERVATION)
    register(held, duration_s=1)
    renew(held, "a", at=500)

    held.adopt(JAVA_LEASES)
    assert evicted_ids(held, 1_600) == []
    held.adopt(NO_PRESERVATION)
    assert evicted_ids(held, 1_600) == ["a"]


def test_javas_rules_begin_with_the_clients_that_are_here() -> None:
    """As after a start; a later change of a threshold forgets nobody."""
    held = registry()
    fleet(held, 4)

    held.adopt(JAVA)
    assert held.java is not None
    assert held.java.expected_clients == 4
    held.java.count_new()
    held.adopt(Rules(java_interval_s=10))
    assert held.java.expected_clients == 5
    held.adopt(Rules())
    assert held.java is None


def test_javas_rules_expect_one_client_where_nobody_is() -> None:
    """Who expects nobody counts nobody (150), and would keep the dead for ever."""
    held = registry()
    held.adopt(JAVA)

    assert held.java is not None
    assert held.java.expected_clients == 1


def test_another_room_holds_from_its_moment() -> None:
    """What is held stays; one more is refused."""
    held = registry()
    fleet(held, 2)
    held.adopt(Rules(room=Room(max_instances=2)))

    assert held.register(instance("x"), Origin.CLIENT, 1) == Full(
        "this registry holds its 2 instances already"
    )
    held.adopt(Rules(room=Room(max_instances=3)))
    assert isinstance(held.register(instance("x"), Origin.CLIENT, 2), Instance)
    assert held.size == 3


def test_most_that_is_evicted_a_minute_follows_the_threshold() -> None:
    """What has gone already counts."""
    held = registry(Rules(preservation=Preservation(enabled=False, threshold=0.75)))
    fleet(held, 8)

    assert len(evicted_ids(held, 1_000_000)) == 2
    assert evicted_ids(held, 1_000_000) == []
    held.adopt(Rules(preservation=Preservation(enabled=False, threshold=0.5)))
    assert len(evicted_ids(held, 1_000_000)) == 2


def test_shorter_retention_forgets_what_is_older() -> None:
    """At the next tick."""
    held = registry()
    register(held)

    held.adopt(Rules(delta_retention_ms=1_000))
    held.tick(2_000)

    assert held.delta.get(APP, "a") is None
