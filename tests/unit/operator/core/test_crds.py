from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from eureka_operator.core.crds import (
    fields,
    missing_fields,
    name,
    served_fields,
    undeclared_fields,
    warning,
    without_fields,
)
from eureka_operator.core.kinds import CLUSTER, REGISTRATION, Kind

_FILES: Final = {CLUSTER: "eurekacluster", REGISTRATION: "eurekaregistration"}
_ROOT: Final = Path(__file__).parents[4]


def _crd(kind: Kind) -> Any:  # noqa: ANN401 - JSON
    return yaml.safe_load((_ROOT / "crds" / f"{_FILES[kind]}.yaml").read_text())


def _properties(crd: Any) -> Any:  # noqa: ANN401 - JSON
    return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]


@pytest.mark.parametrize("kind", [CLUSTER, REGISTRATION])
def test_operator_knows_the_fields_of_the_crd_of_its_own_release(kind: Kind) -> None:
    """One that it did not know could be missing in an older CRD without a word."""
    crd = _crd(kind)
    ours = {
        path for path in served_fields(crd, kind) if path.partition(".")[0] in ("spec", "status")
    }

    assert fields(kind) == ours
    assert missing_fields(crd, kind) == ()
    assert name(kind) == crd["metadata"]["name"]


def test_missing_fields_are_named_and_groups_by_their_name_alone() -> None:
    """A sentence with thirty fields is read by nobody."""
    crd = copy.deepcopy(_crd(CLUSTER))
    spec, status = _properties(crd)["spec"]["properties"], _properties(crd)["status"]["properties"]
    del spec["registry"]["properties"]["java"]
    del spec["topology"]["properties"]["zones"]["items"]["properties"]["nodeZone"]
    del status["endpoints"]
    del status["peers"]["items"]["properties"]["since"]

    assert missing_fields(crd, CLUSTER) == (
        "spec.registry.java",
        "spec.topology.zones[].nodeZone",
        "status.endpoints",
        "status.peers[].since",
    )


def test_newer_crd_lacks_nothing() -> None:
    """Its further fields are for a newer operator."""
    crd = copy.deepcopy(_crd(REGISTRATION))
    _properties(crd)["spec"]["properties"]["later"] = {"type": "string"}

    assert missing_fields(crd, REGISTRATION) == ()


def test_version_that_is_not_served_has_no_fields() -> None:
    """Nothing of it can be used."""
    crd = copy.deepcopy(_crd(CLUSTER))
    crd["spec"]["versions"][0]["name"] = "v1"

    assert missing_fields(crd, CLUSTER) == ("spec", "status")


_REFUSAL: Final = """failed to create typed patch object (default/eureka; eurekube.io/v1alpha1, \
Kind=EurekaCluster): errors:
  .status.peers[name="peer1"].since: field not declared in schema
  .status.peers[name="peer2"].since: field not declared in schema
  .status.endpoints: field not declared in schema"""
"""What an API server of 1.34 said."""


def test_fields_that_an_apply_was_refused_for_are_left_out() -> None:
    """All else of a status can be written."""
    left_out = undeclared_fields(_REFUSAL)
    peers = [{"name": "peer1", "since": "1"}, {"name": "peer2", "since": "2"}]
    document = {"status": {"phase": "Ready", "peers": peers, "endpoints": {"internal": "x"}}}

    assert left_out == {"status.peers[].since", "status.endpoints"}
    assert without_fields(document, left_out) == {
        "status": {"phase": "Ready", "peers": [{"name": "peer1"}, {"name": "peer2"}]}
    }
    assert undeclared_fields("failed to create typed patch object: nil") == frozenset()


def test_warning_names_crd_fields_and_cure() -> None:
    """It is read at an upgrade that left the CRDs out."""
    said = warning("eurekaclusters.eurekube.io", ["spec.a", "status.b"])

    assert "eurekaclusters.eurekube.io is older than this operator: it lacks spec.a, status.b" in (
        said
    )
    assert "kubectl apply --server-side -f crds/" in said
