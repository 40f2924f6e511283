from __future__ import annotations

import json
from typing import Any

import pytest

from eureka_operator.core.drift import Drift, drift, surplus
from eureka_operator.core.kinds import Object
from unit.operator.core.edits import EDITS, FILE, Edit

_RECORDED: Any = json.loads(FILE.read_text(encoding="utf-8"))


def _found(edit: Edit) -> list[Drift]:
    live = {"metadata": {"managedFields": _RECORDED["edits"][edit.about]}}
    return drift(_RECORDED["children"][edit.target], live)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.about)
def test_drift_names_field_and_manager(edit: Edit) -> None:
    """With the record that a real API server has after the edit."""
    assert [str(each) for each in _found(edit)] == list(edit.drift)


def test_last_writer_is_named_for_a_field_that_nobody_has_now() -> None:
    """The API server does not say who removed it; whoever wrote last is the best guess."""
    entries = [
        {"manager": "early", "operation": "Update", "time": "1", "fieldsV1": {"f:data": {}}},
        {"manager": "late", "operation": "Update", "time": "2", "fieldsV1": {"f:more": {}}},
        {"manager": "status", "operation": "Update", "time": "3", "subresource": "status"},
    ]
    live = {"metadata": {"managedFields": [*entries, *_own({"f:metadata": {}})]}}

    found = drift({"type": "x"}, live)

    assert found == [Drift("type", "late")]


def test_own_status_is_no_field_of_the_object() -> None:
    """A record of a subresource says nothing about what was applied."""
    entry = _own({"f:spec": {"f:replicas": {}}})[0] | {"subresource": "scale"}

    found = drift({"spec": {"replicas": 3}}, {"metadata": {"managedFields": [entry]}})

    assert [each.field for each in found] == ["spec"]


def test_item_is_found_by_keys_that_the_api_server_filled_in() -> None:
    """`protocol` is part of a port's key, whether it was given or not."""
    record: Object = {"f:spec": {"f:ports": {'k:{"port":1,"protocol":"TCP"}': {"f:port": {}}}}}
    desired = {"spec": {"ports": [{"port": 1}]}}

    assert drift(desired, {"metadata": {"managedFields": _own(record)}}) == []


def test_value_of_a_set_is_found() -> None:
    """Lists of plain values are recorded by value."""
    desired = {"metadata": {"finalizers": ["a", "b"]}}
    record: Object = {"f:metadata": {"f:finalizers": {'v:"a"': {}}}}

    found = drift(desired, {"metadata": {"managedFields": _own(record)}})

    assert [str(each) for each in found] == ["metadata.finalizers[b]"]


@pytest.mark.parametrize(
    "item",
    [
        {"name": "a"},
        {"uid": "7"},
        {"mountPath": "/a"},
        {"containerPort": 1},
        {"port": 1},
        {"topologyKey": "zone"},
    ],
)
def test_item_that_is_gone_from_the_record_is_named_by_its_key(item: Object) -> None:
    """The whole item would fill the line."""
    desired = {"spec": {"items": [{**item, "more": "x"}]}}
    record: Object = {"f:spec": {"f:items": {".": {}}}}
    ((key, value),) = item.items()

    found = drift(desired, {"metadata": {"managedFields": _own(record)}})

    assert [str(each) for each in found] == [f"spec.items[{key}={value}]"]


def test_item_without_any_key_of_the_record_is_another_one() -> None:
    """Else whatever the record has would be taken for it."""
    desired = {"spec": {"items": [{"more": "x"}]}}
    record: Object = {"f:spec": {"f:items": {'k:{"name":"a"}': {".": {}, "f:more": {}}}}}

    found = drift(desired, {"metadata": {"managedFields": _own(record)}})

    assert [str(each) for each in found] == ["spec.items[more=x]"]


@pytest.mark.parametrize(
    ("desired", "expected"),
    [
        ({"spec": {"a": 1, "ports": [{"port": 1, "name": "x"}], "set": ["s"]}}, []),
        ({"spec": {"ports": [{"port": 1, "name": "x"}], "set": ["s"]}}, ["spec.a"]),
        ({"spec": {"a": 1, "ports": [{"port": 1}], "set": ["s"]}}, ["spec.ports[port=1].name"]),
        ({"spec": {"a": 1, "ports": [], "set": ["s"]}}, ["spec.ports[port=1]"]),
        ({"spec": {"a": 1, "set": []}}, ["spec.ports", "spec.set[s]"]),
        ({"spec": {"a": {"b": 1}, "ports": [{"port": 1, "name": "x"}], "set": ["s"]}}, []),
    ],
)
def test_field_of_ours_that_is_not_wanted_any_more(desired: Object, expected: list[str]) -> None:
    """The API server removes it with the next apply. Fields of others stay."""
    record: Object = {
        "f:spec": {
            ".": {},
            "f:a": {},
            "f:ports": {".": {}, 'k:{"port":1}': {".": {}, "f:port": {}, "f:name": {}}},
            "f:set": {'v:"s"': {}},
        }
    }
    theirs = {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:spec": {"f:b": {}}}}
    live = {"metadata": {"managedFields": [theirs, *_own(record)]}}

    assert surplus(desired, live) == expected


def _own(fields: Object) -> list[Object]:
    return [{"manager": "eureka-operator", "operation": "Apply", "fieldsV1": fields}]
