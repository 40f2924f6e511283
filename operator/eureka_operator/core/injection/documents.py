"""Injects whole documents, for Git and for inspection: pods, objects that make pods, and lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from eureka_operator.core.injection import pods
from eureka_operator.core.injection.config import Config
from eureka_operator.core.injection.decide import Decision, Skip, apply_decision, decide, uninject
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


class Template(msgspec.Struct, frozen=True):
    """The pod of a document, or what pods are made from.

    `namespace` is empty if the document names none; `name` is the document's. `owner` is what
    its pods will belong to; `None`: it is a pod itself.
    """

    kind: str
    namespace: str
    name: str
    pod: Mapping[str, Any]
    owner: Owner | None = None


class DocumentDecision(msgspec.Struct, frozen=True):
    """What was decided about the pod of a document."""

    kind: str
    namespace: str
    name: str
    decision: Decision


class Result(msgspec.Struct, frozen=True):
    """A document after the decisions about its pods; without any it has none, and is unchanged."""

    document: Any
    decisions: tuple[DocumentDecision, ...] = ()


def inject_document(
    document: object,
    namespaces: Callable[[str], Mapping[str, Any]],
    config: Config,
    *,
    note_skips: bool = True,
) -> Result:
    """Inject the pods of a document; a refused pod stays as it is.

    Args:
        document: of any kind.
        namespaces: the Namespace object of a name; empty: the document names none.
        config: what the injector is run with.
        note_skips: a pod that is skipped gets the annotation that says why, as it does by the
            webhook; else it is as it was before the injector saw it.
    """
    decided: list[DocumentDecision] = []

    def change(template: Template) -> Mapping[str, Any]:
        decision = decide(template.pod, namespaces(template.namespace), config, template.owner)
        decided.append(DocumentDecision(template.kind, template.namespace, template.name, decision))
        if isinstance(decision, Skip) and not note_skips:
            return uninject(template.pod)
        return apply_decision(dict(template.pod), decision)

    changed = change_pods(document, change)
    return Result(changed, tuple(decided))


def uninject_document(document: Any) -> Any:  # noqa: ANN401 - of any kind
    """A document as it was before its pods were injected."""
    return change_pods(document, lambda found: uninject(found.pod))


def templates(document: object) -> tuple[Template, ...]:
    """All pods of a document, in their order."""
    found: list[Template] = []

    def keep(each: Template) -> Mapping[str, Any]:
        found.append(each)
        return each.pod

    change_pods(document, keep)
    return tuple(found)


def change_pods(document: Any, change: Callable[[Template], Mapping[str, Any]]) -> Any:  # noqa: ANN401 - of any kind
    """A document with another pod in the place of each; without pods it is the same object."""
    return _change_document(document, change, _DEEPEST)


def _change_document(
    document: Any,  # noqa: ANN401 - of any kind
    change: Callable[[Template], Mapping[str, Any]],
    depth: int,
) -> Any:  # noqa: ANN401 - of any kind
    if not isinstance(document, Mapping):
        return document
    if _is_list(document):
        if not depth:
            return document
        return {
            **document,
            "items": [_change_document(x, change, depth - 1) for x in document["items"]],
        }
    path = _PLACES.get(pods.text(document.get("kind")))
    pod = _at(document, path or ())
    if path is None or pod is None:
        return document
    return _with(document, path, change(_template(document, path, pod)))


def _template(
    document: Mapping[str, Any], path: tuple[str, ...], pod: Mapping[str, Any]
) -> Template:
    namespace = pods.text(pods.mapping(document.get("metadata")).get("namespace"))
    name = pods.workload(document, Owner())
    if not path:
        return Template(document["kind"], namespace, pods.name(document) or name, pod)
    return Template(document["kind"], namespace, name, pod, Owner(document["kind"], name))


def _is_list(document: Mapping[str, Any]) -> bool:
    return pods.text(document.get("kind")).endswith("List") and isinstance(
        document.get("items"), list
    )


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
