"""Whole documents injected, for Git and for looking: pods, whatever makes pods, and lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from eureka_operator.core.injection import pods
from eureka_operator.core.injection.config import Config
from eureka_operator.core.injection.decide import Decision, decide, injected, uninjected
from eureka_operator.core.injection.pods import Owner
from eureka_operator.core.kinds import Object

_TEMPLATE: Final = ("spec", "template")
_PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "Pod": (),
    "CronJob": ("spec", "jobTemplate", *_TEMPLATE),
    "DaemonSet": _TEMPLATE,
    "Deployment": _TEMPLATE,
    "Job": _TEMPLATE,
    "ReplicaSet": _TEMPLATE,
    "ReplicationController": _TEMPLATE,
    "StatefulSet": _TEMPLATE,
}
"""Where each kind has its pod."""
_DEEPEST: Final = 4
"""Lists within lists."""


class Decided(msgspec.Struct, frozen=True):
    """What was decided about the pod of a document."""

    kind: str
    namespace: str
    name: str
    decision: Decision


class Result(msgspec.Struct, frozen=True):
    """A document after the decisions about its pods; without any it has none, and is unchanged."""

    document: Any
    decided: tuple[Decided, ...] = ()


def inject_document(
    document: object, namespaces: Callable[[str], Mapping[str, Any]], config: Config
) -> Result:
    """Inject the pods of a document; what is refused or skipped stays as it is, or is annotated.

    Args:
        document: of any kind.
        namespaces: the Namespace object of a name; empty: the document names none.
        config: what the injector is run with.
    """
    return _injected(document, namespaces, config, _DEEPEST)


def _injected(
    document: object,
    namespaces: Callable[[str], Mapping[str, Any]],
    config: Config,
    depth: int,
) -> Result:
    if not isinstance(document, Mapping):
        return Result(document)
    if _is_list(document):
        if not depth:
            return Result(document)
        results = [_injected(each, namespaces, config, depth - 1) for each in document["items"]]
        decided = tuple(one for each in results for one in each.decided)
        return Result({**document, "items": [each.document for each in results]}, decided)
    path = _PLACES.get(pods.text(document.get("kind")))
    pod = _at(document, path or ())
    if path is None or pod is None:
        return Result(document)
    metadata = pods.mapping(document.get("metadata"))
    place = pods.text(metadata.get("namespace"))
    decision = decide(pod, namespaces(place), config, _owner(document) if path else None)
    found = Decided(document["kind"], place, pods.workload(document, Owner()), decision)
    return Result(_with(document, path, injected(dict(pod), decision)), (found,))


def uninject_document(document: Any) -> Any:  # noqa: ANN401 - of any kind
    """A document as it was before its pods were injected."""
    return _uninjected(document, _DEEPEST)


def _uninjected(document: Any, depth: int) -> Any:  # noqa: ANN401 - of any kind
    if not isinstance(document, Mapping):
        return document
    if _is_list(document):
        if not depth:
            return document
        return {**document, "items": [_uninjected(each, depth - 1) for each in document["items"]]}
    path = _PLACES.get(pods.text(document.get("kind")))
    pod = _at(document, path or ())
    return document if path is None or pod is None else _with(document, path, uninjected(pod))


def _is_list(document: Mapping[str, Any]) -> bool:
    return pods.text(document.get("kind")).endswith("List") and isinstance(
        document.get("items"), list
    )


def _owner(document: Mapping[str, Any]) -> Owner:
    """The owner of the pods that a document makes, as users call it."""
    return Owner(document["kind"], pods.workload(document, Owner()))


def _at(document: Mapping[str, Any], path: tuple[str, ...]) -> Mapping[str, Any] | None:
    node: Any = document
    for key in path:
        node = pods.mapping(node).get(key)
    return node if isinstance(node, Mapping) else None


def _with(document: Mapping[str, Any], path: tuple[str, ...], pod: Mapping[str, Any]) -> Object:
    if not path:
        return dict(pod)
    first, *rest = path
    return {**document, first: _with(document[first], tuple(rest), pod)}
