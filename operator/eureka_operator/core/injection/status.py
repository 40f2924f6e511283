"""The annotation `eurekube.io/status`: what the injector added to a pod, and how to remove it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from eureka_operator.core.injection import pods
from eureka_operator.core.names import GROUP

STATUS: Final = f"{GROUP}/status"
INJECTED_LABEL: Final = f"{GROUP}/injected"
"""On injected pods, so that watches can select them."""
INJECTED_VALUE: Final = "true"
DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
MAX_BYTES: Final = 512


class Status(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What was done.

    `hash` is that of the parts that were added, `reasons` are codes. `drain` says how much of the
    requested drain was granted. `hooks` are containers that got a preStop hook, `default`: the
    annotation of kubectl was added, `own_label`: the label was there before. `was` are parts that
    were there but empty, `[]`, `{}` or null, by their name and, of a container, its name.
    """

    version: str
    result: Literal["injected", "skipped"]
    hash: str = ""
    reasons: tuple[str, ...] = ()
    drain: str = ""
    hooks: tuple[str, ...] = ()
    default: bool = False
    own_label: bool = False
    was: dict[str, Any] = {}


def encode(status: Status) -> str:
    """The value of the annotation: ASCII."""
    return json.dumps(msgspec.to_builtins(status), separators=(",", ":"))


def of(pod: Mapping[str, Any]) -> Status | None:
    """What the injector did to the pod before; `None`: nothing, or the annotation is not ours."""
    text = pods.annotations_of(pod).get(STATUS)
    if text is None or len(text) > MAX_BYTES:
        return None
    try:
        found = msgspec.convert(json.loads(text), Status)
    except (ValueError, RecursionError):  # msgspec's are ValueErrors
        return None
    return None if any(found.was.values()) else found


def is_foreign(pod: Mapping[str, Any]) -> bool:
    """Whether the annotation is there and not ours: it is never overwritten."""
    return STATUS in pods.annotations_of(pod) and of(pod) is None


def is_copy(pod: Mapping[str, Any]) -> bool:
    """Whether it is a copy of an injected pod, made for debugging.

    `kubectl debug --copy-to` copies annotations and leaves out labels, so that no Service finds the
    copy; other copies and a second admission have both. A copy stays one.
    """
    found = of(pod)
    if found is None:
        return False
    is_marked = INJECTED_LABEL in pods.labels_of(pod)
    return (found.result == "injected" and not is_marked) or "debug_copy" in found.reasons
