from __future__ import annotations

from eureka_operator.api.check import Problem
from eureka_operator.core.injection.spec import Injection, Lease, read


def test_everything_has_a_default() -> None:
    """`injection: {}` is all that has to be written to have a namespace's pods injected."""
    found = read({})

    assert found == Injection()
    assert Injection().default
    assert Injection().lease == Lease(None, None)


def test_nothing_is_not_the_same_as_an_empty_mapping() -> None:
    """Without `spec.injection` only labels choose pods."""
    assert read(None) is None


def test_what_is_wrong_is_named_by_its_field() -> None:
    """As for all other fields of the object."""
    found = read({"drain": {"seconds": -1}, "default": "yes"})

    assert isinstance(found, tuple)
    assert all(isinstance(each, Problem) for each in found)
    assert {each.field for each in found} == {
        "spec.injection.drain.seconds",
        "spec.injection.default",
    }
