"""A pod as its JSON document, from any source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeGuard

import msgspec

from eureka_operator.core.kinds import Object

LISTS: Final = ("containers", "initContainers", "volumes")
MAPPINGS: Final = ("annotations", "labels")

_INJECTED: Final = frozenset(
    (
        "consul-dataplane",
        "daprd",
        "envoy-sidecar",
        "istio-proxy",
        "linkerd-proxy",
        "queue-proxy",
        "vault-agent",
    )
)
"""Containers that other injectors add: their ports and probes are not the application's."""
_TEMPLATE_HASHES: Final = ("pod-template-hash", "rollouts-pod-template-hash")
"""Labels whose value is the last part of a ReplicaSet's name: Deployments', Argo Rollouts'."""
_SCHEDULED: Final = re.compile(r"-[0-9]{8,}$")
"""What a CronJob adds to the names of its Jobs: the minute."""


class Owner(msgspec.Struct, frozen=True):
    """What a pod belongs to; both empty: nothing."""

    kind: str = ""
    name: str = ""


def problem(pod: object, namespace: object) -> str:
    """Why the two are no pod and its namespace, in words; empty: they are.

    Only what decisions are based on is checked. A missing or null part counts as empty.
    """
    for what, node in (("the pod", pod), ("the namespace", namespace)):
        if not isinstance(node, Mapping):
            return f"{what} is not an object"
        metadata = node.get("metadata")
        if not isinstance(metadata, Mapping | None):
            return f"metadata of {what} is not an object"
        for field in MAPPINGS:
            if not _is_texts((metadata or {}).get(field)):
                return f"metadata.{field} of {what} are no texts by name"
    return _problem_of_spec(pod["spec"] if isinstance(pod, Mapping) and "spec" in pod else None)


def _problem_of_spec(spec: object) -> str:
    if not isinstance(spec, Mapping):
        return "the pod has no spec"
    for field in LISTS:
        items = spec.get(field)
        if not isinstance(items, list | None):
            return f"spec.{field} is not a list"
        found = [each.get("name") if isinstance(each, Mapping) else None for each in items or ()]
        if not all(isinstance(name, str) for name in found):
            return f"an item of spec.{field} has no name"
        if len(set(found)) < len(found):
            return f"two items of spec.{field} have the same name"
    for each in spec.get("containers") or ():
        if not isinstance(each.get("lifecycle"), Mapping | None):
            return "lifecycle of a container is not an object"
    return ""


def _is_texts(node: object) -> bool:
    if node is None:
        return True
    return isinstance(node, Mapping) and all(
        isinstance(key, str) and isinstance(value, str) for key, value in node.items()
    )


def annotations_of(document: Mapping[str, Any]) -> Mapping[str, str]:
    """Annotations of an object."""
    return mapping(mapping(document.get("metadata")).get("annotations"))


def labels_of(document: Mapping[str, Any]) -> Mapping[str, str]:
    """Labels of an object."""
    return mapping(mapping(document.get("metadata")).get("labels"))


def name(document: Mapping[str, Any]) -> str:
    """Name of an object; empty: it has none yet."""
    return text(mapping(document.get("metadata")).get("name"))


def items(document: Mapping[str, Any], field: str) -> list[Object]:
    """One of the lists of a pod's spec."""
    return mapping(document.get("spec")).get(field) or []


def applications(pod: Mapping[str, Any]) -> list[Object]:
    """Containers of the application: all but those that other injectors are known to add."""
    return [each for each in items(pod, "containers") if each["name"] not in _INJECTED]


def owner(pod: Mapping[str, Any]) -> Owner:
    """What the pod belongs to by its controller's reference."""
    references = mapping(pod.get("metadata")).get("ownerReferences")
    for each in references if isinstance(references, list) else ():
        if isinstance(each, Mapping) and each.get("controller") is True:
            return Owner(text(each.get("kind")), text(each.get("name")))
    return Owner()


def workload(pod: Mapping[str, Any], owner: Owner) -> str:
    """The name that a user gave it: the owner's without what controllers add; else the pod's."""
    if owner.name:
        found = owner.name
        for key in _TEMPLATE_HASHES:
            if owner.kind == "ReplicaSet" and (end := labels_of(pod).get(key)):
                found = found.removesuffix(f"-{end}")
        return _SCHEDULED.sub("", found) if owner.kind == "Job" else found
    generated = text(mapping(pod.get("metadata")).get("generateName"))
    return generated.rstrip("-") or name(pod)


def ports(container: Mapping[str, Any]) -> Iterator[tuple[str, int, str]]:
    """Ports of a container: name or empty, number and protocol."""
    found = container.get("ports")
    for each in found if isinstance(found, list) else ():
        number = each.get("containerPort") if isinstance(each, Mapping) else None
        if is_port(number):
            yield text(each.get("name")), number, text(each.get("protocol")) or "TCP"


def is_port(value: object) -> TypeGuard[int]:
    """Whether it is the number of a port."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 65_535  # noqa: PLR2004


def mapping(node: object) -> Mapping[str, Any]:
    """The node if it is an object, else an empty one."""
    return node if isinstance(node, Mapping) else {}


def text(node: object) -> str:
    """The node if it is a text, else an empty one."""
    return node if isinstance(node, str) else ""
