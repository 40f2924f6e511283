"""An object as the API server keeps it: values, and who owns which field.

What is a list of keyed items and what is owned as a whole is in Kubernetes' schema; here it is in
two tables, held equal to records of a real API server by a test.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from eureka_operator.core.kinds import Object

Path = tuple[str, ...]
"""Steps as `fieldsV1` writes them."""

_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "containers": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "ownerReferences": ("uid",),
    "ports": ("containerPort", "port", "protocol"),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
"""Lists whose items are told apart by keys; every other list is one value."""
_WHOLE: Final = frozenset(
    {
        "fieldRef",
        "imagePullSecrets",
        "labelSelector",
        "nodeSelector",
        "ownerReferences",
        "podSelector",
        "selector",
    }
)
"""Mappings, or items of lists, that are one value."""
_IDENTITY: Final = frozenset({"apiVersion", "kind", "name", "namespace"})


def paths(body: Object) -> Iterator[Path]:
    """Yield what an applier of this object owns."""
    metadata = {k: v for k, v in body["metadata"].items() if k not in _IDENTITY}
    rest = {k: v for k, v in body.items() if k not in _IDENTITY}
    yield from _paths({**rest, "metadata": metadata}, (), "")


def _paths(value: Any, path: Path, field: str) -> Iterator[Path]:  # noqa: ANN401 - JSON
    if isinstance(value, dict) and value and field not in _WHOLE:
        for key, below in value.items():
            yield from _paths(below, (*path, f"f:{key}"), key)
    elif isinstance(value, list) and field in _KEYS:
        for item in value:
            yield from _item(item, (*path, _key(item, field)), field)
    else:
        yield path


def _item(item: Object, path: Path, field: str) -> Iterator[Path]:
    yield path
    if field not in _WHOLE:
        for key, below in item.items():
            yield from _paths(below, (*path, f"f:{key}"), key)


def _key(item: Object, field: str) -> str:
    keys = {key: item[key] for key in _KEYS[field] if key in item}
    return f"k:{json.dumps(keys, sort_keys=True, separators=(',', ':'))}"


def value_at(body: Object, path: Path) -> Any:  # noqa: ANN401 - JSON
    """The value of a field; `None` if it is not there."""
    node: Any = body
    for step in path:
        node = _below(node, step)
        if node is None:
            return None
    return node


def _below(node: Any, step: str) -> Any:  # noqa: ANN401 - JSON
    if step.startswith("f:"):
        return node.get(step[2:])
    keys = json.loads(step[2:])
    return next((item for item in node if keys.items() <= item.items()), None)


def _set_field(body: Object, path: Path, value: object) -> None:
    """Set a field, with what it is in."""
    node: Any = body
    for step, after in itertools.pairwise((*path, "")):
        if not after:
            break
        below = _below(node, step)
        if below is None:
            below = [] if after.startswith("k:") else {}
            node[step[2:]] = below
        node = below
    if path[-1].startswith("f:"):
        node[path[-1][2:]] = copy.deepcopy(value)
    elif _below(node, path[-1]) is None:
        node.append(copy.deepcopy(value))


def _drop(body: Object, path: Path) -> None:
    holder = value_at(body, path[:-1])
    if holder is None:
        return
    if path[-1].startswith("f:"):
        holder.pop(path[-1][2:], None)
    else:
        holder[:] = [item for item in holder if item is not _below(holder, path[-1])]


class Managed:
    """One object on the API server."""

    def __init__(self, body: Object, uid: str, manager: str) -> None:
        """Make it, and let `manager` own all of it."""
        self.uid = uid
        self.version = 1
        self.generation = 1
        self.status: Object = {}
        self._body = copy.deepcopy(body)
        self._owners: dict[str, set[Path]] = {manager: set(paths(body))}

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - JSON
        """A part of the object."""
        return self._body[key]

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        found: dict[str, str] = self._body["metadata"].get("labels", {})
        return found

    def owned(self, manager: str) -> list[Path]:
        """The fields of a manager, in a fixed order."""
        return sorted(self._owners.get(manager, set()))

    def document(self) -> Object:
        """The object as a request gets it."""
        body = copy.deepcopy(self._body)
        body["metadata"] |= {
            "uid": self.uid,
            "resourceVersion": str(self.version),
            "generation": self.generation,
            "managedFields": [
                {
                    "manager": manager,
                    "operation": "Apply" if manager == "eureka-operator" else "Update",
                    "fieldsV1": fields(owned),
                }
                for manager, owned in self._owners.items()
                if owned
            ],
        }
        return {**body, "status": copy.deepcopy(self.status)}

    def apply(self, body: Object, manager: str) -> None:
        """Server-side apply with `force`."""
        before = self.document()
        wanted = set(paths(body))
        for path in sorted(wanted):
            value = value_at(body, path)
            if value_at(self._body, path) != value or self._is_item(path):
                self._take(path, value, manager)
        for path in sorted(self._owners.get(manager, set()) - wanted):  # items before their keys
            if not any(path in owned for name, owned in self._owners.items() if name != manager):
                _drop(self._body, path)
        self._owners[manager] = wanted
        self._count(before)

    def edit(self, path: Path, value: object, manager: str) -> None:
        """Set a field, or remove it with `None`, as a plain update does."""
        before = self.document()
        if value is None:
            _drop(self._body, path)
            self._disown(path)
        else:
            self._take(path, value, manager)
            self._owners.setdefault(manager, set()).add(path)
        self._count(before)

    def forget_managers(self) -> None:
        """Remove the record, as anybody may."""
        self._owners = {}
        self.version += 1

    def touch(self, status: Object) -> None:
        """Write the status, if it is another one."""
        if status != self.status:
            self.status = status
            self.version += 1

    def _is_item(self, path: Path) -> bool:
        return path[-1].startswith("k:") and value_at(self._body, path) is None

    def _take(self, path: Path, value: object, manager: str) -> None:
        if not path[-1].startswith("k:"):
            self._disown(path, keep=manager)
        _set_field(self._body, path, value)

    def _disown(self, path: Path, keep: str = "") -> None:
        for name, owned in self._owners.items():
            if name != keep:
                owned -= {each for each in owned if each[: len(path)] == path}

    def _count(self, before: Object) -> None:
        after = self.document()
        if after == before:
            return
        self.version += 1
        self.generation += after.get("spec") != before.get("spec")


def fields(owned: Sequence[Path] | set[Path]) -> Object:
    """A set of paths as `fieldsV1` has it."""
    root: Object = {}
    for path in sorted(owned):
        node = root
        for step in path:
            node = node.setdefault(step, {})
    for path in owned:
        below: Any = root
        for step in path:
            below = below[step]
        if below and path[-1].startswith("k:"):
            below["."] = {}
    return root
