from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from eureka_operator.api.cluster import Guard
from eureka_operator.core import names
from eureka_operator.core.kinds import Object
from eureka_operator.core.observed import (
    FORMER,
    Pod,
    Report,
    View,
    controller_uid,
    guard_of,
    owner_phrase,
    parse_pod,
    read_report,
    revision_template,
)
from eureka_registry.wire.copies import Sight


def _parsed(status: Object | None = None, **metadata: Any) -> Pod:  # noqa: ANN401 - JSON
    document = {
        "metadata": {"name": "eureka-peer-1", "uid": "u", **metadata},
        "spec": {"nodeName": "node-1", "containers": [{"image": "registry:1"}]},
        "status": status or {},
    }
    return parse_pod(document)


_READY: Object = {
    "podIP": "10.0.0.1",
    "conditions": [
        {"type": "ContainersReady", "status": "False"},
        {"type": "Ready", "status": "True"},
    ],
}


def test_running_pod() -> None:
    """All that plans and statuses need."""
    labels = {"controller-revision-hash": "eureka-peer-1a2b"}

    assert _parsed(_READY, labels=labels, annotations={names.CONFIG_HASH: "h"}) == Pod(
        name="eureka-peer-1",
        uid="u",
        ip="10.0.0.1",
        node="node-1",
        ready=True,
        revision="eureka-peer-1a2b",
        config_hash="h",
    )


@pytest.mark.parametrize("status", ["True", "False"])
def test_moments_of_a_pod(status: str) -> None:
    """Updates and nodes are judged by since when it is ready, or is not."""
    made, changed = "2026-11-28T12:00:00Z", "2026-11-28T12:00:30Z"
    condition = {"type": "Ready", "status": status, "lastTransitionTime": changed}
    found = _parsed({"conditions": [condition]}, creationTimestamp=made)

    since = datetime(2026, 11, 28, 12, 0, 30, tzinfo=UTC)
    assert found.created == datetime(2026, 11, 28, 12, tzinfo=UTC)
    assert (found.ready_since, found.unready_since) == (
        (since, None) if status == "True" else (None, since)
    )


def test_how_a_pod_is_reached() -> None:
    """By its template: what it serves, and whether it asks for credentials."""
    containers = [{"name": "registry", "ports": [{"name": "https"}]}]
    document = {
        "metadata": {"name": "a", "uid": "u", "annotations": {names.GUARD: "asks"}},
        "spec": {"containers": containers},
    }

    assert parse_pod(document) == Pod(name="a", uid="u", secure=True, guard=Guard.ASKS)


@pytest.mark.parametrize("annotations", [None, {}, {names.GUARD: "edited"}])
def test_guard_that_nobody_knows_is_none(annotations: Object | None) -> None:
    """Anybody may write an annotation, and a pass must not fail by it."""
    assert guard_of({"metadata": {"annotations": annotations}}) is Guard.OFF


def test_template_of_a_revision_is_one_that_can_be_applied() -> None:
    """Kubernetes keeps it as a patch."""
    metadata = {"labels": {"a": "b"}, "creationTimestamp": None}
    template = {"metadata": metadata, "spec": {"containers": []}, "$patch": "replace"}

    assert revision_template({"data": {"spec": {"template": template}}}) == {
        "metadata": {"labels": {"a": "b"}},
        "spec": {"containers": []},
    }


def test_pod_that_was_just_made() -> None:
    """It has nothing yet, and nothing is wrong."""
    bare = {"metadata": {"name": "eureka-peer-1", "uid": "u"}}

    assert parse_pod(bare) == Pod(name="eureka-peer-1", uid="u")


def test_pod_that_is_being_deleted_is_not_ready() -> None:
    """It still says so for a moment; the time is when its grace ends."""
    moment = "2026-11-28T12:00:00Z"
    found = _parsed(_READY, deletionTimestamp=moment, finalizers=["example.com/a"])

    assert found.deleting
    assert not found.ready
    assert found.deleting_since == datetime(2026, 11, 28, 12, tzinfo=UTC)
    assert found.finalizers == ("example.com/a",)


def _waiting_pod(**waiting: str) -> Object:
    return {"containerStatuses": [{"state": {"waiting": waiting}}]}


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        (_waiting_pod(reason="ContainerCreating"), ""),
        (_waiting_pod(reason="ImagePullBackOff"), "ImagePullBackOff"),
        (_waiting_pod(reason="CrashLoopBackOff", message="back-off"), "CrashLoopBackOff: back-off"),
        ({"containerStatuses": [{"state": {"running": {}}}]}, ""),
        (
            {
                "conditions": [
                    {"type": "PodScheduled", "status": "True", "message": "found"},
                    {"type": "Ready", "status": "False", "message": "not ready"},
                ]
            },
            "",
        ),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "no node"}]},
            "no node",
        ),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Gated"}]},
            "Gated",
        ),
    ],
)
def test_trouble_of_a_pod(status: Object, trouble: str) -> None:
    """In the words of whoever has it: scheduler or kubelet."""
    assert _parsed(status).trouble == trouble


def test_report_is_read_leniently() -> None:
    """A peer may be older or newer than the operator."""
    found = read_report({"name": "peer1", "later": 1, "peers": [{"url": "u", "later": 1}]})

    assert found == Report(name="peer1", peers=(View(url="u"),))


def test_view_has_the_names_that_the_registry_writes() -> None:
    """The two programs share nothing but the document."""
    sight = Sight(available=True, lag_ms=5, backlog=3, agreement="agreed", why="w")
    found = msgspec.convert(msgspec.to_builtins(sight), View)

    assert (found.available, found.lag_ms, found.backlog) == (True, 5, 3)
    assert (found.agreement, found.why) == ("agreed", "w")


def _owned(*owners: Object) -> Object:
    return {"metadata": {"ownerReferences": [*owners]}}


def test_owner_that_is_no_controller_owns_nothing() -> None:
    """Garbage collection looks at all owners, but one alone is in charge."""
    other = {"uid": "a", "kind": "Other", "name": "x"}

    assert controller_uid(_owned(other, {"uid": "b", "controller": True})) == "b"
    assert controller_uid(_owned(other)) == ""
    assert controller_uid({"metadata": {}}) == ""


def test_owner_in_words() -> None:
    """What is left of an object of the same name goes by itself."""
    assert owner_phrase({"metadata": {}}, "eureka") == "it has no owner"
    assert owner_phrase(_owned({"kind": "App", "name": "x"}), "eureka") == "it belongs to App x"
    assert owner_phrase(_owned({"kind": "EurekaCluster", "name": "eureka"}), "eureka") == FORMER
