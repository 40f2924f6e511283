"""Pages of a registry: each lease once, whatever changes between two of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eureka_registry.core.pages import BEGIN, Cursor, leases_after, names_after
from eureka_registry.core.registry import Registry
from support.instances import instance, registry

KEYS = st.sets(st.tuples(st.sampled_from("ABC"), st.text("abcdé", min_size=1, max_size=3)))


def holding(keys: set[Cursor]) -> Registry:
    """A registry with these instances."""
    held = registry()
    for app, name in keys:
        held.copy(instance(name, app), 0)
    return held


def read(held: Registry, after: Cursor, most: int) -> list[Cursor]:
    """The keys of one page."""
    leases = leases_after(held.applications, after, most)
    return [(lease.instance.app, lease.instance.id) for lease in leases]


@given(keys=KEYS, most=st.integers(1, 7))
def test_pages_hold_each_lease_once_and_in_order(keys: set[Cursor], most: int) -> None:
    """However large an application is, and however many there are."""
    held = holding(keys)
    found: list[Cursor] = []
    after = BEGIN
    while page := read(held, after, most):
        assert len(page) <= most
        found += page
        after = page[-1]

    assert found == sorted(keys)


@given(keys=KEYS, others=KEYS, most=st.integers(1, 4))
def test_changes_between_pages_lose_nothing_that_stays(
    keys: set[Cursor], others: set[Cursor], most: int
) -> None:
    """Others come and go meanwhile, the one that a page ended with among them."""
    staying, changing = keys - others, others
    before, later = holding(staying | changing), holding(staying)
    found: list[Cursor] = []
    after, turn = BEGIN, 0
    while page := read((before, later)[turn % 2], after, most):
        found += page
        after, turn = page[-1], turn + 1
    found += read(later, after, 1_000)

    assert sorted(set(found) - changing) == sorted(staying)
    assert len(found) == len(set(found))


NAMES = st.text("abcd", min_size=1, max_size=3)


@given(names=st.sets(NAMES), after=st.text("abcd", max_size=2), most=st.integers(1, 5))
def test_names_are_the_next_ones(names: set[str], after: str, most: int) -> None:
    """As if all were sorted."""
    assert names_after(names, after, most) == [n for n in sorted(names) if n > after][:most]
