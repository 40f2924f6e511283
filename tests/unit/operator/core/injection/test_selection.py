from __future__ import annotations

from typing import Any

import pytest

from eureka_operator.core.injection.pods import Owner
from eureka_operator.core.injection.reasons import Finding
from eureka_operator.core.injection.selection import Choice, choice, is_default, obstacle
from unit.operator.core.injection.shapes import config, registry

_ON = {"eurekube.io/inject": "enabled"}
_OFF = {"eurekube.io/inject": "disabled"}


def _choice(
    pod_labels: object = None,
    labels: object = None,
    injection: dict[str, Any] | None = None,
    **rest: bool,
) -> object:
    pod = {"metadata": {"labels": pod_labels}, "spec": {"containers": [{"name": "orders"}]}}
    namespace = {"metadata": {"name": "shop", "labels": labels}}
    known = (registry("eureka", "shop", injection),)
    copied = rest.get("copied", False)
    found = choice(pod, namespace, config(registries=known), Owner(), is_copy=copied)
    return found.reason.code if isinstance(found, Finding) else found


@pytest.mark.parametrize(
    ("pod", "namespace", "found"),
    [
        (_ON, None, Choice(is_requested=True)),
        (_ON, _OFF, Choice(is_requested=True)),
        (_OFF, _ON, "disabled_by_pod"),
        (None, _ON, Choice(is_requested=False)),
        (None, _OFF, "disabled_by_namespace"),
        (None, None, "not_selected"),
        ({"eurekube.io/inject": "True"}, _ON, "bad_label"),
        (None, {"eurekube.io/inject": ""}, "bad_label"),
    ],
)
def test_label_of_the_pod_wins(pod: object, namespace: object, found: object) -> None:
    """Whoever makes the pod knows it best."""
    assert _choice(pod, namespace) == found


def test_registry_can_choose_a_namespace_without_labels() -> None:
    """Only if it says so: who sets but an image there chooses nobody. A label has the last word."""
    assert _choice(injection={"default": True}) == Choice(is_requested=False)
    assert _choice(injection={"default": False}) == "not_selected"
    assert _choice(injection={"sidecar": {"image": "a"}}) == "not_selected"
    assert _choice(labels=_OFF, injection={"default": True}) == "disabled_by_namespace"
    elsewhere = {"default": True, "namespaceSelector": {"matchLabels": {"team": "other"}}}
    assert _choice(injection=elsewhere) == "not_selected"
    here = {
        "default": True,
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}},
    }
    assert _choice(injection=here) == Choice(is_requested=False)


def test_one_registry_is_enough_to_choose_a_namespace() -> None:
    """Others in the cluster are nothing to it."""
    namespace = {"metadata": {"name": "shop"}}
    known = (registry("a", "infra"), registry("b", "shop", {"default": True}))

    assert is_default(known, namespace)
    assert not is_default(known[:1], namespace)


@pytest.mark.parametrize("field", ["containers", "initContainers"])
def test_pod_that_brings_its_sidecar_gets_no_other(field: str) -> None:
    """By hand, of either kind."""
    spec: dict[str, Any] = {"containers": [{"name": "orders"}]}
    spec[field] = [*spec.get(field, []), {"name": "eureka-sidecar"}]
    namespace = {"metadata": {"name": "shop", "labels": _ON}}

    found = choice({"spec": spec}, namespace, config(), Owner(), is_copy=False)

    assert isinstance(found, Finding)
    assert found.reason.code == "sidecar_present"


def test_copy_for_debugging_has_to_ask() -> None:
    """Clients would call what somebody is looking into."""
    assert _choice(labels=_ON, copied=True) == "debug_copy"
    assert _choice(_ON, copied=True) == Choice(is_requested=True)


def test_own_namespace_is_excluded() -> None:
    """An injector that waits for its own answer never starts."""
    pod = {"metadata": {}, "spec": {"containers": [{"name": "other"}]}}
    namespace = {"metadata": {"name": "eurekube-system", "labels": _ON}}

    found = choice(pod, namespace, config(), Owner(), is_copy=False)

    assert isinstance(found, Finding)
    assert found.reason.code == "excluded_namespace"


def test_namespace_without_a_name_is_not_the_injectors_own() -> None:
    """`inject -f` outside of a cluster knows neither of them."""
    pod = {"metadata": {}, "spec": {"containers": [{"name": "orders"}]}}
    namespace = {"metadata": {"labels": _ON}}

    found = choice(pod, namespace, config(own_namespace=""), Owner(), is_copy=False)

    assert found == Choice(is_requested=False)


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ({"app.kubernetes.io/name": "eurekube"}, "own_component"),
        (
            {"app.kubernetes.io/managed-by": "eureka-operator", "eurekube.io/cluster": "eureka"},
            "own_component",
        ),
        ({"eurekube.io/cluster": "eureka"}, Choice(is_requested=False)),
        ({"app.kubernetes.io/managed-by": "eureka-operator"}, Choice(is_requested=False)),
    ],
)
def test_only_peers_and_controllers_are_own_components(
    labels: dict[str, str], found: object
) -> None:
    """A registry would wait for itself to register there. One label alone may be anybody's."""
    assert _choice(labels, _ON) == found


def test_pod_that_can_be_served_has_no_obstacle() -> None:
    """False, as some charts write it, is not true."""
    pod = {"spec": {"hostNetwork": False, "containers": [{"name": "orders"}]}}

    assert obstacle(pod, config()) is None
    old = obstacle(pod, config(api_server=(1, 32)))
    assert old is not None
    assert old.detail == "the API server is 1.32"
