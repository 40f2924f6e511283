"""Checks a document against the types of its fields, and returns all errors in words."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import inspect

UNIQUE: Final = "unique"
"""Key, in a list's extra data, of the field by which its items differ; empty: they differ whole."""

_SHOWN: Final = 60
_CREDENTIALS: Final = re.compile(r"(?<=//)[^\s/@]*(?:/[^\s@]*)?@")


class Problem(msgspec.Struct, frozen=True):
    """Something wrong with an object.

    `field` is its path, such as `spec.peers.port`, and empty for the object as a whole. `message`
    says what is wrong and what to write instead; passwords in URLs are left out of it.
    """

    field: str
    message: str


def without_nulls(node: Any) -> Any:  # noqa: ANN401 - a document as it was read
    """Drop fields that are null, as the API server does."""
    if isinstance(node, Mapping):
        return {key: without_nulls(value) for key, value in node.items() if value is not None}
    if isinstance(node, list):
        return [without_nulls(value) for value in node]
    return node


def object_problems(
    node: Mapping[str, Any],
    expected: Mapping[str, str],
    schema: inspect.Type,
    metadata: inspect.Type,
    *,
    strict: bool,
) -> Iterator[Problem]:
    """Hold an object, without nulls, against its types; `expected` are its apiVersion and kind."""
    for field, value in expected.items():
        if node.get(field, value) != value:
            yield Problem(field, f"{node[field]} is not known here: write {value}")
    yield from problems(node, schema, strict=strict)
    if isinstance(node.get("metadata"), Mapping):
        yield from problems(node["metadata"], metadata, "metadata")


def problems(
    node: object, kind: inspect.Type, path: str = "", *, strict: bool = False
) -> Iterator[Problem]:
    """Hold a node, without nulls in it, against its type; `strict`: unknown fields are wrong."""
    match kind:
        case inspect.Metadata(type=inner, extra=extra):
            yield from problems(node, inner, path, strict=strict)
            yield from _duplicates(node, (extra or {}).get(UNIQUE), path)
        case inspect.UnionType(types=(inner, *_)):
            yield from problems(node, inner, path, strict=strict)
        case _ if _fits(node, kind):
            yield from _inside(node, kind, path, strict=strict)
        case _:
            yield Problem(path, f"{_value_text(node)} is not possible: write {_type_text(kind)}")


def _inside(node: object, kind: inspect.Type, path: str, *, strict: bool) -> Iterator[Problem]:
    match kind:
        case inspect.StructType() if isinstance(node, Mapping):
            yield from _fields(node, kind, path, strict=strict)
        case inspect.ListType(item_type=item) if isinstance(node, list):
            for place, part in enumerate(node):
                yield from problems(part, item, f"{path}[{place}]", strict=strict)
        case inspect.DictType(value_type=value) if isinstance(node, Mapping):
            for key, part in node.items():
                yield from problems(part, value, f"{path}.{key}", strict=strict)


def _fields(
    node: Mapping[Any, object], kind: inspect.StructType, path: str, *, strict: bool
) -> Iterator[Problem]:
    fields = {field.encode_name: field for field in kind.fields}
    prefix = f"{path}." if path else ""
    for key, value in node.items():
        here = f"{prefix}{key}"
        if key in fields:
            yield from problems(value, fields[key].type, here, strict=strict)
        elif strict:
            yield Problem(here, f"unknown field{_nearest(str(key), fields)}")
    for name, field in fields.items():
        if field.required and name not in node:
            yield Problem(f"{prefix}{name}", "is missing")


def _nearest(name: str, known: Mapping[str, object]) -> str:
    folded = {other.lower(): other for other in known}
    close = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.6)
    return f"; did you mean {folded[close[0]]}?" if close else ""


def _duplicates(node: object, key: str | None, path: str) -> Iterator[Problem]:
    if key is None or not isinstance(node, list):
        return
    seen: list[object] = []
    for item in node:
        value = item.get(key) if key and isinstance(item, Mapping) else item
        if value in seen and isinstance(value, str):
            yield Problem(path, f"has {_value_text(value)} twice: write it once")
        seen.append(value)


def _fits(node: object, kind: inspect.Type) -> bool:
    match kind:
        case inspect.BoolType():
            return isinstance(node, bool)
        case inspect.IntType(ge=lowest, le=highest):
            return (
                isinstance(node, int)
                and not isinstance(node, bool)
                and _within(node, lowest, highest)
            )
        case inspect.LiteralType(values=values):
            return node in values
        case inspect.StrType():
            return isinstance(node, str) and _is_text(node, kind)
        case inspect.ListType(min_length=lowest, max_length=highest):
            return isinstance(node, list) and _within(len(node), lowest, highest)
        case inspect.DictType(min_length=lowest, max_length=highest):
            return isinstance(node, Mapping) and _within(len(node), lowest, highest)
        case inspect.StructType():
            return isinstance(node, Mapping)
    return True


def _within(value: int, lowest: int | None, highest: int | None) -> bool:
    return (lowest is None or value >= lowest) and (highest is None or value <= highest)


def _is_text(text: str, kind: inspect.StrType) -> bool:
    # Not `re.search`: in Python, but not in the API server, `$` also stands before a last newline.
    matches = kind.pattern is None or re.fullmatch(kind.pattern, text) is not None
    return matches and _within(len(text), kind.min_length, kind.max_length)


def _type_text(kind: inspect.Type) -> str:
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=lowest, le=highest):
            return f"a whole number, {_range(lowest, highest)}"
        case inspect.LiteralType(values=values):
            return " or ".join(str(value) for value in values)
        case inspect.StrType(min_length=lowest, max_length=highest, pattern=pattern):
            size = f" of {_range(lowest, highest)} characters" if lowest or highest else ""
            return f"text{size}" + (f" that matches {pattern}" if pattern else "")
        case inspect.ListType(min_length=lowest, max_length=highest):
            return f"a list of {_range(lowest, highest)} items"
        case inspect.DictType(max_length=highest) if highest:
            return f"a mapping of {_range(None, highest)} names"
    return "a mapping"


def _range(lowest: int | None, highest: int | None) -> str:
    if lowest is None:
        return f"at most {highest}"
    return f"at least {lowest}" if highest is None else f"{lowest} to {highest}"


def _value_text(node: object) -> str:
    text = _CREDENTIALS.sub("***@", json.dumps(node, ensure_ascii=False, default=str))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
