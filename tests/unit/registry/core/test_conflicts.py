"""Which of two documents wins, and whom a 404 asks to register again."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_registry.core.conflicts import moment_after, moment_of_peer, must_ask
from eureka_registry.core.lease import Lease
from eureka_registry.core.model import Instance, LeaseInfo, Origin, Status
from eureka_registry.core.registry import OUTDATED_HERE, RENEWED, Rules
from support.instances import (
    APP,
    DIRTY,
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
DAY_MS = 86_400_000


def instance_at_peer(*documents: Instance) -> Instance:
    """What a peer holds that hears of these documents from others, in this order."""
    held = registry()
    for at, document in enumerate(documents, start=1_000):
        held.register(document, Origin.PEER, at)
    return lease(held).instance


# -- Two documents


def test_of_equally_old_documents_the_later_change_wins() -> None:
    """STARTING and UP of one moment cross each other: Java's servers then differ for ever."""
    starting = instance(status=STARTING, last_updated_ms=5)
    up = instance(status=UP, last_updated_ms=6)

    assert instance_at_peer(starting, up).status is instance_at_peer(up, starting).status is UP


@given(
    st.lists(
        st.builds(
            instance,
            status=st.sampled_from([UP, DOWN, STARTING]),
            last_dirty_ms=st.integers(1, 3),
            last_updated_ms=st.integers(1, 900),
        ),
        min_size=2,
        max_size=4,
        unique_by=lambda document: document.last_updated_ms,
    )
)
def test_peers_agree_in_whatever_order_they_hear(documents: list[Instance]) -> None:
    """Nothing else brings two peers together that were told the same."""
    ends = {
        (held.status, held.last_dirty_ms, held.last_updated_ms)
        for held in (instance_at_peer(*order) for order in permutations(documents))
    }

    assert len(ends) == 1


def test_a_change_made_here_is_later_than_what_it_changes() -> None:
    """Also where the clock of the peer that made the former is ahead of ours."""
    held = registry()
    held.register(instance(last_updated_ms=9_000), Origin.PEER, 5_000)
    made = register(held, at=5_001, status=DOWN)

    assert made.last_updated_ms == 9_001
    assert moment_after(made, 20_000) == 20_000


@pytest.mark.parametrize(
    ("named_ms", "counts_ms"),
    [
        (-1, 50),
        (0, 50),
        (1, 1),
        (50, 50),
        (50 + DAY_MS, 50 + DAY_MS),
        (51 + DAY_MS, 50),
        (2**63, 50),
    ],
)
def test_a_moment_far_ahead_counts_as_now(named_ms: int, counts_ms: int) -> None:
    """A peer that lies about it would win against everybody for ever."""
    assert moment_of_peer(named_ms, 50) == counts_ms


def test_a_copy_brings_no_moment_that_java_cannot_hold() -> None:
    """They reach all lists, and clients read them into a `long`."""
    held = registry()
    odd = LeaseInfo(30, 90, 2**63, 2**63, 0, service_up_at_ms=2**63)
    held.copy(changed(instance(last_updated_ms=2**63 - 1), lease=odd), 50)

    copied = lease(held).instance
    assert copied.last_updated_ms == copied.lease.service_up_at_ms == 50
    assert copied.lease.renewed_at_ms == copied.lease.registered_at_ms == 50


# -- After a 404


def test_who_was_told_to_register_is_believed_however_old_the_document() -> None:
    """An operator's timestamp that a Java peer adopted is ahead of the client's for ever."""
    held = holding(status=UNKNOWN, last_dirty_ms=9_000)
    first = register(held, at=1, last_dirty_ms=DIRTY).status
    held.renew(APP, "a", 2, DIRTY, UP)
    register(held, at=3, last_dirty_ms=DIRTY)

    assert first is UNKNOWN
    assert status(held) == (UP, UNKNOWN)
    assert lease(held).instance.last_dirty_ms == 9_000
    assert held.renew(APP, "a", 4, DIRTY, UP).found


def test_a_late_retry_is_still_too_old() -> None:
    """The 404 speaks to the next registration, and to no other."""
    held = holding(status=UNKNOWN, last_dirty_ms=9_000)
    held.renew(APP, "a", 2, DIRTY)
    register(held, last_dirty_ms=9_500)
    register(held, last_dirty_ms=DIRTY, status=DOWN)

    assert status(held) == (UP, UNKNOWN)


def test_what_a_peer_tells_meanwhile_does_not_answer_for_the_client() -> None:
    """The client was asked, and has not said anything yet."""
    held = holding(status=UNKNOWN, last_dirty_ms=9_000)
    held.renew(APP, "a", 2, DIRTY)
    register(held, at=3, last_dirty_ms=9_500, status=UNKNOWN, origin=Origin.PEER)
    register(held, at=4, last_dirty_ms=DIRTY)

    assert status(held) == (UP, UNKNOWN)


def test_an_older_document_of_a_peer_is_no_answer_of_the_client() -> None:
    """It may have been on its way for long."""
    held = holding(status=UNKNOWN, last_dirty_ms=9_000)
    held.renew(APP, "a", 2, DIRTY)
    register(held, at=3, last_dirty_ms=DIRTY, status=DOWN, origin=Origin.PEER)

    assert status(held) == (UNKNOWN, UNKNOWN)


def test_a_peers_renewal_asks_no_client() -> None:
    """It is the peer that must register then."""
    held = holding(status=UNKNOWN, last_dirty_ms=9_000)
    held.renew(APP, "a", 2, DIRTY, origin=Origin.PEER)
    register(held, at=3, last_dirty_ms=DIRTY)

    assert status(held) == (UNKNOWN, UNKNOWN)


# -- Renewals that say another status


@pytest.mark.parametrize("dirty", [None, DIRTY])
def test_a_renewal_of_another_status_is_asked_about_until_the_client_registers(
    dirty: int | None,
) -> None:
    """The answer may get lost like the registration."""
    held = holding(status=STARTING)
    asked = [held.renew(APP, "a", at, dirty, UP) for at in (1, 2)]
    register(held, at=3)

    assert asked == [OUTDATED_HERE] * 2
    assert held.renew(APP, "a", 4, dirty, UP) == RENEWED


def test_who_registers_again_as_before_is_not_asked_again() -> None:
    """Some clients renew as UP whatever they are."""
    held = holding(status=OUT)
    held.renew(APP, "a", 1, DIRTY, UP)
    register(held, at=2, status=OUT)

    assert held.renew(APP, "a", 3, DIRTY, UP) == RENEWED
    assert held.renew(APP, "a", 4, DIRTY, DOWN) == OUTDATED_HERE


def test_with_an_override_a_client_may_say_what_it_likes() -> None:
    """Its own status is not what is held."""
    assert with_override().renew(APP, "a", 2, DIRTY, UP) == RENEWED


@pytest.mark.parametrize("said", ["", "up", "UNKNOWN", "ODD"])
def test_words_that_say_no_status_say_nothing(said: str) -> None:
    """Java ignores the whole field."""
    assert not must_ask(Lease(instance(), 0), said, Origin.CLIENT)


def test_an_older_version_says_nothing_of_ours() -> None:
    """Its status is as old as itself: the client learns of the newer one by other ways."""
    held = holding(status=DOWN)

    assert held.renew(APP, "a", 1, DIRTY - 1, UP).found


@pytest.mark.parametrize(
    "rules", [Rules(java_conflicts=True), Rules(sync_when_timestamp_differs=False)]
)
def test_statuses_are_compared_only_where_versions_are(rules: Rules) -> None:
    """Who wants Java's way has it."""
    assert holding(rules, status=STARTING).renew(APP, "a", 1, DIRTY, UP) == RENEWED


def test_a_peer_is_asked_as_often_as_it_differs() -> None:
    """It then tells its document, and the later of the two is kept."""
    held = holding(status=STARTING)
    asked = [held.renew(APP, "a", at, DIRTY, UP, origin=Origin.PEER) for at in (1, 2)]

    assert asked == [OUTDATED_HERE] * 2


@pytest.mark.parametrize(("dirty", "said"), [(9_000, UP), (9_001, None)])
@pytest.mark.parametrize("origin", Origin)
def test_only_a_client_that_was_asked_may_answer_with_an_older_document(
    dirty: int, said: Status | None, origin: Origin
) -> None:
    """What a peer was asked says nothing of the client: its document may be a late retry."""
    held = holding(status=STARTING, last_dirty_ms=9_000)
    asked = held.renew(APP, "a", 1, dirty, said, origin=origin)
    register(held, at=2, last_dirty_ms=DIRTY)

    assert asked == OUTDATED_HERE
    assert status(held)[0] is (UP if origin is Origin.CLIENT else STARTING)


# -- Java's way


@pytest.mark.parametrize("origin", Origin)
@pytest.mark.parametrize(
    ("dirty", "kept"), [(DIRTY - 1, STARTING), (DIRTY, DOWN), (DIRTY + 1, DOWN)]
)
def test_java_keeps_the_newer_and_of_equally_old_documents_the_last(
    dirty: int, kept: Status, origin: Origin
) -> None:
    """Whoever tells, and whenever the change was made (`AbstractInstanceRegistry.register`)."""
    held = registry(Rules(java_conflicts=True))
    register(held, status=STARTING, last_updated_ms=5_000, origin=Origin.PEER)
    made = register(held, at=7, status=DOWN, last_dirty_ms=dirty, origin=origin, last_updated_ms=1)

    assert (made.status, made.last_updated_ms) == (kept, 7)
