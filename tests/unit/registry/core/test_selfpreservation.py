"""When expired leases are kept, and what a person is told about it."""

from __future__ import annotations

import pytest

from eureka_registry.core.selfpreservation import (
    JavaThreshold,
    LeaseCount,
    Preservation,
    Verdict,
    judge,
)

RULES = Preservation()
OFF = Preservation(enabled=False)


def count(app: str = "APP", *, well: int, missing: int, per_minute: float = 2) -> LeaseCount:
    """An application whose instances renew so often a minute."""
    return LeaseCount(app, well + missing, missing, (well + missing) * per_minute)


def verdict(*counts: LeaseCount, rules: Preservation = RULES) -> Verdict:
    """The verdict on so many applications."""
    return judge(counts, rules)


# -- In total


@pytest.mark.parametrize(("missing", "expires"), [(14, True), (15, False), (16, False)])
def test_leases_expire_while_more_than_the_threshold_arrives(
    missing: int, *, expires: bool
) -> None:
    """Exactly the threshold is too little, as in Java (`numberOfRenews > threshold`)."""
    assert verdict(count(well=100 - missing, missing=missing)).expiration_enabled is expires


@pytest.mark.parametrize(("well", "missing"), [(0, 1), (1, 1), (0, 2), (1, 2)])
def test_two_silent_clients_are_never_a_network_failure(well: int, missing: int) -> None:
    """Issue 722: one dead of two blocks Java's eviction for ever."""
    judged = verdict(count(well=well, missing=missing))

    assert judged.expiration_enabled
    assert not judged.active


def test_from_the_floor_on_a_small_fleet_is_preserved_too() -> None:
    """Three of three silent at once looks like our own network."""
    assert not verdict(count(well=0, missing=3)).expiration_enabled


def test_floor_is_a_setting() -> None:
    """A fleet of a thousand may want another one than a fleet of three."""
    judged = verdict(count(well=0, missing=3), rules=Preservation(floor=4))

    assert judged.expiration_enabled


def test_an_empty_registry_needs_no_preservation() -> None:
    """Java's threshold of 0 blocks eviction in a registry that never had clients (case 150)."""
    judged = verdict()

    assert judged.expiration_enabled
    assert judged.sentence == (
        "Self-preservation is not needed: 0 of 0 leases are renewed on time."
    )


def test_switched_off_everything_expires() -> None:
    """Who switches it off wants exactly that."""
    judged = verdict(count(well=0, missing=50), rules=OFF)

    assert judged.expiration_enabled
    assert not judged.keeps("APP", 1)


def test_fast_clients_do_not_make_up_for_slow_ones_that_are_silent() -> None:
    """Java: ten clients of 5 s send 120 a minute, so thirty dead ones of 30 s go unnoticed."""
    fast = count("FAST", well=10, missing=0, per_minute=12)
    slow = count("SLOW", well=0, missing=30, per_minute=2)

    assert verdict(fast, slow).keeps("SLOW", 1)


def test_slow_clients_are_not_taken_for_silent_ones() -> None:
    """Java: clients of 60 s send half of what is expected, and nothing expires ever again."""
    assert verdict(count(well=50, missing=3, per_minute=1)).expiration_enabled


def test_each_lease_counts_as_one() -> None:
    """5 s, 30 s and 60 s clients promise 12, 2 and 1 renewals a minute; none weighs more."""
    judged = verdict(
        count("FAST", well=9, missing=1, per_minute=12),
        count("USUAL", well=9, missing=1, per_minute=2),
        count("SLOW", well=9, missing=1, per_minute=1),
    )

    assert (judged.expected, judged.arriving, judged.missing) == (30, 27, 3)
    assert judged.promised == 150
    assert judged.expiration_enabled


# -- Per application


def test_one_applications_outage_keeps_only_its_own_leases() -> None:
    """A partition that cuts off one team's network is no reason to keep others' dead ones."""
    judged = verdict(count("CUT", well=1, missing=4), count("BIG", well=95, missing=5))

    assert judged.expiration_enabled
    assert judged.active
    assert (judged.keeps("CUT", 1), judged.keeps("BIG", 1)) == (True, False)


def test_an_applications_leases_are_kept_for_a_while_only() -> None:
    """A scale-down that nobody announced would otherwise stay in the lists for ever."""
    judged = verdict(count("CUT", well=1, missing=4), count("BIG", well=95, missing=0))

    assert (judged.keeps("CUT", 900_000), judged.keeps("CUT", 900_001)) == (True, False)


def test_a_registrys_leases_are_kept_longer_and_not_for_ever() -> None:
    """A short outage must empty no list; nor must anybody stop every expiry for ever."""
    judged = verdict(count("ALL", well=0, missing=4), count("TOO", well=0, missing=4))
    hours = 3_600_000

    assert (judged.keeps("ALL", 4 * hours), judged.keeps("ALL", 4 * hours + 1)) == (True, False)


@pytest.mark.parametrize("silent", [3, 1_000, 100_000])
def test_one_application_alone_never_stops_the_expiry_of_the_others(silent: int) -> None:
    """Whoever may write ORDERS could else keep everything that dies in all lists."""
    judged = verdict(
        count("EVIL", well=0, missing=silent, per_minute=60),
        count("HONEST", well=99, missing=1),
    )

    assert judged.expiration_enabled
    assert not judged.keeps("HONEST", 1)


def test_two_applications_that_miss_few_are_no_network_failure() -> None:
    """Their leases are votes like all others."""
    evil = [count(f"EVIL{n}", well=0, missing=3, per_minute=60) for n in range(4)]

    assert verdict(*evil, count("HONEST", well=95, missing=1)).expiration_enabled


def test_when_others_are_short_as_well_no_lease_expires() -> None:
    """That is what our own network looks like."""
    judged = verdict(count("BIG", well=10, missing=90), count("SMALL", well=3, missing=2))

    assert not judged.expiration_enabled


@pytest.mark.parametrize(("own_app", "expires"), [("EUREKA", False), ("", True)])
def test_peers_own_instances_are_no_others(own_app: str, *, expires: bool) -> None:
    """A peer renews itself whatever became of the network to its clients."""
    rules = Preservation(own_app=own_app)
    judged = verdict(
        count("ALL", well=1, missing=9), count("EUREKA", well=3, missing=0), rules=rules
    )

    assert judged.expiration_enabled is expires


def test_peers_that_miss_most_are_not_the_one_application_that_is_left_out() -> None:
    """Else one application of clients, short by itself, would keep the leases of all."""
    judged = verdict(
        count("EUREKA", well=0, missing=5),
        count("CUT", well=1, missing=4),
        count("WELL", well=10, missing=0),
        rules=Preservation(own_app="EUREKA"),
    )

    assert judged.expiration_enabled


def test_leases_are_kept_where_no_application_is_short_by_itself() -> None:
    """What is kept is said, whichever rule keeps it."""
    judged = verdict(*(count(app, well=8, missing=2) for app in ("ONE", "TWO", "TEN")))

    assert not judged.expiration_enabled
    assert not judged.kept
    assert judged.active


def test_an_application_is_kept_from_the_floor_on() -> None:
    """Three of four silent at once look like a network that is cut."""
    judged = verdict(count("FOUR", well=1, missing=3), count("BIG", well=95, missing=0))

    assert judged.keeps("FOUR", 1)


def test_short_are_those_that_miss_any_the_worst_first() -> None:
    """The dashboard shows them in this order."""
    judged = verdict(
        count("B", well=9, missing=1),
        count("WELL", well=10, missing=0),
        count("A", well=9, missing=1),
        count("WORST", well=9, missing=2),
    )

    assert [each.app for each in judged.short] == ["WORST", "A", "B"]


def test_javas_rules_keep_leases_without_end() -> None:
    """Who wants Java's way has it whole."""
    assert JavaThreshold(2, 30, RULES).judge(0).keeps("ANY", 10**12)


def test_half_of_an_application_may_go() -> None:
    """Less than half of its renewals must arrive before an application is kept."""
    judged = verdict(count("HALF", well=4, missing=4), count("BIG", well=95, missing=0))

    assert not judged.keeps("HALF", 1)


def test_a_small_application_is_not_kept() -> None:
    """Two of two gone is what scaling down by force looks like."""
    judged = verdict(count("TWO", well=0, missing=2), count("BIG", well=95, missing=0))

    assert not judged.keeps("TWO", 1)


# -- In words


def test_says_what_came_who_is_missing_and_what_happens_next() -> None:
    """The Java server's red banner says none of these."""
    judged = verdict(count("ORDERS", well=15, missing=5), count("USERS", well=16, missing=4))

    assert judged.sentence == (
        "Self-preservation is on: 31 of 40 leases are renewed on time, and more than 34 are "
        "needed. Missing are ORDERS (5 of 20 overdue), USERS (4 of 20 overdue). Leases are kept "
        "for 240 minutes beyond their end, unless enough renewals arrive or the missing instances "
        "are removed by hand."
    )


def test_says_which_applications_are_kept() -> None:
    """Somebody who looks for one application must find its name."""
    judged = verdict(
        count("CUT", well=1, missing=4),
        count("BIG", well=94, missing=5),
    )

    assert judged.sentence == (
        "Self-preservation is on for some applications: CUT (4 of 5 overdue). Their leases are "
        "kept for 15 minutes beyond their end, unless more of their renewals arrive or the missing "
        "instances are removed by hand; all others expire as usual (95 of 104 leases are renewed "
        "on time)."
    )


def test_says_that_few_missing_are_nothing_to_worry_about() -> None:
    """So that nobody wonders whether a dead instance will ever go."""
    assert verdict(count("ORDERS", well=1, missing=1)).sentence == (
        "Self-preservation is not needed: 1 of 2 leases are renewed on time. Missing are ORDERS "
        "(1 of 2 overdue); their leases expire when they are over."
    )


def test_says_that_it_is_switched_off() -> None:
    """With it off a network failure empties the registry: that must be read somewhere."""
    assert verdict(count(well=1, missing=1), rules=OFF).sentence == (
        "Self-preservation is switched off: 1 of 2 leases are renewed on time, and every lease "
        "expires when it is over."
    )


@pytest.mark.parametrize(("short", "end"), [(6, "1 more application"), (9, "4 more applications")])
def test_names_the_worst_and_counts_the_rest(short: int, end: str) -> None:
    """A banner with four hundred names is read by nobody."""
    counts = [count(f"APP{n}", well=0, missing=n + 1) for n in range(short)]
    sentence = verdict(*counts).sentence

    worst = f"APP{short - 1} ({short} of {short} overdue"
    assert sentence.index(worst) < sentence.index(f"APP{short - 5} (")
    assert f"APP{short - 6} (" not in sentence
    assert f", {end}. Leases are kept" in sentence


def test_names_all_where_no_more_are_short_than_it_names() -> None:
    """And says nothing of a rest."""
    sentence = verdict(*(count(f"APP{n}", well=0, missing=1) for n in range(5))).sentence

    assert "APP4 (1 of 1 overdue). Leases are kept" in sentence


def test_what_is_needed_is_shown_in_whole_leases() -> None:
    """Of 7 the rule wants more than 5.95, which 6 are."""
    judged = verdict(count("ALL", well=0, missing=7))

    assert "more than 5 are needed" in judged.sentence


# -- Java's arithmetic


@pytest.mark.parametrize(
    ("clients", "threshold"),
    [(0, 0), (1, 1), (2, 3), (3, 5), (10, 17), (11, 18), (20, 34), (100, 170)],
)
def test_java_threshold_is_cut_to_a_whole_number(clients: int, threshold: int) -> None:
    """Cases 148 and 149."""
    assert JavaThreshold(clients, 30, RULES).threshold == threshold


@pytest.mark.parametrize(
    ("clients", "renewals", "expires"),
    [(1, 1, False), (1, 2, True), (2, 2, False), (2, 3, False), (2, 4, True)],
)
def test_java_threshold_must_be_exceeded(clients: int, renewals: int, *, expires: bool) -> None:
    """Cases 146 and 147."""
    assert JavaThreshold(clients, 30, RULES).judge(renewals).expiration_enabled is expires


def test_java_expects_the_renewals_of_its_clients() -> None:
    """Metrics and dashboard show them beside those that came; nobody is named as missing."""
    judged = JavaThreshold(5, 30, RULES).judge(7)

    assert (judged.expected, judged.promised, judged.arriving) == (10, 10, 7)
    assert (judged.missing, judged.short) == (0, ())


def test_java_expects_nobody_more_while_it_expects_nobody() -> None:
    """Case 150: the cold start in which nothing is ever evicted."""
    java = JavaThreshold(0, 30, RULES)
    java.count_new()

    assert java.expected_clients == 0
    assert not java.judge(1_000).expiration_enabled


def test_java_counts_arrivals_and_departures() -> None:
    """Case 151."""
    java = JavaThreshold(1, 30, RULES)
    java.count_new()
    java.count_new()
    java.count_end()

    assert java.expected_clients == 2


def test_java_never_expects_less_than_nobody() -> None:
    """A departure of a client that was never counted."""
    java = JavaThreshold(0, 30, RULES)
    java.count_end()

    assert java.expected_clients == 0


@pytest.mark.parametrize(
    ("clients", "count", "expected"), [(10, 8, 10), (10, 9, 9), (10, 30, 30), (20, 17, 20)]
)
def test_java_recount_distrusts_a_sudden_loss(clients: int, count: int, expected: int) -> None:
    """Case 153: 8 of 10 are below the threshold of 8.5, 17 of 20 are just at it."""
    java = JavaThreshold(clients, 30, RULES)
    java.recount(count)

    assert java.expected_clients == expected


def test_java_recount_believes_everything_with_preservation_off() -> None:
    """Case 154."""
    java = JavaThreshold(10, 30, OFF)
    java.recount(2)

    assert java.expected_clients == 2


def test_java_sentence_shows_the_figures_of_its_dashboard() -> None:
    """`Renews threshold` and `Renews (last min)` are what users of Java compare."""
    assert JavaThreshold(2, 30, RULES).judge(2).sentence == (
        "By the Java server's rules: 2 renewals came in the last minute, 3 must be exceeded "
        "(2 clients expected); leases do not expire."
    )


def test_java_expires_everything_with_preservation_off() -> None:
    """`enableSelfPreservation=false`."""
    assert JavaThreshold(10, 30, OFF).judge(0).expiration_enabled
