from __future__ import annotations

from typing import Any

from eureka_operator.core.injection.config import RegistryTarget
from eureka_operator.core.injection.reasons import Finding
from eureka_operator.core.injection.registries import Registries, registries
from unit.operator.core.injection.shapes import config, registry

_SHOP = {"metadata": {"name": "shop"}}
_JAVA = ("http://java:8761/eureka/",)


def _found(wished: tuple[Any, ...], *known: RegistryTarget, **rest: Any) -> Registries | str:  # noqa: ANN401 - fields of a config
    found = registries(wished, _SHOP, config(registries=known, **rest))
    return f"{found.reason.code}: {found.detail}" if isinstance(found, Finding) else found


def test_only_one_of_the_namespace_is_meant() -> None:
    """A registry for all namespaces does not take its pods."""
    own, everywhere = registry("own", "shop"), registry("all", "infra", {"namespaceSelector": {}})

    found = _found((), everywhere, own)

    assert isinstance(found, Registries)
    assert found.urls == (own.urls,)


def test_registry_of_another_namespace_is_meant_if_it_says_so() -> None:
    """Its `spec.injection` names the namespace; by default it means its own alone."""
    everywhere = registry("all", "infra", {"namespaceSelector": {}, "drain": {"seconds": 3}})

    found = _found((), everywhere, registry("other", "infra", {}))

    assert isinstance(found, Registries)
    assert found.urls == (everywhere.urls,)
    assert found.injection.drain.seconds == 3


def test_several_and_none_are_told_apart() -> None:
    """Whichever were taken, somebody would look for the pod in the other one."""
    a, b = registry("a", "shop"), registry("b", "shop")

    assert _found((), a, b) == "ambiguous_registry: shop/a, shop/b"
    assert _found((), registry("a", "infra")) == "no_registry: shop"
    assert _found(()) == "no_registry: shop"


def test_many_are_not_all_listed() -> None:
    """The sentence is a line of an event."""
    known = [registry(f"r{number}", "shop") for number in reversed(range(7))]

    five = "ambiguous_registry: shop/r0, shop/r1, shop/r2, shop/r3, shop/r4"
    for count, found in ((5, five), (6, f"{five} and 1 more"), (7, f"{five} and 2 more")):
        assert _found((), *known[-count:]) == found


def test_named_registry_is_that_of_the_namespace_unless_it_says_another() -> None:
    """As everywhere in Kubernetes."""
    own, other = registry("eureka", "shop"), registry("eureka", "infra")

    for wished, meant in (("eureka", own), ("infra/eureka", other)):
        found = Registries((meant.urls,), zones=(meant.zones,), targets=(meant,))
        assert _found((wished,), other, own) == found
    assert _found(("eureka",), other) == "unknown_registry: shop/eureka"
    unknown = registries(("eureka",), _SHOP, config(registries=(other,)))
    assert isinstance(unknown, Finding)
    assert unknown.is_refusal


def test_urls_need_permission_and_are_foreign() -> None:
    """A Java server's clients know a pod for longer than ours."""
    own = registry("eureka", "shop")

    found = _found(("eureka", _JAVA), own)

    zones = (own.zones, ())
    assert found == Registries((own.urls, _JAVA), is_foreign=True, zones=zones, targets=(own, None))
    refused = registries((_JAVA,), _SHOP, config(registries=(own,), allow_urls=False))
    assert isinstance(refused, Finding)
    assert (refused.reason.code, refused.is_refusal) == ("urls_not_allowed", True)
