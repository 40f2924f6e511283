"""`python -m charts.reference KIND`: the page of a kind's fields, of its CRD.

Descriptions are those that `kubectl explain` shows.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final

import yaml
from charts.generate import CRDS

Schema = dict[str, Any]

KINDS: Final = ("EurekaCluster", "EurekaRegistration")
_HEADING: Final = "\n| field | value | |\n|---|---|---|\n"
_WORDS: Final = {
    "string": "text",
    "integer": "a whole number",
    "boolean": "`true` or `false`",
    "object": "an object",
}
_FREE: Final = "x-kubernetes-preserve-unknown-fields"
_MAP: Final = "additionalProperties"


def page(kind: str) -> str:
    """The page of a kind."""
    file = CRDS / f"{kind.lower()}.yaml"
    spec = yaml.safe_load(file.read_text())["spec"]
    version = spec["versions"][0]
    schema = version["schema"]["openAPIV3Schema"]
    return "".join(
        (
            f"<!-- Made by `make docs` from crds/{file.name}; do not edit. -->\n\n",
            f"# {kind}\n\n{schema['description']}\n\n",
            f"`apiVersion: {spec['group']}/{version['name']}`, `kind: {kind}`; ",
            f"short name `{spec['names']['shortNames'][0]}`. `kubectl explain ",
            f"{spec['names']['shortNames'][0]}.spec` shows the same.\n",
            *_part("spec", schema["properties"]["spec"]),
            *_part("status", schema["properties"]["status"]),
            *_refusals(schema),
        )
    )


def _part(name: str, schema: Schema) -> Iterator[str]:
    """Yield `spec` or `status`: first the fields that have no fields, then each of the others."""
    fields = schema["properties"]
    flat = {key: field for key, field in fields.items() if not _has_fields(field)}
    yield f"\n## {name}\n\n{schema['description']}\n"
    if flat:
        yield _HEADING + "".join(_rows(flat, f"{name}.", schema))
    for key in (each for each in fields if each not in flat):
        field = fields[key]
        needed = "Required. " if key in schema.get("required", ()) else ""
        yield f"\n### {name}.{key}\n\n{needed}{_described(field)}\n{_HEADING}"
        yield from _below(field, "")


def _rows(fields: dict[str, Schema], before: str, parent: Schema) -> Iterator[str]:
    required = parent.get("required", ())
    for key, field in fields.items():
        needed = "Required. " if key in required else ""
        said = f"{needed}{_described(field)}".strip()
        yield f"| `{before}{key}` | {_value(field)} | {said} |\n"
        yield from _below(field, f"{before}{key}")


def _below(field: Schema, before: str) -> Iterator[str]:
    """Yield the rows of a field's own fields, if it has any."""
    inner = field.get("items", field)
    if "properties" in inner:
        mark = "[]" if "items" in field else ""
        prefix = f"{before}{mark}." if before or mark else ""
        yield from _rows(inner["properties"], prefix, inner)


def _has_fields(field: Schema) -> bool:
    return "properties" in field.get("items", field)


def _value(field: Schema) -> str:
    """The values that a field may have."""
    if "enum" in field:
        value = ", ".join(f"`{each}`" for each in field["enum"])
    elif field["type"] == "array":
        value = f"a list of {_element(field)}"
    elif field.get(_FREE):
        value = "as Kubernetes has it"
    elif _MAP in field:
        value = "texts by name"
    else:
        value = _WORDS[field["type"]] + _bounds(field)
    if field.get("default") not in (None, {}):
        value += f"; `{_literal(field['default'])}` if absent"
    return value


def _element(field: Schema) -> str:
    items = field["items"]
    if _has_fields(field):
        return "objects"
    return {"string": "texts", "integer": "numbers"}.get(items["type"], "objects")


def _bounds(field: Schema) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if low is not None:
        return f" from {low}"
    return f" of at most {field['maxLength']} characters" if "maxLength" in field else ""


def _literal(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _described(field: Schema) -> str:
    return str(field.get("description", "")).strip().replace("|", "\\|")


def _refusals(schema: Schema) -> Iterator[str]:
    """Yield what the API server refuses beyond types and bounds."""
    yield "\n## What the API server refuses besides\n\n"
    for message in dict.fromkeys(_messages(schema)):
        yield f"* {message[0].upper()}{message[1:]}.\n".replace("..\n", ".\n")


def _messages(schema: Schema) -> Iterator[str]:
    yield from (rule["message"] for rule in schema.get("x-kubernetes-validations", ()))
    inner = [*schema.get("properties", {}).values(), schema.get("items"), schema.get(_MAP)]
    for each in inner:
        if isinstance(each, dict):
            yield from _messages(each)


if __name__ == "__main__":
    sys.stdout.write(page(sys.argv[1]))
