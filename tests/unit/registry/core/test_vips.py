"""Which instances answer to a virtual address."""

from __future__ import annotations

from eureka_registry.core.model import Instance
from eureka_registry.core.vips import VipIndex
from support.instances import changed, instance


def members(index: VipIndex, name: str) -> list[str]:
    """Ids of the instances that answer to `name`."""
    group = index.plain.get(name)
    return [member.id for member in group.members.values()] if group else []


def holding(*instances: Instance) -> VipIndex:
    """An index of so many instances; each is a version of its own."""
    index = VipIndex()
    for version, document in enumerate(instances, 1):
        index.replace(None, document, version)
    return index


def test_each_name_of_a_list_leads_to_the_instance() -> None:
    """Case 43: `a,b` answers to `a` and to `b`; nobody asks for `a,b`."""
    index = holding(instance("i", vip_address="a,b"))

    assert members(index, "a") == members(index, "b") == ["i"]
    assert "a,b" not in index.plain


def test_names_are_taken_exactly() -> None:
    """Case 117: Java compares addresses with their case."""
    assert members(holding(instance("i", vip_address="Abc")), "abc") == []


def test_secure_addresses_are_apart() -> None:
    """A client that asks for TLS must not get a plain port (case 118)."""
    index = holding(instance("i", vip_address="a", secure_vip_address="s"))

    assert list(index.plain) == ["a"]
    assert list(index.secure) == ["s"]


def test_an_instance_leaves_the_names_it_no_longer_has() -> None:
    """Java forgets to, because it invalidates by the raw list."""
    before = instance("i", vip_address="a,b")
    index = holding(before)
    index.replace(before, changed(before, vip_address="b,c"), 2)

    assert sorted(index.plain) == ["b", "c"]


def test_names_without_instances_are_forgotten() -> None:
    """Clients may invent as many names as they like; memory follows the instances."""
    document = instance("i", vip_address="a", secure_vip_address="s")
    index = holding(document)
    index.replace(document, None, 2)

    assert (index.plain, index.secure) == ({}, {})


def test_version_is_that_of_the_latest_change_of_the_name() -> None:
    """Encoded answers are kept by it; another address's change must not spoil them."""
    index = holding(instance("1", vip_address="a"), instance("2", vip_address="b"))

    assert (index.plain["a"].version, index.plain["b"].version) == (1, 2)


def test_version_grows_when_one_of_several_leaves() -> None:
    """A removal is a change as well."""
    first, second = instance("1", vip_address="a"), instance("2", vip_address="a")
    index = holding(first, second)
    index.replace(first, None, 3)

    assert members(index, "a") == ["2"]
    assert index.plain["a"].version == 3


def test_a_name_given_twice_counts_once() -> None:
    """Nothing forbids `a,a`."""
    document = instance("i", vip_address="a,a")
    index = holding(document)
    assert members(index, "a") == ["i"]

    index.replace(document, None, 2)
    assert index.plain == {}


def test_equal_ids_of_two_applications_do_not_displace_each_other() -> None:
    """Ids are only unique within an application."""
    index = holding(instance("i", "ONE", vip_address="a"), instance("i", "TWO", vip_address="a"))

    assert members(index, "a") == ["i", "i"]
