"""Each shape of a pod: what is decided, what the patch is, and what holds of all of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from eureka_operator.core.injection.decide import (
    Decision,
    Inject,
    Refuse,
    Skip,
    apply_decision,
    decide,
    uninject,
)
from eureka_operator.core.injection.patches import CONTAINER
from eureka_operator.core.injection.reasons import REASONS
from eureka_operator.core.injection.status import STATUS
from eureka_operator.core.kinds import Object
from eureka_sidecar.core import settings
from eureka_sidecar.core.settings import Facts
from unit.operator.core.desired import golden
from unit.operator.core.injection.shapes import shapes

GOLDEN: Final = Path(__file__).with_name("golden")
_MOST_PATCH_BYTES: Final = 8_192
_MOST_STATUS_BYTES: Final = 512
_SHAPES: Final = shapes()


def _decide(name: str, pod: Object) -> Decision:
    found = _SHAPES[name]
    return decide(pod, found.namespace, found.configuration())


def _decision_document(decision: Decision) -> Object:
    """A decision as a document; the configuration as the sidecar reads it."""
    match decision:
        case Inject(patch=patch, notes=notes):
            said = {each.reason.code: each.message for each in notes}
            return {"outcome": "injected", "notes": said, **_patch(patch)}
        case Skip(finding=finding, patch=patch):
            said = {"reason": finding.reason.code, "message": finding.message}
            return {"outcome": "skipped", **said, **_patch(patch)}
        case Refuse(finding=finding):
            return {
                "outcome": "refused",
                "reason": finding.reason.code,
                "message": finding.message,
            }


def _patch(patch: tuple[Object, ...]) -> Object:
    size = len(json.dumps(patch, separators=(",", ":")))
    return {"operations": len(patch), "bytes": size, "patch": list(patch)}


@pytest.mark.parametrize("name", _SHAPES)
def test_shape_is_decided_as_its_file_says(name: str) -> None:
    """The patch as the API server gets it, with its size: whoever makes it grow has to say so."""
    golden.check(name, _decision_document(_decide(name, _SHAPES[name].given())), GOLDEN)


def test_every_file_belongs_to_a_shape() -> None:
    """A file that no test reads would look like a promise."""
    assert {file.stem for file in GOLDEN.glob("*.yaml")} == _SHAPES.keys()


def test_every_reason_has_a_shape() -> None:
    """Codes are an interface; three need pods that are tested by themselves."""
    decisions = [_decision_document(_decide(name, each.given())) for name, each in _SHAPES.items()]
    noted = {code for each in decisions for code in each.get("notes", ())}
    found = noted | {each["reason"] for each in decisions if "reason" in each}
    elsewhere = {"malformed_pod", "hooks_left_out", "injection_kept", "health_downgraded",
                 "configuration_refused", "disabled_by_namespace", "ambiguous_registry",
                 "probe_port_differs"}  # fmt: skip
    assert REASONS.keys() - found <= elsewhere


@pytest.mark.parametrize("name", _SHAPES)
def test_second_pass_changes_nothing(name: str) -> None:
    """The API server asks again after other injectors (`reinvocationPolicy: IfNeeded`)."""
    pod = apply_decision(_SHAPES[name].given(), _decide(name, _SHAPES[name].given()))

    again = _decide(name, pod)

    assert isinstance(again, Refuse) or again.patch == ()


@pytest.mark.parametrize("name", _SHAPES)
def test_uninject_gives_the_original_back(name: str) -> None:
    """To the byte: Git shows no difference after `inject` and `uninject`."""
    original = uninject(_SHAPES[name].given())
    pod = apply_decision(_SHAPES[name].given(), _decide(name, _SHAPES[name].given()))

    assert json.dumps(uninject(pod), sort_keys=True) == json.dumps(original, sort_keys=True)


@pytest.mark.parametrize("name", _SHAPES)
def test_sidecar_accepts_its_configuration(name: str) -> None:
    """What is injected and would not start keeps the whole pod from starting."""
    pod = apply_decision(_SHAPES[name].given(), _decide(name, _SHAPES[name].given()))
    for container in pod["spec"].get("initContainers", []):
        if container["name"] == CONTAINER and STATUS in pod["metadata"].get("annotations", {}):
            if "env" not in container:
                continue  # written by hand
            facts = Facts(ip="10.0.0.7", pod="orders-7", namespace="shop", uid="the-uid")
            found = settings.configuration(_configuration(container), facts)
            assert found.instances
            assert found.annotations_file == "/pod/annotations"


def _configuration(container: Object) -> Any:  # noqa: ANN401 - a document
    """As the container gets it: the kubelet turns `$$` into `$`."""
    values = {each["name"]: each.get("value", "") for each in container["env"]}
    return json.loads(values["EUREKA_SIDECAR_CONFIG"].replace("$$", "$"))


@pytest.mark.parametrize("name", _SHAPES)
def test_patch_and_status_are_short(name: str) -> None:
    """Each is in every pod of a cluster, and etcd keeps it."""
    decision = _decide(name, _SHAPES[name].given())
    if not isinstance(decision, Refuse):
        assert len(json.dumps(decision.patch)) <= _MOST_PATCH_BYTES
        pod = apply_decision(_SHAPES[name].given(), decision)
        status = pod["metadata"].get("annotations", {}).get(STATUS, "")
        assert len(status) <= _MOST_STATUS_BYTES


def test_value_of_a_header_is_no_reference_to_a_variable() -> None:
    """The kubelet would put the address of the pod in its place."""
    name = "05-http-probe-host-headers"
    pod = apply_decision(_SHAPES[name].pod, _decide(name, _SHAPES[name].pod))
    container = pod["spec"]["initContainers"][0]

    probe = _configuration(container)["instances"][0]["readinessProbe"]

    assert probe["httpGet"]["httpHeaders"][0]["value"] == "$(EUREKA_POD_IP) costs $5"
    assert "$$(EUREKA_POD_IP)" in container["env"][-1]["value"]


def test_parts_of_another_version_are_replaced_where_they_are() -> None:
    """Another injector's container before ours stays there, and is not touched."""
    given = _SHAPES["45-other-version"].given()

    patch = _decide("45-other-version", given).patch  # type: ignore[union-attr] # it is injected

    paths = {(each["op"], each["path"]) for each in patch}
    assert ("replace", "/spec/initContainers/1") in paths
    assert not [path for _, path in paths if path.startswith("/spec/initContainers/0")]
