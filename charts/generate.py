"""What the charts have of other files: copies of the CRDs, and what is made of them and of a table.

`make charts` runs it from the repository's root.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

import yaml
from charts import grafana

_CHARTS: Final = Path(__file__).parent
CRDS: Final = _CHARTS.parent / "crds"
CRD: Final = CRDS / "eurekacluster.yaml"
COPIES: Final = _CHARTS / "eurekube" / "files" / "crds"
DASHBOARD: Final = _CHARTS / "eurekube" / "files" / "dashboard.json"
SCHEMA: Final = _CHARTS / "eureka-cluster" / "values.schema.json"

_KEPT: Final = frozenset(
    {
        *("type", "description", "enum", "pattern", "required"),
        *("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties"),
    }
)
_STRINGS: Final = {"type": "object", "additionalProperties": {"type": "string"}}


def main() -> None:
    """Write the files."""
    COPIES.mkdir(parents=True, exist_ok=True)
    for crd in CRDS.glob("*.yaml"):
        shutil.copyfile(crd, COPIES / crd.name)
    SCHEMA.write_text(values_schema(yaml.safe_load(CRD.read_text())))
    DASHBOARD.write_text(grafana.dashboard())


def values_schema(crd: dict[str, Any]) -> str:
    """The schema (draft-07) of the values of `eureka-cluster`, as text."""
    document = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    return (
        json.dumps(
            {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "type": "object",
                "required": ["name", "spec"],
                "additionalProperties": False,
                "properties": {
                    "global": {"type": "object", "description": "Helm's, for a parent chart"},
                    "name": {
                        "type": "string",
                        "description": "Name of the EurekaCluster and of its Service",
                        "maxLength": 32,
                        "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$",
                    },
                    "labels": _STRINGS | {"description": "Further labels of the EurekaCluster"},
                    "annotations": _STRINGS | {"description": "Annotations of the EurekaCluster"},
                    "spec": draft07(document["spec"]),
                },
            },
            indent=2,
            ensure_ascii=False,
        )
        + "\n"
    )


def draft07(schema: dict[str, Any]) -> dict[str, Any]:
    """A structural schema of Kubernetes as JSON Schema that refuses unknown fields.

    CEL rules have no counterpart: the API server judges them. Defaults are the API server's, too.
    """
    kept = {key: value for key, value in schema.items() if key in _KEPT}
    if "items" in schema:
        kept["items"] = draft07(schema["items"])
    if "properties" in schema:
        properties = schema["properties"].items()
        kept["properties"] = {name: draft07(field) for name, field in properties}
        kept["additionalProperties"] = schema.get("x-kubernetes-preserve-unknown-fields", False)
    elif "additionalProperties" in schema:
        kept["additionalProperties"] = draft07(schema["additionalProperties"])
    return kept


if __name__ == "__main__":
    main()
