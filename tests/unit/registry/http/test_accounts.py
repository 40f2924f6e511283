"""What a ServiceAccount may write."""

from __future__ import annotations

import pytest

from eureka_registry.core.lease import Lease
from eureka_registry.core.model import Instance
from eureka_registry.core.names import NAMESPACE, NameIndex
from eureka_registry.http.accounts import Account, NameOwnership, Names
from eureka_registry.http.rules import Rule
from support.instances import instance

GIVEN = {"team-a": ["orders*", "SHARED"], "team-b": ["BILLING", "billing-[ab]", "SHARED"]}


def of(namespace: str | None, **fields: str) -> Instance:
    """An instance of `ORDERS` that names a namespace, `None` for none."""
    metadata = {} if namespace is None else {NAMESPACE: namespace}
    return instance(metadata=metadata, **fields)  # type: ignore[arg-type]


def holding(*instances: Instance) -> NameIndex:
    """An index, in the order in which they came."""
    index = NameIndex()
    for moment, each in enumerate(instances):
        index.replace(None, each, moment)
    return index


def rule(
    namespace: str,
    wanted: Instance,
    *,
    names: dict[str, list[str]] | None = None,
    held: Instance | None = None,
    others: tuple[Instance, ...] = (),
) -> Rule | None:
    """The rule that stands against a registration, `None` if nothing does."""
    account = Account(namespace, Names(names or {}))
    index = holding(*([held] if held else []), *others)
    lease = Lease(held, 0) if held else None
    refusal = account.refusal_of_registration(wanted, lease, index)
    return refusal and refusal.rule


@pytest.mark.parametrize(
    ("namespace", "name", "standing"),
    [
        ("team-a", "ORDERS-EU", NameOwnership.GIVEN),
        ("team-a", "BILLING", NameOwnership.OTHERS),
        ("team-b", "ORDERS", NameOwnership.OTHERS),
        ("team-b", "SHARED", NameOwnership.GIVEN),
        ("team-c", "SHARED", NameOwnership.OTHERS),
        ("team-c", "PAYMENTS", NameOwnership.NOBODY),
        ("", "ORDERS", NameOwnership.OTHERS),
        ("TEAM-A", "ORDERS", NameOwnership.OTHERS),
        ("team-a", "XORDERS", NameOwnership.NOBODY),
        ("team-a", "SHARED\n", NameOwnership.NOBODY),
        ("team-b", "BILLING-A", NameOwnership.GIVEN),
        ("team-a", "BILLING-B", NameOwnership.OTHERS),
        ("team-b", "BILLING-C", NameOwnership.NOBODY),
        ("team-b", "BILLING?", NameOwnership.NOBODY),
    ],
)
def test_names_are_given_by_pattern(namespace: str, name: str, standing: NameOwnership) -> None:
    """Namespaces are compared exactly; asked twice the answer is the same."""
    names = Names(GIVEN)

    assert names.ownership(namespace, name) is standing
    assert names.ownership(namespace, name) is standing


def test_what_is_remembered_of_names_is_bounded() -> None:
    """Clients choose them."""
    names = Names(GIVEN)
    for number in range(10_000):
        names.ownership("team-a", f"ORDERS-{number}")
    names.ownership("team-a", "ORDERS" + "X" * 5_000)

    assert len(names._known) <= 4096
    assert max(len(name) for _, name in names._known) < 300


@pytest.mark.parametrize("forged", [None, "", "team-b", "TEAM-A", "team-a ", "team-a,team-b"])
def test_metadata_must_name_the_own_namespace(forged: str | None) -> None:
    """Exactly; also where the name was given."""
    assert rule("team-a", of(forged), names=GIVEN) is Rule.NAMESPACE
    assert rule("team-a", of("team-a"), names=GIVEN) is None


@pytest.mark.parametrize("held", [None, "", "team-b"])
def test_nobody_takes_the_place_of_anothers_lease(held: str | None) -> None:
    """Not even under a name that both were given."""
    both = {"team-a": ["*"], "team-b": ["*"]}

    assert rule("team-a", of("team-a"), names=both, held=of(held)) is Rule.NAMESPACE
    assert rule("team-a", of("team-a"), names=both, held=of("team-a")) is None


@pytest.mark.parametrize("field", ["vip_address", "secure_vip_address"])
@pytest.mark.parametrize(
    ("address", "refused"),
    [
        ("orders", None),
        ("orders-eu,shared", None),
        ("free", None),
        ("billing", Rule.GIVEN),
        ("orders, Billing", Rule.GIVEN),
    ],
)
def test_a_vip_address_is_a_name(field: str, address: str, refused: Rule | None) -> None:
    """Clients look up by it."""
    assert rule("team-a", of("team-a", **{field: address}), names=GIVEN) is refused


@pytest.mark.parametrize(
    ("others", "refused"),
    [
        ((), None),
        ((of("team-a"),), None),
        ((of("team-b"),), Rule.HELD),
        ((of(None),), Rule.HELD),
        ((instance("a", "X", vip_address="orders", metadata={NAMESPACE: "team-b"}),), Rule.HELD),
        ((instance("a", "X", secure_vip_address="a,Orders"),), Rule.HELD),
        ((of("team-a"), of("team-b")), None),
        ((of("team-b"), of("team-a")), Rule.HELD),
    ],
)
def test_a_name_given_to_nobody_is_of_whoever_held_it_first(
    others: tuple[Instance, ...], refused: Rule | None
) -> None:
    """As an application or as a VIP address."""
    assert rule("team-a", of("team-a"), others=others) is refused


def test_a_name_that_was_given_is_not_taken_by_holding_it() -> None:
    """Whoever holds it: that is how an administrator settles a quarrel."""
    assert rule("team-a", of("team-a"), names=GIVEN, others=(of("team-b"),)) is None
    assert rule("team-b", of("team-b"), names=GIVEN, others=(of("team-b"),)) is Rule.GIVEN


@pytest.mark.parametrize(
    ("namespace", "held", "others", "refused"),
    [
        ("team-a", of("team-a"), (), None),
        ("team-a", of("team-b"), (), Rule.NAMESPACE),
        ("team-a", of(None), (), Rule.NAMESPACE),
        ("team-a", of("team-a", vip_address="billing"), (), Rule.GIVEN),
        ("team-c", of("team-c"), (), Rule.GIVEN),
        ("team-a", of("team-a", vip_address="x"), (of("team-b", vip_address="x"),), Rule.HELD),
    ],
)
def test_a_lease_is_changed_by_its_own_namespace_while_its_names_are(
    namespace: str, held: Instance, others: tuple[Instance, ...], refused: Rule | None
) -> None:
    """A name that is taken away counts with the next renewal."""
    account = Account(namespace, Names(GIVEN))
    refusal = account.refusal_of_change(Lease(held, 0), holding(*others, held))

    assert (refusal and refusal.rule) is refused


def test_metadata_do_not_move_an_instance() -> None:
    """Neither to another namespace nor to none."""
    account = Account("team-a", Names({}))
    refused = [
        account.refusal_of_metadata(added) is not None
        for added in ({}, {"a": "b"}, {NAMESPACE: "team-a"}, {NAMESPACE: "team-b"}, {NAMESPACE: ""})
    ]

    assert refused == [False, False, False, True, True]
