"""Which of another peer's leases are taken over."""

from __future__ import annotations

import msgspec
import pytest

from eureka_registry.core.limits import MAX_AHEAD_MS
from eureka_registry.core.model import Instance, LeaseInfo, Status
from eureka_registry.core.registry import Registry, Rules
from eureka_registry.core.room import Room
from eureka_registry.peers.merge import MergeResult, differing_ids, merge
from support.instances import APP, DIRTY, instance, lease, register, registry

NOW = 100_000
NOTHING = MergeResult([], [])


def peer_instance(renewed_at_ms: int = NOW - 10_000, **fields: object) -> Instance:
    """ORDERS/a as another peer holds it, renewed there at that moment of our clock."""
    document = instance(**fields)  # type: ignore[arg-type]
    moments = LeaseInfo(renewed_at_ms=renewed_at_ms, registered_at_ms=renewed_at_ms)
    return msgspec.structs.replace(document, lease=moments)


def test_what_we_lack_is_taken_over_with_the_time_it_has_left() -> None:
    """A fresh lease for each copy would let two peers keep a dead instance for ever."""
    mine = registry()

    assert merge(mine, [peer_instance()], NOW) == MergeResult(["a"], [])
    assert lease(mine).ends_at_ms(java=False) == NOW - 10_000 + 90_000


def test_what_is_over_there_is_left() -> None:
    """The other evicts it by itself; at its last moment a lease is not over yet."""
    assert merge(registry(), [peer_instance(NOW - 90_001)], NOW) == NOTHING
    assert merge(registry(), [peer_instance(NOW - 90_000)], NOW) == MergeResult(["a"], [])


def test_what_is_over_and_kept_there_is_taken_over_at_the_start() -> None:
    """Self-preservation keeps it; a peer that starts meanwhile would differ until it ends."""
    mine = registry()

    assert merge(mine, [peer_instance(NOW - 90_001)], NOW, starting=True) == MergeResult(["a"], [])
    assert lease(mine).ends_at_ms(java=False) == NOW - 1


def cancelled_at(now_ms: int) -> Registry:
    """A registry whose ORDERS/a was cancelled then."""
    mine = registry()
    register(mine)
    mine.cancel(APP, "a", now_ms)
    return mine


@pytest.mark.parametrize("renewed_at_ms", [NOW - 10_000, NOW - 5_000])
def test_what_we_cancelled_since_is_to_be_cancelled_there(renewed_at_ms: int) -> None:
    """The cancellation got lost; taking the instance back would bring it back for all."""
    merged = merge(cancelled_at(NOW - 5_000), [peer_instance(renewed_at_ms)], NOW)

    assert merged == MergeResult([], [(APP, "a")])


def test_what_was_renewed_there_after_we_cancelled_it_lives() -> None:
    """It has come back, and only we do not know."""
    assert merge(cancelled_at(NOW - 20_000), [peer_instance()], NOW) == MergeResult(["a"], [])


def test_what_we_evicted_is_left() -> None:
    """Two peers that give each other what each has evicted would keep it for ever."""
    mine = registry()
    register(mine)
    assert mine.evict(NOW, lambda _: None)

    assert merge(mine, [peer_instance(NOW - 20_000)], NOW) == NOTHING
    assert mine.size == 0


@pytest.mark.parametrize(
    ("change", "taken"),
    [
        ({"last_dirty_ms": DIRTY + 1}, True),
        ({"last_dirty_ms": DIRTY - 1, "last_updated_ms": NOW}, False),
        ({"last_updated_ms": NOW, "status": Status.DOWN}, True),
        ({"last_updated_ms": 9, "status": Status.DOWN}, False),
    ],
    ids=["newer", "older", "changed later", "changed earlier"],
)
def test_the_newer_document_wins(change: dict[str, object], taken: bool) -> None:  # noqa: FBT001
    """First the client's clock decides, then who changed it last."""
    mine = registry()
    register(mine, at=10)

    merged = merge(mine, [msgspec.structs.replace(peer_instance(), **change)], NOW)

    assert bool(merged.taken) is taken


def test_two_peers_decide_alike() -> None:
    """Each takes over what the other knows better: whoever begins, both end with the same."""
    one, two = registry(), registry()
    register(one, metadata={"v": "1"})
    register(two, metadata={"v": "2"})

    copies = [next(one.leases()).document()], [next(two.leases()).document()]
    merge(two, copies[0], NOW)
    merge(one, copies[1], NOW)

    assert one.applications[APP].digest == two.applications[APP].digest


def test_the_later_renewal_counts() -> None:
    """Renewals get lost as well, and nothing else shows it."""
    mine = registry()
    register(mine)

    assert merge(mine, [peer_instance(NOW - 7)], NOW) == NOTHING
    assert lease(mine).renewed_at_ms == NOW - 7


def test_our_later_renewal_stays_with_their_newer_document() -> None:
    """The client renews here: its lease must not end as if it had not."""
    mine = registry()
    register(mine, at=NOW - 7)

    assert merge(mine, [peer_instance(last_dirty_ms=DIRTY + 1)], NOW).taken == ["a"]
    assert lease(mine).renewed_at_ms == NOW - 7


def test_the_same_document_is_not_taken_over_again() -> None:
    """Peers stamp it at different moments: each would take it from the other for ever."""
    mine = registry()
    register(mine, at=10)

    assert merge(mine, [peer_instance(last_updated_ms=NOW)], NOW) == NOTHING
    assert lease(mine).instance.last_updated_ms == 10


def test_what_has_no_room_here_is_left_and_named() -> None:
    """Else the log would not say why the two peers differ."""
    mine = registry(Rules(room=Room(max_instances=0)))

    assert merge(mine, [peer_instance()], NOW) == NOTHING
    assert mine.refusals.take(NOW) == ["'ORDERS' 'a': this registry holds its 0 instances already"]


def test_unfit_documents_are_left() -> None:
    """Whatever a peer says, what could not be registered here is not held."""
    mine = registry()

    assert merge(mine, [peer_instance(host_name="")], NOW) == NOTHING
    assert mine.refusals.take(NOW) == ["'ORDERS' 'a': Missing hostname"]


def test_what_differs_is_named_unless_it_changed_just_now() -> None:
    """A change of this moment may be under way: that is no divergence."""
    mine = registry()
    register(mine)
    other = [peer_instance(metadata={"v": "2"})]

    assert differing_ids(mine, APP, other, 0, settled_ms=NOW) == ["a"]
    assert differing_ids(mine, APP, other, 0, settled_ms=-1) == []
    assert differing_ids(mine, APP, [next(mine.leases()).document()], 0, settled_ms=NOW) == []
    assert differing_ids(mine, APP, [], 0, settled_ms=NOW) == ["a"]


def test_leases_that_are_over_are_no_difference() -> None:
    """When many clients go at once, each peer evicts some at a time, and not the same ones."""
    mine = registry()
    register(mine)
    later = NOW + 90_001

    assert differing_ids(mine, APP, [], later, settled_ms=later) == []
    assert differing_ids(registry(), APP, [peer_instance(NOW)], later, settled_ms=later) == []
    assert differing_ids(registry(), APP, [peer_instance(NOW)], NOW, settled_ms=later) == ["a"]


@pytest.mark.parametrize(
    ("last_updated_ms", "registered_at_ms", "differs"),
    [
        (NOW - 10, NOW - 10, True),
        (NOW - 9, NOW - 10, False),
        (NOW - 10, NOW - 9, False),
        (NOW + MAX_AHEAD_MS, NOW - 10, False),
        (NOW + MAX_AHEAD_MS + 1, NOW - 10, True),
    ],
    ids=["settled", "changed there", "registered there", "clock ahead", "no moment"],
)
def test_a_change_of_the_other_peer_may_be_under_way(
    last_updated_ms: int,
    registered_at_ms: int,
    differs: bool,  # noqa: FBT001
) -> None:
    """Its moment counts, unless it is further ahead than any clock: that would hide differences."""
    theirs = msgspec.structs.replace(
        peer_instance(last_updated_ms=last_updated_ms),
        lease=LeaseInfo(renewed_at_ms=NOW, registered_at_ms=registered_at_ms),
    )

    found = differing_ids(registry(), APP, [theirs], NOW, settled_ms=NOW - 10)

    assert found == (["a"] if differs else [])


def test_what_we_evicted_is_no_difference() -> None:
    """The other peer evicts it by itself; until then it would be shown as diverged."""
    mine = registry()
    register(mine)
    assert mine.evict(NOW, lambda _: None)

    assert differing_ids(mine, APP, [peer_instance()], NOW, settled_ms=NOW) == []


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (("", None), ["a", "b", "c", "d"]),
        (("a", "c"), ["b", "c"]),
        (("", "b"), ["a", "b"]),
        (("c", None), ["d"]),
    ],
)
def test_only_the_part_that_a_page_covers_is_compared(
    part: tuple[str, str | None], expected: list[str]
) -> None:
    """What is in another page of the copy is not missing there."""
    mine = registry()
    for instance_id in "abcd":
        register(mine, instance_id)

    assert differing_ids(mine, APP, [], NOW - 50_000, settled_ms=NOW, part=part) == expected
