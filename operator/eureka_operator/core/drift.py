"""Finds the fields of a child that somebody else changed, and who, from `metadata.managedFields`.

The API server records which manager set which field. If the operator wants a field that is no
longer in its own record, somebody else changed or removed it. Fields that others added belong to
them. Format of the record: structured-merge-diff, `fieldpath/serialize.go`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from eureka_operator.core import names
from eureka_operator.core.kinds import Object

_IDENTITY: Final = frozenset({"apiVersion", "kind"})
_KEYS: Final = frozenset({"name", "namespace"})

Path = tuple[str, ...]


class Drift(msgspec.Struct, frozen=True):
    """A field that is not as the operator wants it.

    `manager` is empty if nobody is on record; `taken` says that it has the field now, and did not
    only write the object last.
    """

    field: str
    manager: str = ""
    taken: bool = False

    def __str__(self) -> str:
        """The field and who changed it, in words."""
        return f"{self.field} (by {self.manager})" if self.manager else self.field


def drift(desired: Object, live: Object) -> list[Drift]:
    """Fields of `desired`, which may be a part, that are not the operator's in `live`."""
    records = live["metadata"].get("managedFields", [])
    own = {each["operation"]: each["fieldsV1"] for each in records if _is_own(each)}
    others = sorted(
        (each for each in records if not _is_own(each) and "fieldsV1" in each),
        key=lambda each: str(each.get("time", "")),
        reverse=True,
    )
    found: dict[str, Drift] = {}
    # One that was just made has no applier yet: its fields are still the creator's.
    for path in _missing_paths(
        _owned_part(desired), own.get("Apply") or own.get("Update") or {}, ()
    ):
        field = _readable(path)
        owner = _owner(path, others)
        found.setdefault(field, Drift(field, owner or _last_writer(others), taken=bool(owner)))
    return list(found.values())


def surplus(desired: Object, live: Object) -> list[str]:
    """Fields that are the operator's by `managedFields` of `live` and are not wanted any more."""
    records = live["metadata"].get("managedFields", [])
    own: Mapping[str, Any] = next((r["fieldsV1"] for r in records if _is_own(r)), {})
    return [_readable(path) for path in _surplus_paths(_owned_part(desired), own, ())]


def _surplus_paths(wanted: object, record: Mapping[str, Any], path: Path) -> Iterator[Path]:
    """Yield the paths of a record that a wanted value does not have."""
    if isinstance(wanted, dict):
        steps = {f"f:{key}": value for key, value in wanted.items()}
    elif isinstance(wanted, list):
        steps = {_step(item, record): item for item in wanted}
    else:
        return
    for step, part in record.items():
        if step != "." and step not in steps:
            yield (*path, step)
        elif step != ".":
            yield from _surplus_paths(steps[step], part, (*path, step))


def _owned_part(desired: Object) -> Object:
    """What of an object is on record: all but its identity."""
    whole = desired.get("metadata", {}).items()
    metadata = {key: value for key, value in whole if key not in _KEYS}
    rest = {key: value for key, value in desired.items() if key not in _IDENTITY}
    return {**rest, "metadata": metadata} if metadata else rest


def _is_own(record: Mapping[str, Any]) -> bool:
    return record.get("manager") == names.MANAGER and not record.get("subresource")


def _missing_paths(wanted: object, record: Mapping[str, Any], path: Path) -> Iterator[Path]:
    """Yield the paths, as the record writes them, of wanted values that the record lacks."""
    if isinstance(wanted, dict):
        steps = ((f"f:{key}", value) for key, value in wanted.items())
    elif isinstance(wanted, list):
        steps = ((_step(item, record), item) for item in wanted)
    else:
        return
    for step, value in steps:
        part = record.get(step)
        if part is None:
            yield (*path, step)
        elif part:  # an empty record: the value is owned as a whole
            yield from _missing_paths(value, part, (*path, step))


def _step(item: object, record: Mapping[str, Any]) -> str:
    """How the record names an item of a list: by its keys, or by its value."""
    if not isinstance(item, dict):
        return f"v:{json.dumps(item)}"
    for step in record:
        if step.startswith("k:") and _has(item, json.loads(step[2:])):
            return step
    return f"k:{json.dumps(_short_name(item))}"


def _has(item: Mapping[str, object], keys: Mapping[str, object]) -> bool:
    """Whether an item has these keys; one that it lacks was filled in by the API server."""
    known = {key: value for key, value in keys.items() if key in item}
    return bool(known) and all(item[key] == value for key, value in known.items())


def _short_name(item: Mapping[str, object]) -> Mapping[str, object]:
    """A short name of an item that is gone from the record."""
    for key in ("name", "uid", "mountPath", "containerPort", "port", "topologyKey"):
        if key in item:
            return {key: item[key]}
    return item


def _owner(path: Path, records: Sequence[Mapping[str, Any]]) -> str:
    """The manager that owns a field now; empty: nobody."""
    for record in records:
        node: Any = record["fieldsV1"]
        for step in path:
            node = node.get(step) if isinstance(node, dict) else None
        if node is not None:
            return str(record["manager"])
    return ""


def _last_writer(records: Sequence[Mapping[str, Any]]) -> str:
    """Who wrote the object last, apart from its status: a field without an owner was removed."""
    writers = (each for each in records if not each.get("subresource"))
    return next((str(each["manager"]) for each in writers), "")


def _readable(path: Path) -> str:
    """`spec.ports[name=http].port`, as people write a path."""
    text = ""
    for step in path:
        kind, _, name = step.partition(":")
        if kind == "f":
            text += f".{name}" if name.replace("-", "").isalnum() else f"[{name}]"
            continue
        keys = json.loads(name)
        shown = (
            keys if not isinstance(keys, dict) else ",".join(f"{k}={v}" for k, v in keys.items())
        )
        text += f"[{shown}]"
    return text.removeprefix(".")
