"""Webhooks of namespaces that an EurekaCluster selects by `spec.injection.default`.

The chart's own webhooks are called for namespaces and pods with the label. A namespace that is
chosen by its EurekaCluster, or by another's selector, has none; so it gets a webhook, in the same
configuration (`docs/decisions/0010-webhooks-of-selected-namespaces.md`). Each is a copy of the
chart's first one in all but name and selectors. A label on namespace or pod leads to the chart's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from eureka_operator.api.selectors import Selector
from eureka_operator.core.injection.annotations import INJECT
from eureka_operator.core.injection.config import RegistryTarget
from eureka_operator.core.kinds import Object

_SUFFIX: Final = "clusters.injector.eurekube.io"
_NAMESPACE: Final = "kubernetes.io/metadata.name"
_WITHOUT_LABEL: Final[Object] = {"key": INJECT, "operator": "DoesNotExist"}


def is_selected(webhook: Mapping[str, Any]) -> bool:
    """Whether the webhook is one of those that this module makes."""
    return str(webhook.get("name", "")).endswith(_SUFFIX)


def selected_webhooks(
    registries: Iterable[RegistryTarget], configuration: Mapping[str, Any]
) -> list[Object]:
    """The webhooks that a configuration should have besides those of the chart.

    One for each selector; and one for all EurekaClusters without one, which choose the namespace
    that they are in. None in a configuration that has none of the chart's.
    """
    of_chart = [each for each in configuration.get("webhooks") or () if not is_selected(each)]
    if not of_chart:
        return []
    choosing = [each for each in registries if each.injection.default]
    own = sorted({each.namespace for each in choosing if not each.injection.namespace_selector})
    found = []
    if own:
        condition = {"key": _NAMESPACE, "operator": "In", "values": own}
        found.append(_webhook(of_chart[0], _SUFFIX, {"matchExpressions": [condition]}))
    for each in choosing:
        if each.injection.namespace_selector:
            name = f"{each.name}.{each.namespace}.{_SUFFIX}"
            found.append(_webhook(of_chart[0], name, _document(each.injection.namespace_selector)))
    return sorted(found, key=lambda each: str(each["name"]))


def _webhook(of_chart: Object, name: str, selector: Object) -> Object:
    """A copy for other namespaces; namespaces that are never injected stay excluded."""
    given = of_chart.get("namespaceSelector", {}).get("matchExpressions", ())
    excluded = [each for each in given if each["key"] != INJECT]
    conditions = [*excluded, *selector["matchExpressions"], _WITHOUT_LABEL]
    return {
        **of_chart,
        "name": name,
        "namespaceSelector": {**selector, "matchExpressions": conditions},
        "objectSelector": {"matchExpressions": [_WITHOUT_LABEL]},
    }


def _document(selector: Selector) -> Object:
    """A selector as the API server returns it: without empty labels and values."""
    conditions = [
        {"key": each.key, "operator": each.operator}
        | ({"values": each.values} if each.values else {})
        for each in selector.match_expressions
    ]
    found: Object = {"matchExpressions": conditions}
    if selector.match_labels:
        found["matchLabels"] = selector.match_labels
    return found
