"""What becomes of the injector's certificates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from eureka_operator.core.certificates import (
    AUTHORITY_LASTS,
    LEAF_LASTS,
    Authority,
    Leaf,
    Plan,
    SecretContent,
    plan,
    renewal,
    service_names,
)

NOW = datetime(2026, 11, 28, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = service_names("eurekube-injector", "eurekube", "cluster.local")


def authority(fingerprint: str, age: timedelta = DAY) -> Authority:
    """A CA that was made so long ago."""
    return Authority(fingerprint, NOW - age, NOW - age + AUTHORITY_LASTS)


def leaf(issuer: str | None, age: timedelta = DAY, names: tuple[str, ...] = NAMES) -> Leaf:
    """A certificate that was made so long ago."""
    return Leaf(issuer, frozenset(names), NOW - age, NOW - age + LEAF_LASTS)


def planned(
    held: SecretContent | None, *trusted: str, published: tuple[Authority, ...] = ()
) -> Plan:
    """What becomes of it now."""
    return plan(held, published, trusted, NAMES, NOW)


GOOD = SecretContent((authority("b"), authority("a")), signs=True, leaf=leaf("b"))


def test_names_are_those_of_the_service() -> None:
    """The API server asks for `NAME.NAMESPACE.svc`, people for the others."""
    assert NAMES == (
        "eurekube-injector.eurekube.svc",
        "eurekube-injector.eurekube.svc.cluster.local",
        "eurekube-injector.eurekube",
        "eurekube-injector",
    )


@pytest.mark.parametrize("trusted", [(), ("b",)])
def test_what_is_good_is_kept(trusted: tuple[str, ...]) -> None:
    """An operator that has just started has published nothing yet, and changes nothing."""
    assert planned(GOOD, *trusted) == Plan(None, None, ("a",))


def test_first_pair_is_made_at_once() -> None:
    """Nothing is served that it could contradict."""
    assert planned(None) == Plan("there is no Secret", "there is none", ())


def test_new_ca_signs_nothing_before_it_is_trusted() -> None:
    """An API server that does not know it would refuse the injector's certificate."""
    held = SecretContent((authority("b"), authority("a")), signs=True, leaf=leaf("a"))

    assert planned(held) == Plan(None, None, ("a",), waits=True)
    assert planned(held, "a") == Plan(None, None, ("a",), waits=True)
    assert planned(held, "a", "b") == Plan(None, "its CA was replaced", ("a",))


def test_leaf_is_renewed_after_two_thirds_of_its_time() -> None:
    """Thirty days remain to find out what keeps an operator from it."""
    before, after = leaf("b", 60 * DAY - timedelta(seconds=1)), leaf("b", 60 * DAY)

    assert planned(GOOD._replace(leaf=before), "b").leaf is None
    assert planned(GOOD._replace(leaf=after), "b").leaf == "it ends on 2026-12-28"
    assert planned(GOOD._replace(leaf=after)).waits


def test_ca_is_renewed_after_two_thirds_of_its_time_and_stays_in_the_bundle() -> None:
    """The leaf that it signed is served until the new one is trusted."""
    old = authority("b", AUTHORITY_LASTS * 2 / 3)
    held = SecretContent((old, authority("a")), signs=True, leaf=leaf("b"))

    made = planned(held, "b")

    assert made == Plan(f"the CA ends on {old.not_after:%Y-%m-%d}", None, ("b",), waits=True)


def test_ca_whose_key_is_lost_is_replaced_with_overlap() -> None:
    """So removing `ca.key` from the Secret is how people ask for a new CA."""
    held = GOOD._replace(signs=False, faults=("ca.key is missing",))

    made = planned(held, "b")

    assert made == Plan("the CA's key is not there: ca.key is missing", None, ("b",), waits=True)


def test_bundle_keeps_the_ca_that_signed_what_is_served() -> None:
    """Two new CAs may follow each other faster than a leaf follows them."""
    held = SecretContent(
        (authority("d"), authority("c"), authority("b"), authority("a")),
        signs=True,
        leaf=leaf("a"),
    )

    assert planned(held).others == ("c", "a")


def test_lost_secret_leaves_published_cas_in_the_bundle() -> None:
    """Injectors hold in memory what one of them signed."""
    made = planned(None, published=(authority("b"), authority("a")))

    assert made == Plan("there is no Secret", "there is none", ("b",))


def test_published_ca_that_the_secret_does_not_have_is_dropped() -> None:
    """Whoever put it there is no writer of the bundle."""
    assert planned(GOOD, published=(authority("x"),)) == Plan(None, None, ("a",))


def test_ca_that_has_ended_is_dropped() -> None:
    """It verifies nothing any more."""
    old = authority("a", AUTHORITY_LASTS)

    assert planned(GOOD._replace(authorities=(authority("b"), old))).others == ()


@pytest.mark.parametrize(
    ("held", "why"),
    [
        (GOOD._replace(leaf=None), "there is none"),
        (GOOD._replace(leaf=None, faults=("tls.key is missing",)), "tls.key is missing"),
        (GOOD._replace(leaf=leaf("x")), "no CA of the bundle signed it"),
        (GOOD._replace(leaf=leaf(None)), "no CA of the bundle signed it"),
        (
            GOOD._replace(leaf=leaf("b", names=NAMES[:2])),
            "it is not valid for eurekube-injector.eurekube, eurekube-injector",
        ),
        (
            GOOD._replace(leaf=leaf("b", LEAF_LASTS)),
            "it holds from 2026-08-30 to 2026-11-28 only",
        ),
    ],
)
def test_leaf_that_is_worth_nothing_is_made_at_once(held: SecretContent, why: str) -> None:
    """Whether its CA is trusted yet or not: it cannot get worse. The reason is logged."""
    assert planned(held) == Plan(None, why, ("a",))


@pytest.mark.parametrize(
    ("held", "why"),
    [
        (SecretContent(faults=("ca.crt is missing",)), "ca.crt is missing"),
        (SecretContent(), "the Secret holds no CA"),
        (
            SecretContent((authority("b", -DAY),), signs=True),
            "the CA holds from 2026-11-29 to 2036-11-26 only",
        ),
    ],
)
def test_secret_of_somebody_else_is_replaced_and_said(held: SecretContent, why: str) -> None:
    """Its name is the operator's."""
    assert planned(held).authority == why


def test_renewal_is_after_two_thirds() -> None:
    """Of whatever time it is."""
    assert renewal(NOW, NOW + 90 * DAY) == NOW + 60 * DAY
