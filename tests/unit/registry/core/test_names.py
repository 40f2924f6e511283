"""Which namespaces hold a name, and which was first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_registry.core.model import Instance, LeaseInfo, Origin
from eureka_registry.core.names import NAMESPACE, NameIndex, names_of
from eureka_registry.core.registry import Registry
from support.instances import NO_PRESERVATION, changed, in_order, instance


def of(namespace: str, instance_id: str = "i", **fields: str) -> Instance:
    """An instance of a namespace, of none if that is empty."""
    metadata = {NAMESPACE: namespace} if namespace else {}
    return instance(instance_id, metadata=metadata, **fields)  # type: ignore[arg-type]


def registry() -> Registry:
    """One that knows who holds which name."""
    made = Registry(NO_PRESERVATION, now_ms=0)
    made.index_names()
    return made


def owner(held: Registry, name: str = "ORDERS") -> str | None:
    """Who held a name first."""
    assert held.names is not None
    return held.names.owner(name)


@pytest.mark.parametrize(
    ("addresses", "names"),
    [
        ({}, {"ORDERS"}),
        ({"vip_address": "orders", "secure_vip_address": "orders"}, {"ORDERS"}),
        ({"vip_address": "orders", "secure_vip_address": "s"}, {"ORDERS", "S"}),
        ({"vip_address": "x", "secure_vip_address": "x"}, {"ORDERS", "X"}),
        ({"vip_address": "Orders"}, {"ORDERS"}),
        ({"vip_address": "a, B,,a"}, {"ORDERS", "A", "B"}),
        ({"secure_vip_address": "s"}, {"ORDERS", "S"}),
        ({"vip_address": "a", "secure_vip_address": "s"}, {"ORDERS", "A", "S"}),
    ],
)
def test_names_are_those_by_which_clients_look_up(
    addresses: dict[str, str], names: set[str]
) -> None:
    """The application, and each VIP address."""
    found = list(names_of(of("a", **addresses)))

    assert set(found) == names
    assert len(found) == len(names)


def test_a_name_is_held_from_the_first_lease_to_the_last() -> None:
    """By whoever came first; then by whoever is left."""
    held = registry()
    for moment, (namespace, instance_id) in enumerate([("b", "1"), ("a", "2"), ("b", "3")]):
        held.register(of(namespace, instance_id), Origin.CLIENT, moment)
    seen = [owner(held)]
    for instance_id in ("1", "3", "2"):
        held.cancel("ORDERS", instance_id, 9)
        seen.append(owner(held))

    assert seen == ["b", "b", "a", None]


def test_a_name_that_a_new_document_lacks_is_free() -> None:
    """And one that it has is held; also when the namespace changes."""
    held = registry()
    held.register(of("a", vip_address="x"), Origin.CLIENT, 0)
    held.register(changed(of("a", vip_address="y"), last_dirty_ms=2_000), Origin.CLIENT, 1)
    assert (owner(held, "X"), owner(held, "Y")) == (None, "a")

    held.register(changed(of("b", vip_address="y"), last_dirty_ms=3_000), Origin.CLIENT, 2)
    assert (owner(held), owner(held, "Y")) == ("b", "b")


def test_leases_of_no_namespace_hold_names_too() -> None:
    """Of clients that have no ServiceAccount, and of the peers themselves."""
    held = registry()
    held.register(of(""), Origin.CLIENT, 0)

    assert owner(held) == ""


def test_an_index_made_later_knows_what_is_held() -> None:
    """`auth_file` may be given its section while everything runs; twice makes no other."""
    held = Registry(NO_PRESERVATION, now_ms=0)
    held.register(of("b", "1"), Origin.CLIENT, 5)
    held.register(of("a", "2"), Origin.CLIENT, 6)
    assert held.names is None
    held.index_names()
    index = held.names
    held.index_names()

    assert owner(held) == "b"
    assert held.names is index


def peer_document(document: Instance, registered_ms: int) -> Instance:
    """A document as a peer tells it."""
    return changed(document, lease=LeaseInfo(registered_at_ms=registered_ms))


@pytest.mark.parametrize("skew_ms", [-5_000, 0, 5_000])
def test_two_peers_that_were_told_different_things_at_once_agree(skew_ms: int) -> None:
    """Each names the moment at which its client came, whatever its clock says; equal ones: a name.

    In whatever order they hear of each other, with the receiver's clock ahead or behind.
    """
    for at_a, at_b, expected in ((100_000, 100_001, "b"), (100_002, 100_001, "a"),
                                 (100_000, 100_000, "a")):  # fmt: skip
        first, second, third = registry(), registry(), registry()
        first.register(of("b", "1"), Origin.CLIENT, at_a)
        second.register(of("a", "2"), Origin.CLIENT, at_b)
        first.register(peer_document(of("a", "2"), at_b), Origin.PEER, at_a + 10)
        second.register(peer_document(of("b", "1"), at_a), Origin.PEER, at_b + 10 + skew_ms)
        third.register(peer_document(of("a", "2"), at_b), Origin.PEER, at_b + 20 + skew_ms)
        third.copy(peer_document(of("b", "1"), at_a), at_b + 30 + skew_ms)

        assert {owner(each) for each in (first, second, third)} == {expected}


def test_a_namespace_holds_a_name_since_the_earliest_of_its_leases() -> None:
    """Peers tell of them in any order: whoever hears last of the first must decide alike."""
    held = registry()
    held.register(of("b", "1"), Origin.CLIENT, 100_005)
    held.register(of("a", "2"), Origin.CLIENT, 100_004)
    assert owner(held) == "a"

    held.register(peer_document(of("b", "3"), 100_003), Origin.PEER, 100_006)

    assert owner(held) == "b"


def test_what_a_client_says_of_its_registration_does_not_count() -> None:
    """It could say that it came first."""
    held = registry()
    held.register(of("b", "1"), Origin.CLIENT, 100_000)
    held.register(peer_document(of("a", "2"), 1), Origin.CLIENT, 100_001)

    assert owner(held) == "b"


def test_to_register_again_loses_no_seniority() -> None:
    """Clients do so whenever they start, and with each change of metadata."""
    held = registry()
    held.register(of("b", "1"), Origin.CLIENT, 1)
    held.register(of("a", "2"), Origin.CLIENT, 2)
    held.register(changed(of("b", "1"), last_dirty_ms=5_000), Origin.CLIENT, 3)

    assert owner(held) == "b"


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["register", "cancel", "metadata", "status"]),
        st.sampled_from(["1", "2", "3"]),
        st.sampled_from(["", "a", "b"]),
        st.sampled_from(["orders", "x", "x,y", ""]),
    ),
    max_size=20,
)


@given(steps=_STEPS)
def test_the_index_is_what_the_leases_say(steps: list[tuple[str, str, str, str]]) -> None:
    """Whatever happened to them."""
    held = registry()
    for moment, (what, instance_id, namespace, vip) in enumerate(steps, 1):
        if what == "register":
            made = changed(of(namespace, instance_id, vip_address=vip), last_dirty_ms=moment)
            held.register(made, Origin.CLIENT, moment)
        elif what == "cancel":
            held.cancel("ORDERS", instance_id, moment)
        elif what == "metadata":
            held.update_metadata("ORDERS", instance_id, {NAMESPACE: namespace}, moment)
        else:
            held.evict(moment + 10**9, in_order)
    anew = NameIndex()
    for lease in held.leases():
        anew.replace(None, lease.instance, 0)
    assert held.names is not None

    def counts(index: NameIndex) -> dict[str, dict[str, int]]:
        return {
            name: {namespace: each.count for namespace, each in found.items()}
            for name, found in index._holdings.items()
        }

    assert counts(held.names) == counts(anew)
