"""What the charts repeat is what it was made of, and their values are those that are allowed."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from charts import generate, grafana

from support.rendering import CLUSTER, OPERATOR

ROOT = Path(__file__).parents[3]
HELMS_OWN = {"global"}
_OBJECT = "spec"


def test_chart_has_the_crds_that_are_the_source() -> None:
    """Helm reads nothing outside a chart; `make charts` copies them."""
    sources = {path.name: path.read_bytes() for path in generate.CRDS.glob("*.yaml")}

    assert {path.name: path.read_bytes() for path in generate.COPIES.iterdir()} == sources


def test_values_of_a_cluster_are_the_crds_fields() -> None:
    """`make charts` makes the schema of the CRD."""
    crd = yaml.safe_load(generate.CRD.read_text())

    assert generate.SCHEMA.read_text() == generate.values_schema(crd)


def test_dashboard_for_grafana_is_made_of_its_table() -> None:
    """`make charts` writes it."""
    assert generate.DASHBOARD.read_text() == grafana.dashboard()


def test_schema_made_of_a_crd_refuses_unknown_fields() -> None:
    """Except below fields that keep what they do not know."""
    made = generate.draft07(
        {
            "type": "object",
            "x-kubernetes-validations": [{"rule": "true"}],
            "properties": {
                "port": {"type": "integer", "minimum": 1, "format": "int32", "default": 8761},
                "env": {
                    "type": "array",
                    "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            },
        }
    )

    assert made == {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "port": {"type": "integer", "minimum": 1},
            "env": {"type": "array", "items": {"type": "object"}},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }


@pytest.mark.parametrize("chart", [OPERATOR, CLUSTER], ids=lambda chart: chart.name)
def test_every_value_that_is_allowed_is_shown(chart: Path) -> None:
    """`helm show values` is where people look; `spec` is what `kubectl explain` describes."""
    values = yaml.safe_load((chart / "values.yaml").read_text())
    schema = json.loads((chart / "values.schema.json").read_text())

    assert set(_allowed(schema)) == HELMS_OWN | set(_shown(values, schema))


@pytest.mark.parametrize("chart", [OPERATOR, CLUSTER], ids=lambda chart: chart.name)
def test_charts_have_the_version_of_the_package(chart: Path) -> None:
    """The chart's is the default tag of its images, the package's the one of `make images`."""
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    described = yaml.safe_load((chart / "Chart.yaml").read_text())

    assert described["version"] == described["appVersion"] == package


def test_crds_that_the_chart_announces_are_those_it_has() -> None:
    """Artifact Hub shows what Chart.yaml says."""
    annotations = yaml.safe_load((OPERATOR / "Chart.yaml").read_text())["annotations"]
    announced = yaml.safe_load(annotations["artifacthub.io/crds"])
    files = sorted((OPERATOR / "files/crds").iterdir())
    crds = [yaml.safe_load(file.read_text()) for file in files]

    assert [(each["name"], each["kind"], each["version"]) for each in announced] == [
        (
            each["metadata"]["name"],
            each["spec"]["names"]["kind"],
            each["spec"]["versions"][0]["name"],
        )
        for each in crds
    ]


def _allowed(schema: dict[str, Any], prefix: str = "") -> list[str]:
    """The paths of all values that a schema describes."""
    found = []
    for name, field in schema.get("properties", {}).items():
        inner = [] if name == _OBJECT else _allowed(field, f"{prefix}{name}.")
        found += inner or [f"{prefix}{name}"]
    return found


def _shown(values: dict[str, Any], schema: dict[str, Any], prefix: str = "") -> list[str]:
    """The paths of the values of a file, down to where the schema leaves the rest open."""
    found = []
    for name, value in values.items():
        field = schema["properties"].get(name, {})
        if "properties" in field and name != _OBJECT:
            found += _shown(value, field, f"{prefix}{name}.")
        else:
            found.append(f"{prefix}{name}")
    return found
