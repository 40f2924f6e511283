"""The CRD of EurekaRegistrations and the operator's reader: one set of fields and rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from msgspec import inspect

from eureka_operator.api.registration import (
    InvalidRegistration,
    Registration,
    Spec,
    read,
    read_served,
)
from support.registrationobjects import BAD, EVERY_FIELD, GOOD, SERVICE, Bad, document

from .test_schema import fields_of_crd, fields_of_model

ROOT: Final = Path(__file__).parents[4]
CRD: Final = yaml.safe_load((ROOT / "crds" / "eurekaregistration.yaml").read_text())
SCHEMA: Final = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
EXAMPLES: Final = sorted((ROOT / "examples" / "registration").glob("*.yaml"))


def registration(spec: object, **metadata: Any) -> Registration:  # noqa: ANN401 - any field
    """Read an object that is good."""
    found = read(document(spec, **metadata), strict=True)
    assert isinstance(found, Registration), found
    return found


def test_model_and_crd_have_the_same_fields_bounds_and_defaults() -> None:
    """One set of fields."""
    ours = dict(fields_of_model(inspect.type_info(Spec)))

    assert ours == dict(fields_of_crd(SCHEMA))


def test_sentences_of_rules_are_the_crds() -> None:
    """Whoever reads one finds the other."""
    sentences = {each["message"] for each in _rules(SCHEMA)}

    assert {each.server for each in BAD if each.server == each.operator} == sentences


@pytest.mark.parametrize("about", GOOD)
def test_good_object_is_read(about: str) -> None:
    """Whatever the API server takes."""
    assert registration(GOOD[about]).name == "db"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_example_is_read(path: Path) -> None:
    """They are what people begin with."""
    for each in yaml.safe_load_all(path.read_text()):
        assert isinstance(read(each, strict=True), Registration)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: f"{bad.field}: {bad.operator}"[:60])
def test_bad_object_is_refused_in_words(bad: Bad) -> None:
    """Nothing else is said to be wrong with it."""
    found = read(document(bad.spec), strict=True)

    assert isinstance(found, tuple)
    assert all(each.field.startswith(bad.field) for each in found), found
    assert any(bad.operator in each.message for each in found), found


def test_unknown_field_is_passed_over_unless_asked() -> None:
    """An operator may be older than the CRD."""
    newer = document({**SERVICE, "colour": "red"})

    assert isinstance(read(newer), Registration)
    assert isinstance(read(newer, strict=True), tuple)


def test_what_the_api_server_adds_is_read() -> None:
    """Who is older wins, and what is being deleted wants nothing."""
    found = registration(
        EVERY_FIELD,
        namespace="shop",
        uid="u1",
        generation=3,
        creationTimestamp="2026-11-28T12:00:00Z",
        deletionTimestamp="2026-11-28T13:00:00Z",
    )

    assert (found.namespace, found.uid, found.generation) == ("shop", "u1", 3)
    assert found.created == "2026-11-28T12:00:00Z"
    assert found.deleting
    assert found.cluster_namespace == "platform"
    assert registration(SERVICE, namespace="shop").cluster_namespace == "shop"


def test_object_that_cannot_be_read_says_why() -> None:
    """An older CRD may have let it pass."""
    broken = read_served(document({}, namespace="shop", uid="u1", generation=2))

    assert isinstance(broken, InvalidRegistration)
    assert (str(broken), broken.uid, broken.generation) == ("shop/db", "u1", 2)
    assert [each.field for each in broken.problems] == ["spec.clusterRef"]


def _rules(node: dict[str, Any]) -> list[dict[str, str]]:
    parts = [
        *node.get("properties", {}).values(),
        *([node["items"]] if "items" in node else []),
    ]
    own: list[dict[str, str]] = node.get("x-kubernetes-validations", [])
    return own + [rule for part in parts for rule in _rules(part)]
