"""Decides whether a pod's own resources (`spec.resources`, KEP-2837) are enough for the sidecar."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from eureka_operator.core.injection import pods
from eureka_operator.core.injection.reasons import POD_BUDGET, Finding

_RESOURCES: Final = ("cpu", "memory")
_QUANTITY: Final = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?)([a-zA-Z]{0,2})")
_SUFFIXES: Final = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1),
    "k": Decimal("1e3"), "M": Decimal("1e6"), "G": Decimal("1e9"), "T": Decimal("1e12"),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40),
}  # fmt: skip


def overrun(pod: Mapping[str, Any], sidecar: Mapping[str, Any]) -> Finding | None:
    """Why the API server would refuse the pod with this sidecar; `None`: nothing speaks against it.

    The requests of all containers must be within the pod's, and the limit of each one.
    """
    budget = pods.mapping(pod["spec"].get("resources"))
    running = [*pods.items(pod, "containers"), *_native(pod), sidecar]
    for resource in _RESOURCES:
        whole = _amount(budget, "requests", resource)
        wanted = sum(_of(each, "requests", resource) for each in running)
        if whole is not None and wanted > whole:
            message = f"requests.{resource} of the pod is {budget['requests'][resource]}"
            return Finding(POD_BUDGET, f"{message}, less than its containers' with the sidecar's")
        limit = _amount(budget, "limits", resource)
        if limit is not None and _of(sidecar, "limits", resource) > limit:
            message = f"limits.{resource} of the pod is {budget['limits'][resource]}"
            return Finding(POD_BUDGET, f"{message}, less than the sidecar's")
    return None


def _native(pod: Mapping[str, Any]) -> list[Any]:
    starting = pods.items(pod, "initContainers")
    return [each for each in starting if each.get("restartPolicy") == "Always"]


def _of(container: Mapping[str, Any], kind: str, resource: str) -> Decimal:
    """What a container asks for; without a request it is its limit."""
    resources = pods.mapping(container.get("resources"))
    found = _amount(resources, kind, resource)
    if found is None and kind == "requests":
        found = _amount(resources, "limits", resource)
    return found or Decimal(0)


def _amount(resources: Mapping[str, Any], kind: str, resource: str) -> Decimal | None:
    """A quantity of Kubernetes; `None`: there is none, or it is written in a rarer way."""
    given = pods.mapping(resources.get(kind)).get(resource)
    match = _QUANTITY.fullmatch(str(given)) if isinstance(given, str | int) else None
    if match is None or match[2] not in _SUFFIXES:
        return None
    return Decimal(match[1]) * _SUFFIXES[match[2]]
