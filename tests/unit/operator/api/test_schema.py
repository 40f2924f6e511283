"""CRD, the operator's model, `up -f`'s and the registry's settings: one set of fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import yaml
from msgspec import inspect

from eureka_operator.api import rules, selectors, spec
from eureka_operator.api.settings import SETTINGS, Row
from eureka_registry.config.table import SETTINGS as TABLE
from eureka_registry.local import clusterschema
from support.clusterobjects import EVERY_FIELD, nested

CRD: Final = yaml.safe_load((Path(__file__).parents[4] / "crds" / "eurekacluster.yaml").read_text())
SCHEMA: Final = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
SPEC: Final = SCHEMA["properties"]["spec"]

_BOUNDS: Final = {
    "minimum": "ge",
    "maximum": "le",
    "minLength": "min_length",
    "maxLength": "max_length",
    "pattern": "pattern",
}
_LEAVES: Final[Mapping[type[inspect.Type], str]] = {
    inspect.IntType: "integer",
    inspect.StrType: "string",
    inspect.BoolType: "boolean",
}

Node = Mapping[str, Any]


class Field(msgspec.Struct, frozen=True):
    """What a schema says of one field, whoever's schema it is.

    `bounds` by the CRD's names, `choices` sorted, `default` the CRD's or `None`; `unique` is the
    field by which a list's items differ, empty if they differ whole, `None` if they need not.
    """

    type: str
    bounds: dict[str, object] = {}
    choices: list[str] = []
    required: bool = False
    default: object = None
    unique: str | None = None


def fields_of_crd(
    node: Node, path: str = "spec", *, required: bool = True
) -> Iterator[tuple[str, Field]]:
    """Every field of the CRD below a node, items of lists and values of mappings among them."""
    lowest = {"array": "minItems", "object": "minProperties"}.get(node["type"], "minLength")
    highest = {"array": "maxItems", "object": "maxProperties"}.get(node["type"], "maxLength")
    names = {**{name: name for name in _BOUNDS}, "minLength": lowest, "maxLength": highest}
    keys = node.get("x-kubernetes-list-map-keys", [""])
    unique = {"map": keys[0], "set": ""}.get(node.get("x-kubernetes-list-type", ""))
    yield (
        path,
        Field(
            type=node["type"],
            bounds={name: node[theirs] for name, theirs in names.items() if theirs in node},
            choices=sorted(node.get("enum", [])),
            required=required,
            default=node.get("default") if node["type"] not in ("object", "array") else None,
            unique=unique,
        ),
    )
    for name, part in node.get("properties", {}).items():
        needed = name in node.get("required", [])
        yield from fields_of_crd(part, f"{path}.{name}", required=needed)
    if "items" in node:
        yield from fields_of_crd(node["items"], f"{path}[]")
    if "additionalProperties" in node:
        yield from fields_of_crd(node["additionalProperties"], f"{path}{{}}")


def fields_of_model(
    kind: inspect.Type, path: str = "spec", *, required: bool = True, default: object = None
) -> Iterator[tuple[str, Field]]:
    """Every field of a model below a type, as `fields_of_crd` gives those of the CRD."""
    kind, unique = _bare(kind)
    given = {name: getattr(kind, ours, None) for name, ours in _BOUNDS.items()}
    yield (
        path,
        Field(
            type=_type(kind),
            bounds={name: value for name, value in given.items() if value is not None},
            choices=sorted(map(str, getattr(kind, "values", ()))),
            required=required,
            default=default if isinstance(default, str | int | bool) else None,
            unique=unique,
        ),
    )
    match kind:
        case inspect.StructType(fields=fields):
            for field in fields:
                here = f"{path}.{field.encode_name}"
                yield from fields_of_model(
                    field.type, here, required=field.required, default=field.default
                )
        case inspect.ListType(item_type=item):
            yield from fields_of_model(item, f"{path}[]")
        case inspect.DictType(value_type=value) if not isinstance(value, inspect.AnyType):
            yield from fields_of_model(value, f"{path}{{}}")


def _bare(kind: inspect.Type) -> tuple[inspect.Type, str | None]:
    """Return the type itself and by what its items differ."""
    match kind:
        case inspect.Metadata(type=inner, extra=extra):
            bare, unique = _bare(inner)
            return bare, (extra or {}).get(clusterschema.UNIQUE, unique)
        case inspect.UnionType(types=(inner, *_)):
            return _bare(inner)
    return kind, None


def _type(kind: inspect.Type) -> str:
    match kind:
        case inspect.ListType():
            return "array"
        case inspect.StructType() | inspect.DictType():
            return "object"
        case inspect.LiteralType():
            return "string"
    return _LEAVES[type(kind)]


def described(node: Node, path: str = "") -> Iterator[tuple[str, str]]:
    """Every field that `kubectl explain` shows, with its description."""
    yield path, node.get("description", "")
    for name, part in node.get("properties", {}).items():
        yield from described(part, f"{path}.{name}")
    if "properties" in node.get("items", {}):
        yield from described(node["items"], f"{path}[]")


def at(path: str) -> Node:
    """The CRD's node of a field below `spec`."""
    node: Node = SPEC
    for name in path.split("."):
        node = node["properties"][name]
    return node


@pytest.mark.parametrize("model", [spec.Spec, clusterschema.Spec])
def test_models_have_the_fields_of_the_crd(model: type) -> None:
    """Names, types, bounds, words, patterns, defaults: what one takes, all take."""
    crd = dict(fields_of_crd(SPEC))
    ours = dict(fields_of_model(inspect.type_info(model)))

    assert ours.keys() == crd.keys()
    assert {path: (ours[path], crd[path]) for path in crd if ours[path] != crd[path]} == {}


def test_every_field_has_a_description() -> None:
    """`kubectl explain` is the reference."""
    found = dict(described(SCHEMA))

    without = [path for path, text in found.items() if not text.endswith(".")]
    assert without == [".metadata"]  # Kubernetes describes it, and accepts no other description
    assert found.keys() > {"", ".spec", ".spec.topology.zones[].name", ".status.peers[].state"}


def test_every_list_and_text_of_the_spec_is_bounded() -> None:
    """Else the API server refuses rules over it, for what they might cost."""
    unbounded = [
        path
        for path, field in fields_of_crd(SPEC)
        if field.type in ("array", "string")
        and not field.choices
        and "maxLength" not in field.bounds
        and "pattern" not in field.bounds
    ]

    assert unbounded == ["spec.service.annotations{}", "spec.pod.annotations{}"]


def test_items_of_lists_have_no_defaults() -> None:
    """Argo CD would show them as out of sync for ever."""
    assert [path for path, field in fields_of_crd(SPEC) if "[]" in path and field.default] == []


def test_sentences_of_the_rules_are_those_of_the_crd() -> None:
    """Whoever sees the operator's and the API server's sees the same mistake."""
    crd = set(_messages(SCHEMA))
    ours = {
        value
        for each in (rules, selectors)
        for name, value in vars(each).items()
        if name.isupper() and not name.startswith("_") and isinstance(value, str)
    }

    assert ours == crd


def _messages(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for each in node.get("x-kubernetes-validations", []):
            yield each["message"]
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
        yield from _messages(part)


@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row.field)
def test_setting_takes_whatever_its_field_takes(row: Row) -> None:
    """The API server has said yes; a peer must not say no."""
    field, setting = at(row.field), TABLE[row.setting]

    for value in _extremes(field):
        msgspec.convert(row.conversion(value), setting.annotation)


def _extremes(node: Node) -> list[object]:
    if node["type"] == "boolean":
        return [True, False]
    if node["type"] == "integer":
        return [node["minimum"], node.get("maximum", 2**31)]
    if node["type"] == "array":
        return [[], ["*.example.com"]]
    return [*node["enum"]] if "enum" in node else ["x"]


@pytest.mark.parametrize("group", ["registry", "logging", "dashboard", "peers.replication"])
def test_every_field_of_the_registrys_has_a_setting(group: str) -> None:
    """A field that does nothing is not in the schema."""
    prefix = f"spec.{group}."
    leaves = {
        path.removeprefix("spec.").removesuffix("[]")
        for path, field in fields_of_crd(SPEC)
        if path.startswith(prefix) and field.type != "object" and "remoteRegions" not in path
    }

    assert leaves == {row.field for row in SETTINGS if f"spec.{row.field}".startswith(prefix)}


@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row.field)
def test_description_says_whether_a_change_needs_a_restart(row: Row) -> None:
    """The registry's table of settings knows."""
    says = "restart" in at(row.field)["description"]

    assert says is not TABLE[row.setting].live


@pytest.mark.parametrize("row", SETTINGS, ids=lambda row: row.field)
def test_default_in_words_is_the_registrys(row: Row) -> None:
    """`Absent means 5` must stay true."""
    node = at(row.field)
    (word,) = re.findall(r"Absent means ([^\s.,]+)", node["description"])

    value = yaml.safe_load(word) if node["type"] != "string" else word
    assert row.conversion(value) == TABLE[row.setting].default


def test_object_with_every_field_has_every_field() -> None:
    """Or the tests that use it would say less than they seem to."""
    found = {re.sub(r"\[\d+\]", "[]", path) for path in _paths(EVERY_FIELD)}

    free = "spec.(resources|networkPolicy.*|pod.*)[.\\[{].*|spec.auth.secretName"  # or `names`
    expected = {path for path, _ in fields_of_crd(SPEC) if not path.endswith(("[]", "{}"))}
    assert {path for path in expected - found if not re.fullmatch(free, path)} == set()


def _paths(node: object, path: str = "spec") -> Iterator[str]:
    yield path
    if isinstance(node, dict):
        for name, part in node.items():
            yield from _paths(part, f"{path}.{name}")
    if isinstance(node, list):
        for part in node:
            yield from _paths(part, f"{path}[]")


def test_nested_spec() -> None:
    """The table of bad objects is made with it."""
    assert nested("a.b", 3) == {"a": {"b": 3}}
