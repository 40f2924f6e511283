"""Memory that connections hold together."""

from __future__ import annotations

from eureka_registry.http.budget import Incoming, Outgoing


def test_beyond_the_budget_the_largest_requests_go() -> None:
    """Until an eighth is free, so that not every further byte costs a look at all holders."""
    incoming: Incoming[str] = Incoming(800)
    for name, size in (("small", 50), ("large", 400), ("larger", 450)):
        assert not list(incoming.excess())
        incoming.hold(name, size)

    assert list(incoming.excess()) == ["larger"]
    assert incoming.used == 450


def test_what_is_released_does_not_count() -> None:
    """Whatever was held before; of a request that has its answer some of the next may be left."""
    incoming: Incoming[str] = Incoming(100)
    incoming.hold("a", 60)
    incoming.hold("a", 30)
    incoming.release("a", 10)
    assert incoming.used == 10
    incoming.release("a")
    incoming.release("a")
    incoming.release("nobody", 10)

    assert incoming.used == 0
    assert not list(incoming.excess())


def test_one_answer_for_many_counts_once() -> None:
    """A thousand clients that fetch the same list slowly hold one list."""
    outgoing: Outgoing[int] = Outgoing(100)
    for client in range(50):
        outgoing.hold(client, "list", 80)

    assert outgoing.used == 80
    assert not list(outgoing.excess(49))
    for client in range(50):
        assert outgoing.used == 80
        outgoing.release(client)
    assert outgoing.used == 0


def test_beyond_the_budget_those_that_do_not_read_for_longest_go() -> None:
    """Never the newest, which has not had the time to read."""
    outgoing: Outgoing[str] = Outgoing(100)
    for client in ("first", "second", "third"):
        assert not list(outgoing.excess(client))
        outgoing.hold(client, client, 45)

    assert list(outgoing.excess("third")) == ["first", "second"]
    assert outgoing.used == 45
    outgoing.hold("huge", "huge", 1000)
    assert list(outgoing.excess("huge")) == ["third"]
    outgoing.release("third")
    outgoing.release("huge")
    assert outgoing.used == 0
