"""The differences between a child and its wanted state, value by value, for people to read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from eureka_operator.core import names
from eureka_operator.core.kinds import Object

_KEYS: Final = ("name", "uid", "mountPath", "containerPort", "port", "topologyKey", "key")
_IGNORED: Final = frozenset(
    {f"metadata.annotations[{name}]" for name in (names.DESIRED_HASH, names.TEMPLATE_HASH)}
)
_ABSENT: Final = object()


class Difference(msgspec.Struct, frozen=True):
    """A field, and its value before and after; `None` where it has none."""

    field: str
    before: object
    after: object


def differences(live: object, desired: object, path: str = "") -> Iterator[Difference]:
    """Yield the fields of `desired` that `live` has with other values or lacks."""
    if path in _IGNORED:
        return
    if isinstance(live, dict) and isinstance(desired, dict):
        for key, value in desired.items():
            yield from differences(live.get(key, _ABSENT), value, _below(path, key))
    elif isinstance(live, list) and isinstance(desired, list):
        yield from _items(live, desired, path)
    elif (old := _document(live)) is not None and (new := _document(desired)) is not None:
        yield from differences(old, new, path)
    elif live != desired:
        yield Difference(path, None if live is _ABSENT else live, desired)


def _items(live: Sequence[object], desired: Sequence[object], path: str) -> Iterator[Difference]:
    """Items of a list: by the field that names them, else by their place."""
    named = {_name(item): item for item in live}
    for place, item in enumerate(desired):
        name = _name(item)
        if name:
            yield from differences(named.get(name, _ABSENT), item, f"{path}[{name}]")
        else:
            before = live[place] if place < len(live) else _ABSENT
            yield from differences(before, item, f"{path}[{place}]")
    wanted = {_name(item) for item in desired}
    for name, item in named.items():
        if name.startswith("key=") and name not in wanted:  # items may be other owners'
            yield Difference(f"{path}[{name}]", item, None)
    for place, item in enumerate(live[len(desired) :], len(desired)):
        if not _name(item):
            yield Difference(f"{path}[{place}]", item, None)


def _name(item: object) -> str:
    if not isinstance(item, dict):
        return ""
    return next((f"{key}={item[key]}" for key in _KEYS if key in item), "")


def _below(path: str, key: str) -> str:
    plain = key.replace("-", "").replace("_", "").isalnum()
    return f"{path}.{key}".removeprefix(".") if plain else f"{path}[{key}]"


def _document(value: object) -> Object | None:
    """A document in a ConfigMap, to be compared field by field; `None` if it is none."""
    if not isinstance(value, str) or not value.startswith("{"):
        return None
    try:
        found: Object = json.loads(value)
    except ValueError:
        return None
    return found


def removed_keys(live: Object, desired: Object) -> Iterator[Difference]:
    """Yield keys of the ConfigMap's documents that are there now and will not be any more."""
    for file, text in desired.get("data", {}).items():
        old, new = _document(live.get("data", {}).get(file)), _document(text)
        for key in (old or {}).keys() - (new or {}).keys():
            yield Difference(f"data[{file}].{key}", (old or {})[key], None)
