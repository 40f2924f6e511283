from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from eureka_operator.core.injection.patches import (
    CONTAINER,
    CREDENTIALS,
    VOLUME,
    Parts,
    apply,
    difference,
    empty_parts,
    volume_places,
    with_parts,
    without_parts,
)
from eureka_operator.core.injection.status import DEFAULT_CONTAINER, STATUS, Status

_PARTS = Parts(
    annotations={STATUS: "...", DEFAULT_CONTAINER: "a"},
    container={"name": CONTAINER},
    volumes=({"name": VOLUME},),
    hooks=frozenset("a"),
    hold_s=20,
)
_STATUS = Status(version="1", result="injected", hooks=("a",), default=True)


def _pod(**spec: object) -> dict[str, Any]:
    return {"metadata": {"name": "orders"}, "spec": {"containers": [{"name": "a"}], **spec}}


def test_operations_are_additions_at_their_places() -> None:
    """What others wrote is not sent back to the API server, so nobody's change is undone."""
    pod = _pod(initContainers=[{"name": "migrate"}], volumes=[{"name": "data"}])

    found = difference(pod, with_parts(pod, _PARTS))

    assert [(each["op"], each["path"]) for each in found] == [
        ("add", "/metadata/annotations"),
        ("add", "/metadata/labels"),
        ("add", "/spec/containers/0/lifecycle"),
        ("add", "/spec/initContainers/0"),
        ("add", "/spec/volumes/1"),
    ]
    assert apply(pod, found) == with_parts(pod, _PARTS)


def test_names_of_annotations_are_escaped() -> None:
    """RFC 6901: `~` and `/` are written as `~0` and `~1`."""
    before = {"metadata": {"annotations": {"a": "1", "b~/c": "2"}}}
    after = {"metadata": {"annotations": {"a": "1", "d/e": "3"}}}

    found = difference(before, after)

    assert found == (
        {"op": "remove", "path": "/metadata/annotations/b~0~1c"},
        {"op": "add", "path": "/metadata/annotations/d~1e", "value": "3"},
    )
    assert apply(before, found) == after


@pytest.mark.parametrize(
    "pod",
    [
        _pod(),
        {"spec": {"containers": [{"name": "a"}]}},
        {"metadata": {}, **_pod()},
        {"metadata": None, "spec": {"containers": [{"name": "a"}]}},
        {"metadata": {"annotations": None, "labels": {}}, "spec": {"containers": [{"name": "a"}]}},
        _pod(initContainers=None, volumes=[]),
        _pod(containers=[{"name": "a", "lifecycle": {}}]),
        _pod(containers=[{"name": "a", "lifecycle": None}, {"name": "b"}]),
        _pod(containers=[{"name": "a", "lifecycle": {"postStart": {"sleep": {"seconds": 1}}}}]),
    ],
)
def test_parts_are_taken_out_as_they_were_put_in(pod: dict[str, Any]) -> None:
    """Null, empty and absent are three things in a file."""
    was = empty_parts(pod)
    for each in pod["spec"]["containers"]:
        if "lifecycle" in each and not each["lifecycle"]:
            was[f"{each['name']}.lifecycle"] = each["lifecycle"]
    status = Status(version="1", result="injected", hooks=("a",), default=True, was=was)
    changed = with_parts(pod, _PARTS)

    found = without_parts(apply(pod, difference(pod, changed)), status)

    assert json.dumps(found, sort_keys=True) == json.dumps(pod, sort_keys=True)
    back = difference(changed, found)
    assert apply(changed, back) == found


def test_hook_that_was_changed_since_is_left_alone() -> None:
    """Somebody has made it his own."""
    own = {"preStop": {"exec": {"command": ["drain"]}}}
    pod = with_parts(_pod(), _PARTS)
    pod["spec"]["containers"] = [{"name": "a", "lifecycle": own}]

    assert without_parts(pod, _STATUS)["spec"]["containers"] == [{"name": "a", "lifecycle": own}]


@pytest.mark.parametrize("spec", [{}, {"containers": None}, {"containers": []}])
def test_pod_without_containers_has_none_afterwards(spec: dict[str, Any]) -> None:
    """A template that somebody emptied: it is no pod, but a file that can be read."""
    pod = {"metadata": {"name": "orders", "annotations": {STATUS: "..."}}, "spec": spec}

    assert without_parts(pod, _STATUS) == {"metadata": {"name": "orders"}, "spec": spec}


def test_what_was_not_touched_is_the_same_object() -> None:
    """So a pod may be nested deeper than Python's stack, and costs what is changed in it."""
    affinity: Any = []
    for _ in range(100_000):
        affinity = [affinity]
    pod = _pod(affinity=affinity)

    changed = with_parts(pod, _PARTS)

    assert changed["spec"]["affinity"] is affinity
    assert apply(pod, difference(pod, changed))["spec"]["affinity"] is affinity
    while affinity:  # nor may its end exceed the stack
        affinity = affinity.pop()


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        (["data", VOLUME, "token", CREDENTIALS, "last"], [VOLUME, CREDENTIALS]),
        ([CREDENTIALS, "data", VOLUME], [VOLUME, CREDENTIALS]),
        ([CREDENTIALS, VOLUME, "data"], [VOLUME, CREDENTIALS]),
        ([CREDENTIALS, "data", VOLUME, "last"], [VOLUME]),
        (["data", VOLUME, "last"], [VOLUME, CREDENTIALS]),
        (["data"], [VOLUME, CREDENTIALS]),
        ([VOLUME], [CREDENTIALS]),
    ],
)
def test_volumes_of_others_do_not_change_places(before: list[str], wanted: list[str]) -> None:
    """Whatever another injector has put between ours: a patch by places would overwrite it."""
    pod = _pod(volumes=[{"name": each, "was": True} for each in before])
    volumes = tuple({"name": each} for each in wanted)
    parts = msgspec.structs.replace(_PARTS, volumes=volumes)
    parts = msgspec.structs.replace(parts, volumes_at=volume_places(pod, parts))

    after = with_parts(without_parts(pod, _STATUS), parts)

    theirs = [each for each in before if each not in (VOLUME, CREDENTIALS)]
    found = apply(pod, difference(pod, after))["spec"]["volumes"]
    assert found == after["spec"]["volumes"]
    assert [each["name"] for each in found if each.get("was")] == theirs
    assert sorted(each["name"] for each in found if not each.get("was")) == sorted(wanted)


def test_own_parts_are_replaced_at_their_places() -> None:
    """Another injector's container before ours stays there."""
    pod = with_parts(_pod(), _PARTS)
    pod["spec"]["initContainers"] = [{"name": "istio"}, {"name": CONTAINER, "image": "old"}]
    parts = Parts(
        annotations=_PARTS.annotations,
        container={"name": CONTAINER, "image": "new"},
        volumes=({"name": VOLUME},),
        hooks=_PARTS.hooks,
        hold_s=20,
        container_at=1,
    )

    found = difference(pod, with_parts(without_parts(pod, _STATUS), parts))

    replaced = {"name": CONTAINER, "image": "new"}
    assert {"op": "replace", "path": "/spec/initContainers/1", "value": replaced} in found
    assert not [each for each in found if "initContainers/0" in each["path"]]
