from __future__ import annotations

from typing import Any

import pytest

from eureka_operator.core.injection import pods
from eureka_operator.core.injection.pods import Owner

_NAMESPACE: dict[str, Any] = {"metadata": {"name": "shop"}}


def _pod(**metadata: object) -> dict[str, Any]:
    return {"metadata": metadata, "spec": {"containers": [{"name": "orders"}]}}


@pytest.mark.parametrize(
    ("pod", "said"),
    [
        ([], "the pod is not an object"),
        ({}, "the pod has no spec"),
        ({"metadata": [], "spec": {}}, "metadata of the pod is not an object"),
        (_pod(labels={"a": 1}), "metadata.labels of the pod are no texts by name"),
        ({"spec": {"containers": {}}}, "spec.containers is not a list"),
        ({"spec": {"volumes": [{}]}}, "an item of spec.volumes has no name"),
        ({"spec": {"containers": [{"name": "a"}] * 2}},
         "two items of spec.containers have the same name"),
        ({"spec": {"containers": [{"name": "a", "lifecycle": 1}]}},
         "lifecycle of a container is not an object"),
    ],
)  # fmt: skip
def test_broken_pod_is_described(pod: object, said: str) -> None:
    """The rest of the code relies on these parts, and takes nothing else for granted."""
    assert pods.problem(pod, _NAMESPACE) == said


def test_missing_and_null_parts_are_no_problem() -> None:
    """Templates of Jobs have no metadata, and YAML written by hand has nulls."""
    assert pods.problem({"spec": {"containers": None, "volumes": None}}, {"metadata": None}) == ""
    assert pods.problem(_pod(annotations=None), {}) == ""


@pytest.mark.parametrize(
    ("owner", "labels", "name"),
    [
        (Owner("ReplicaSet", "orders-6d4c"), {"pod-template-hash": "6d4c"}, "orders"),
        (Owner("ReplicaSet", "orders-6d4c"), {"rollouts-pod-template-hash": "6d4c"}, "orders"),
        (Owner("ReplicaSet", "orders-6d4c"), {}, "orders-6d4c"),
        (Owner("Job", "report-29404812"), {}, "report"),
        (Owner("Job", "report-7"), {}, "report-7"),
        (Owner("StatefulSet", "orders-2"), {"pod-template-hash": "2"}, "orders-2"),
        (Owner(), {}, "bare"),
    ],
)
def test_name_is_what_a_user_calls_it(owner: Owner, labels: dict[str, str], name: str) -> None:
    """Only what a controller has added is taken off: a name may end in a number of its own."""
    assert pods.workload(_pod(labels=labels, name="bare"), owner) == name


def test_owner_is_the_controller() -> None:
    """A pod may have further owners, which did not make it."""
    references = [
        None,
        {"kind": "ConfigMap", "name": "a"},
        {"kind": "ReplicaSet", "name": "orders-1", "controller": True},
    ]

    assert pods.owner(_pod(ownerReferences=references)) == Owner("ReplicaSet", "orders-1")
    assert pods.owner(_pod()) == Owner()


def test_broken_ports_are_passed_over() -> None:
    """The API server refuses them; here they must not be registered."""
    given = [None, {"containerPort": "8080"}, {"containerPort": True}, {"containerPort": 70_000}]
    found = pods.ports({"ports": [*given, {"containerPort": 53, "protocol": "UDP", "name": "dns"}]})

    assert list(found) == [("dns", 53, "UDP")]
    assert list(pods.ports({"ports": 8080})) == []
