"""Who is next, and who has to go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_registry.http.turns import Bounds, Turns, source_of


def turns(user: int = 3, source: int = 5, total: int = 8) -> Turns[str]:
    """A queue with small bounds."""
    return Turns(Bounds(user, source, total))


def items_in_order(queue: Turns[str]) -> list[str]:
    """Everything that waits, in the order of its turns."""
    order = []
    while (thing := queue.take()) is not None:
        order.append(thing)
    return order


def test_nobody_waits_at_first() -> None:
    """An empty queue has no turn to give."""
    assert turns().take() is None
    assert len(turns()) == 0


def test_turns_go_round_the_sources() -> None:
    """Who sends much waits for itself, not others for it."""
    queue = turns()
    for n in range(3):
        queue.add("10.0.0.1", f"u{n}", f"guess{n}")
    queue.add("10.0.0.2", "orders", "client")

    assert items_in_order(queue).index("client") == 1


def test_who_comes_after_a_burst_of_its_own_address_is_next() -> None:
    """Behind a proxy all have one address: guesses sent at once must not delay a client by all."""
    queue = turns(user=99, source=99, total=99)
    for n in range(50):
        queue.add("10.0.0.1", f"user{n}", f"guess{n}")
    queue.add("10.0.0.1", "orders", "client")

    assert "client" in items_in_order(queue)[:2]


@pytest.mark.parametrize("users", [1, 2, 80])
@pytest.mark.parametrize("sources", [1, 2, 80])
def test_nobody_is_kept_out_by_a_full_queue(users: int, sources: int) -> None:
    """80 guesses wait: a client that comes then is let in, and has its turn among the first."""
    queue = Turns[str](Bounds(user=8, source=64, total=64))
    for n in range(80):
        queue.add(f"10.0.0.{n % sources}", f"user{n % users}", f"guess{n}")

    assert queue.add("10.9.9.9", "orders", "client") != "client"
    assert "client" in items_in_order(queue)[: min(sources, 64) + 1]


def test_the_greediest_loses_its_oldest() -> None:
    """First within a user, then within a source, then of the source with most."""
    queue = turns(user=2, source=3, total=4)
    assert queue.add("a", "x", "x1") is None
    assert queue.add("a", "x", "x2") is None
    assert queue.add("a", "x", "x3") == "x1"
    assert queue.add("a", "y", "y1") is None
    assert queue.add("a", "z", "z1") == "x2"
    assert queue.add("b", "x", "b1") is None
    assert queue.add("c", "x", "c1") == "x3"
    assert sorted(items_in_order(queue)) == ["b1", "c1", "y1", "z1"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=60))
def test_whatever_comes_is_taken_or_dropped_once_within_the_bounds(
    sent: list[tuple[str, str]],
) -> None:
    """Somebody waits for each answer; memory is bounded by the bounds."""
    queue: Turns[int] = Turns(Bounds(3, 5, 8))
    seen = []
    for number, (source, user) in enumerate(sent):
        dropped = queue.add(source, user, number)
        if dropped is not None:
            seen.append(dropped)
            assert dropped != number
        assert len(queue) <= 8
    while (thing := queue.take()) is not None:
        seen.append(thing)

    assert sorted(seen) == list(range(len(sent)))


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_a_machine_is_one_source_whatever_address_it_takes(address: str, source: str) -> None:
    """With IPv6 it has as many as it likes."""
    assert source_of(address) == source
