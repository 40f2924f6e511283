"""Webhooks beside the chart's, for namespaces that are chosen without a label."""

from __future__ import annotations

from typing import Final

from eureka_operator.core.injection.webhooks import is_selected, selected_webhooks
from eureka_operator.core.kinds import Object
from unit.operator.core.injection.shapes import registry

_EXCLUDED: Final = {
    "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"],
}  # fmt: skip
_LABELLED: Final = {"key": "eurekube.io/inject", "operator": "Exists"}
_WITHOUT: Final = {"key": "eurekube.io/inject", "operator": "DoesNotExist"}
_OF_CHART: Final[Object] = {
    "name": "namespace.injector.eurekube.io",
    "clientConfig": {"caBundle": "Y2E=", "service": {"name": "eurekube-injector"}},
    "failurePolicy": "Fail",
    "namespaceSelector": {"matchExpressions": [_EXCLUDED, _LABELLED]},
    "objectSelector": {"matchExpressions": [{**_LABELLED, "operator": "NotIn", "values": ["x"]}]},
}
_OF_PODS: Final = {**_OF_CHART, "name": "pod.injector.eurekube.io", "failurePolicy": "Ignore"}
_CONFIGURATION: Final = {"webhooks": [_OF_CHART, _OF_PODS]}


def _made(*injections: Object, namespace: str = "infra") -> list[Object]:
    known = [registry(f"r{place}", namespace, each) for place, each in enumerate(injections)]
    return selected_webhooks(known, _CONFIGURATION)


def test_only_who_chooses_namespaces_gets_a_webhook() -> None:
    """Whoever relies on labels costs nothing besides."""
    selector = {"namespaceSelector": {"matchLabels": {"team": "shop"}}}

    assert _made({}, selector, {**selector, "default": False}) == []
    assert len(_made({**selector, "default": True})) == 1


def test_selector_is_taken_over_as_the_api_server_keeps_it() -> None:
    """Else it would look changed for ever. Namespaces with the label have the chart's."""
    condition = {"key": "stage", "operator": "Exists"}
    values = {"key": "tier", "operator": "In", "values": ["a", "b"]}
    selector = {"matchLabels": {"team": "shop"}, "matchExpressions": [condition, values]}

    (found,) = _made({"namespaceSelector": selector, "default": True})

    assert found == {
        **_OF_CHART,
        "name": "r0.infra.clusters.injector.eurekube.io",
        "namespaceSelector": {
            "matchLabels": {"team": "shop"},
            "matchExpressions": [_EXCLUDED, condition, values, _WITHOUT],
        },
        "objectSelector": {"matchExpressions": [_WITHOUT]},
    }


def test_empty_selector_is_all_namespaces_but_those_that_are_excluded() -> None:
    """As everywhere in Kubernetes."""
    (found,) = _made({"namespaceSelector": {}, "default": True})

    assert found["namespaceSelector"] == {"matchExpressions": [_EXCLUDED, _WITHOUT]}


def test_own_namespaces_share_one_webhook() -> None:
    """An object has room for a thousand names, and not for a thousand webhooks."""
    known = [registry("eureka", f"team-{number % 2}", {"default": True}) for number in range(4)]

    (found,) = selected_webhooks(known, _CONFIGURATION)

    own = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["team-0", "team-1"]}
    assert found["name"] == "clusters.injector.eurekube.io"
    assert found["failurePolicy"] == _OF_CHART["failurePolicy"]
    assert found["namespaceSelector"] == {"matchExpressions": [_EXCLUDED, own, _WITHOUT]}


def test_webhooks_are_sorted_by_name() -> None:
    """In whatever order clusters are listed, the configuration is not written again."""
    injection: Object = {"namespaceSelector": {}, "default": True}
    known = [registry(name, "infra", injection) for name in ("b", "c", "a")]

    found = [each["name"].partition(".")[0] for each in selected_webhooks(known, _CONFIGURATION)]

    assert found == ["a", "b", "c"]


def test_copies_are_known_and_not_copied() -> None:
    """Whatever order the API server keeps them in."""
    (made,) = _made({"namespaceSelector": {}, "default": True})
    again = {"webhooks": [made, *_CONFIGURATION["webhooks"]]}

    assert is_selected(made)
    assert not any(is_selected(each) for each in _CONFIGURATION["webhooks"])
    known = [registry("r0", "infra", {"namespaceSelector": {}, "default": True})]
    assert selected_webhooks(known, again) == [made]
    assert selected_webhooks(known, {"webhooks": [made]}) == []
    assert selected_webhooks(known, {}) == []
