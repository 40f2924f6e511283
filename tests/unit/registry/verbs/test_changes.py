"""What `watch` says of two looks at a server."""

from __future__ import annotations

from eureka_registry.core.model import Instance, LeaseInfo, Status
from eureka_registry.verbs.changes import MOST_LOOKS, Watcher
from unit.registry.verbs.held import NOW_MS, instance, listing


def renewed(at_ms: int, **fields: object) -> Instance:
    """An instance whose lease was renewed then."""
    return instance(lease=LeaseInfo(30, 90, 1, at_ms), **fields)


def kinds(watcher: Watcher, *instances: Instance, looked: tuple[Instance, ...] = ()) -> list[str]:
    """What happened, in short."""
    events = watcher.events(listing(*instances), list(looked))
    return [f"{each.kind} {each.id}: {each.text}" for each in events]


def test_the_first_look_says_nothing() -> None:
    """All was there before."""
    assert kinds(Watcher(), instance()) == []


def test_instances_come_go_and_change() -> None:
    """A new registration that changes nothing but times says so."""
    watcher = Watcher()
    kinds(watcher, instance(), instance(instance_id="b"))

    assert kinds(watcher, instance(status=Status.DOWN), instance(instance_id="c")) == [
        "left b: was UP",
        "registered c: UP at 10.0.0.1",
        "status orders-1: UP -> DOWN",
    ]
    out = Status.OUT_OF_SERVICE
    assert kinds(
        watcher, instance(status=out, overridden_status=out), instance(instance_id="c")
    ) == ["status orders-1: DOWN -> OUT_OF_SERVICE, by an operator's override"]
    back = instance(last_dirty_ms=5, metadata={"a": "b"}), instance(instance_id="c")
    kinds(watcher, instance(), instance(instance_id="c"))
    assert kinds(watcher, *back) == ["changed orders-1: registered again: metadata"]
    assert kinds(watcher, *back) == []


def test_a_renewal_in_the_list_is_no_change() -> None:
    """It comes every 30 s from each instance."""
    watcher = Watcher()
    kinds(watcher, renewed(NOW_MS - 30_000))

    assert kinds(watcher, renewed(NOW_MS)) == []


def test_a_late_renewal_is_said_once_and_its_end_once() -> None:
    """The list may be old: the instance itself is asked, and only then it is late."""
    watcher = Watcher()
    listed = renewed(NOW_MS - 60_000)

    assert [each.id for each in watcher.due(listing(listed))] == ["orders-1"]
    assert kinds(watcher, listed, looked=(renewed(NOW_MS - 5_000),)) == []
    assert watcher.due(listing(listed)) == []
    late = renewed(NOW_MS - 50_000)
    assert kinds(watcher, listed, looked=(late,)) == [
        "late orders-1: renewed 50s ago, promised every 30s; the lease is 90s long"
    ]
    assert kinds(watcher, listed, looked=(late,)) == []
    assert kinds(watcher, listed, looked=(renewed(NOW_MS),)) == ["renewed orders-1: renewed 0s ago"]
    assert kinds(watcher, listed, looked=(renewed(NOW_MS - 1),)) == []
    assert kinds(watcher, listed, looked=(late,))[0].startswith("late orders-1")


def test_no_more_than_some_are_asked_at_one_look() -> None:
    """Those that are silent for the longest first."""
    many = [renewed(NOW_MS - 60_000 - n, instance_id=f"i{n}") for n in range(MOST_LOOKS + 10)]

    due = Watcher().due(listing(*many))

    assert len(due) == MOST_LOOKS
    assert due[0].id == f"i{MOST_LOOKS + 9}"


def test_a_java_servers_lease_that_nobody_renews_is_not_renewed() -> None:
    """Its time of renewal is in the future (`Lease.renew`), and becomes the present."""
    watcher = Watcher()
    silent = renewed(NOW_MS + 40_000)
    kinds(watcher, silent)

    assert kinds(watcher, silent, looked=(silent,))[0].startswith("late")
    later = watcher.events(listing(silent, now_ms=NOW_MS + 40_000), [silent])
    assert later == []
