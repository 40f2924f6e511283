"""Which of another peer's leases are taken over."""

from __future__ import annotations

import msgspec
import pytest

from eureka_registry.core.model import Instance, LeaseInfo, Status
from eureka_registry.core.registry import Registry
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
    """The other evicts it by itself."""
    assert merge(registry(), [peer_instance(NOW - 90_001)], NOW) == NOTHING


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


def test_what_we_cancelled_since_is_to_be_cancelled_there() -> None:
    """The cancellation got lost; taking the instance back would bring it back for all."""
    assert merge(cancelled_at(NOW - 5_000), [peer_instance()], NOW) == MergeResult([], [(APP, "a")])


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
