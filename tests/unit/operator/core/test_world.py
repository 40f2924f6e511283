"""The world that the properties are about is checked against a real API server, too."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eureka_operator.core.drift import drift
from unit.operator.core.edits import EDITS, FILE
from unit.operator.core.managed import Managed, fields, paths, value_at
from unit.operator.core.world import World

_RECORDED: Any = json.loads(FILE.read_text(encoding="utf-8"))


def _unchanged_names() -> list[str]:
    return [edit.about for edit in EDITS if edit.about.startswith("nothing: ")]


@pytest.mark.parametrize("about", _unchanged_names())
def test_owned_fields_are_those_of_a_real_api_server(about: str) -> None:
    """Else drift in the world would not be drift on a cluster."""
    body = _RECORDED["children"][about.removeprefix("nothing: ")]
    entries = _RECORDED["edits"][about]
    real = next(each["fieldsV1"] for each in entries if each["manager"] == "eureka-operator")

    assert fields(set(paths(body))) == real


def _managed() -> Managed:
    return Managed(_RECORDED["children"]["service/eureka"], "uid", "eureka-operator")


def test_edited_field_has_another_owner() -> None:
    """And the object another version and generation."""
    body, managed = _RECORDED["children"]["service/eureka"], _managed()
    managed.edit(("f:spec", "f:type"), "NodePort", "kubectl")

    assert [str(each) for each in drift(body, managed.document())] == ["spec.type (by kubectl)"]
    assert (managed.version, managed.generation) == (2, 2)


def test_applied_again_the_object_is_as_it_was() -> None:
    """Foreign fields stay."""
    body, managed = _RECORDED["children"]["service/eureka"], _managed()
    for path in managed.owned("eureka-operator"):
        managed.edit(path, None, "kubectl")
    managed.edit(("f:metadata", "f:labels", "f:team"), "a", "kubectl")
    managed.apply(body, "eureka-operator")
    now = managed.document()

    assert drift(body, now) == []
    assert now["spec"] == body["spec"]
    assert now["metadata"]["labels"] == body["metadata"]["labels"] | {"team": "a"}


def test_field_that_is_applied_no_more_is_gone() -> None:
    """Unless somebody else has it, too."""
    body, managed = _RECORDED["children"]["service/eureka"], _managed()
    less = {**body, "spec": {k: v for k, v in body["spec"].items() if k != "type"}}
    managed.apply(less, "eureka-operator")

    assert value_at(managed.document(), ("f:spec", "f:type")) is None


def test_applying_the_same_changes_nothing() -> None:
    """The API server keeps the resource version."""
    managed = _managed()
    managed.apply(_RECORDED["children"]["service/eureka"], "eureka-operator")

    assert managed.version == 1


def test_three_peers_come_to_agree() -> None:
    """The world has all it takes."""
    world = World()

    assert world.settle() < 12
    assert world.status["readyReplicas"] == 3
    assert [event.reason for event in world.events if event.type == "Warning"] == []
