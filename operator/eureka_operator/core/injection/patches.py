"""Adds parts to a pod and removes them, and makes the JSON patch between two pods (RFC 6902).

Pods are values: only what is on the way to a change is copied, so what others wrote stays the same
object, however it is nested.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

import msgspec

from eureka_operator.core.injection import pods
from eureka_operator.core.injection.status import (
    DEFAULT_CONTAINER,
    INJECTED_LABEL,
    INJECTED_VALUE,
    STATUS,
    Status,
)
from eureka_operator.core.kinds import Object

CONTAINER: Final = "eureka-sidecar"
VOLUME: Final = "eurekube-pod"
CREDENTIALS: Final = "eurekube-credentials"
"""The volume with CAs of registries and the pod's token for them."""
VOLUMES: Final = frozenset((VOLUME, CREDENTIALS))

Operation = dict[str, Any]
"""An operation of a JSON patch."""

_OPEN: Final = re.compile(
    r"(/metadata(/annotations|/labels)?|/spec(/containers/[0-9]+(/lifecycle)?)?)?"
)
"""Objects within which single members change; others are replaced as a whole."""
_LISTS: Final = frozenset(f"/spec/{field}" for field in pods.LISTS)


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What a pod gets; `None` and empty: nothing. `hooks` are containers to be held for `hold_s`.

    `container_at` and `volumes_at` are their places; a volume's `None`: the end.
    """

    annotations: Mapping[str, str]
    container: Object | None = None
    volumes: tuple[Object, ...] = ()
    hooks: frozenset[str] = frozenset()
    hold_s: int = 0
    container_at: int = 0
    volumes_at: tuple[int | None, ...] = ()


def with_parts(pod: Mapping[str, Any], parts: Parts) -> Object:
    """A pod without parts of ours, after they were added."""
    result = dict(pod)
    metadata = result["metadata"] = dict(pod.get("metadata") or {})
    metadata["annotations"] = {**pods.annotations_of(pod), **parts.annotations}
    if parts.container is None:
        return result
    metadata["labels"] = {INJECTED_LABEL: INJECTED_VALUE, **pods.labels_of(pod)}
    spec = result["spec"] = dict(pod["spec"])
    starting, at = pods.items(pod, "initContainers"), parts.container_at
    spec["initContainers"] = [*starting[:at], parts.container, *starting[at:]]
    spec["volumes"] = _with_volumes(pods.items(pod, "volumes"), parts)
    spec["containers"] = [
        _with_hold(each, parts.hold_s) if each["name"] in parts.hooks else each
        for each in pods.items(pod, "containers")
    ]
    return result


def _with_volumes(volumes: Sequence[Object], parts: Parts) -> list[Object]:
    """Volumes with ours among them; the first place is filled first, or the others would move."""
    result = list(volumes)
    end = len(volumes) + len(parts.volumes)
    placed = [
        (end if at is None else at, each)
        for each, at in zip_longest(parts.volumes, parts.volumes_at)
    ]
    for at, each in sorted(placed, key=lambda pair: pair[0]):
        result.insert(at, each)
    return result


def volume_places(pod: Mapping[str, Any], parts: Parts) -> tuple[int | None, ...]:
    """Where volumes of ours are among those that stay; `None`: it is not there."""
    wanted = [each["name"] for each in parts.volumes]
    named = [each["name"] for each in pods.items(pod, "volumes")]
    staying = [each for each in named if each in wanted or each not in VOLUMES]
    return tuple(staying.index(each) if each in staying else None for each in wanted)


def _with_hold(container: Object, hold_s: int) -> Object:
    lifecycle = container.get("lifecycle") or {}
    return {**container, "lifecycle": {**lifecycle, "preStop": {"sleep": {"seconds": hold_s}}}}


def without_parts(pod: Mapping[str, Any], status: Status) -> Object:
    """A pod as it was before the injector made the changes in the status."""
    result = dict(pod)
    metadata = dict(pod.get("metadata") or {})
    ours = {STATUS, DEFAULT_CONTAINER} if status.default else {STATUS}
    kept = {key: text for key, text in pods.annotations_of(pod).items() if key not in ours}
    _set_or_restore(metadata, "annotations", kept, status)
    if status.result == "injected":
        if not status.own_label:
            kept = {k: text for k, text in pods.labels_of(pod).items() if k != INJECTED_LABEL}
            _set_or_restore(metadata, "labels", kept, status)
        result["spec"] = _spec_without(pod["spec"], status)
    _set_or_restore(result, "metadata", metadata, status)
    return result


def _spec_without(spec: Mapping[str, Any], status: Status) -> Object:
    result = dict(spec)
    for field, ours in (("initContainers", {CONTAINER}), ("volumes", VOLUMES)):
        kept = [each for each in spec.get(field) or () if each["name"] not in ours]
        _set_or_restore(result, field, kept, status)
    if spec.get("containers"):
        result["containers"] = [
            _without_hold(each, status) if each["name"] in status.hooks else each
            for each in spec["containers"]
        ]
    return result


def _without_hold(container: Object, status: Status) -> Object:
    """A container without the hook that we added; a hook that somebody else has written stays."""
    lifecycle = container.get("lifecycle") or {}
    hook = lifecycle.get("preStop")
    if not isinstance(hook, Mapping) or hook.keys() != {"sleep"}:
        return container
    result, kept = dict(container), dict(lifecycle)
    _set_or_restore(kept, "preStop", None, status, container["name"])
    _set_or_restore(result, "lifecycle", kept, status, container["name"])
    return result


def _set_or_restore(
    holder: Object, field: str, value: object, status: Status, container: str = ""
) -> None:
    """Set a field; if it would be empty, restore what was there, which may be nothing."""
    key = empty_key(field, container)
    if value:
        holder[field] = value
    elif key in status.was:
        holder[field] = status.was[key]
    else:
        holder.pop(field, None)


def empty_key(field: str, container: str = "") -> str:
    """What a part is called in `Status.was`."""
    return f"{container}.{field}" if container else field


def empty_parts(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Parts of a pod that are there but empty, as `Status.was` has them; without containers."""
    metadata = pods.mapping(pod.get("metadata"))
    places = (
        *((pod, each) for each in ("metadata",)),
        *((metadata, each) for each in pods.MAPPINGS),
        *((pods.mapping(pod.get("spec")), each) for each in ("initContainers", "volumes")),
    )
    return {field: node[field] for node, field in places if field in node and not node[field]}


def difference(before: Any, after: Any, path: str = "") -> tuple[Operation, ...]:  # noqa: ANN401 - documents
    """The JSON patch from one pod to another that was made of it by the functions above.

    `add` also takes the place of a member that is null, where `replace` is refused by some.
    """
    if before is after:
        return ()
    if isinstance(before, Mapping) and isinstance(after, Mapping) and _OPEN.fullmatch(path):
        return tuple(_members(before, after, path))
    if before and after and path in _LISTS:
        return tuple(_items(before, after, path))
    if before == after:
        return ()
    return ({"op": "replace" if path[-1:].isdigit() else "add", "path": path, "value": after},)


def _members(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterator[Operation]:
    for key in [each for each in before if each not in after]:
        yield {"op": "remove", "path": f"{path}/{_escape(key)}"}
    for key, value in after.items():
        here = f"{path}/{_escape(key)}"
        if key in before:
            yield from difference(before[key], value, here)
        else:
            yield {"op": "add", "path": here, "value": value}


def _items(before: list[Object], after: list[Object], path: str) -> Iterator[Operation]:
    """Items are known by their names, and those that stay do not change places."""
    places = {each["name"]: place for place, each in enumerate(before)}
    have = {each["name"] for each in after}
    for place in reversed([place for name, place in places.items() if name not in have]):
        yield {"op": "remove", "path": f"{path}/{place}"}
    for place, each in enumerate(after):
        if each["name"] in places:
            yield from difference(before[places[each["name"]]], each, f"{path}/{place}")
        else:
            yield {"op": "add", "path": f"{path}/{place}", "value": each}


def apply(document: Any, operations: Sequence[Operation]) -> Any:  # noqa: ANN401 - documents
    """A document with the operations `add`, `replace` and `remove` applied, in their order."""
    for each in operations:
        tokens = [_unescape(token) for token in each["path"].split("/")[1:]]
        document = _apply_operation(document, tokens, each)
    return document


def _apply_operation(node: Any, tokens: Sequence[str], operation: Operation) -> Any:  # noqa: ANN401 - documents
    first, *rest = tokens
    copy: Any = list(node) if isinstance(node, list) else dict(node)
    key: Any = int(first) if isinstance(node, list) else first
    if rest:
        copy[key] = _apply_operation(node[key], rest, operation)
    elif operation["op"] == "remove":
        del copy[key]
    elif operation["op"] == "add" and isinstance(copy, list):
        copy.insert(key, operation["value"])
    else:
        copy[key] = operation["value"]
    return copy


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _unescape(token: str) -> str:
    return token.replace("~1", "/").replace("~0", "~")
