"""What is kept of pods and nodes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from eureka_operator.core.kinds import Object
from eureka_operator.core.pods import Node, Peer, Pod, read_node, read_peer, read_pod


def document(**rest: Any) -> Object:  # noqa: ANN401 - fields of different types
    """A pod as the API server has it."""
    owner = {"kind": "ReplicaSet", "name": "orders-7d9", "uid": "owner-1", "controller": True}
    metadata = {
        "namespace": "shop",
        "name": "orders-1",
        "uid": "uid-1",
        "creationTimestamp": "2026-11-28T12:00:00Z",
        "ownerReferences": [owner],
        **rest.pop("metadata", {}),
    }
    return {"metadata": metadata, **rest}


def test_pod_is_reduced_to_what_matters() -> None:
    """A document of 10 KiB becomes a dozen values."""
    ready = {"type": "Ready", "status": "True"}
    found = read_pod(
        document(
            metadata={"annotations": {"eurekube.io/paused": "true"}},
            spec={"nodeName": "node-1", "containers": [{"name": "a"}]},
            status={"phase": "Running", "conditions": [ready]},
        )
    )

    assert found == Pod(
        uid="uid-1",
        namespace="shop",
        name="orders-1",
        phase="Running",
        node="node-1",
        owner="owner-1",
        created=datetime(2026, 11, 28, 12, tzinfo=UTC),
        ready=True,
        paused=True,
    )


def test_authorities_are_those_of_the_volume_that_the_injector_adds() -> None:
    """Of the user's own volumes none counts, nor another ConfigMap that somebody put there."""

    def volume(name: str, *config_maps: str) -> Object:
        sources: list[Object] = [{"configMap": {"name": each}} for each in config_maps]
        token: Object = {"serviceAccountToken": {"path": "token"}}
        return {"name": name, "projected": {"sources": [*sources, token]}}

    volumes = [
        {"name": "data", "emptyDir": {}},
        volume("own", "eurekube-ca-shop.own"),
        volume("eurekube-credentials", "eurekube-ca-shop.eureka", "mine", "eurekube-ca-infra.all"),
    ]

    found = read_pod(document(spec={"volumes": volumes}))

    assert found.authorities == ("eurekube-ca-shop.eureka", "eurekube-ca-infra.all")
    assert read_pod(document(spec={"volumes": volumes[:2]})).authorities == ()


def test_pod_that_was_only_just_made_says_little() -> None:
    """No node, no status, no owner."""
    bare = {"metadata": {"namespace": "shop", "name": "a", "uid": "1"}}

    assert read_pod(bare) == Pod(uid="1", namespace="shop", name="a")


@pytest.mark.parametrize("value", ["false", "True", "1", ""])
def test_only_true_pauses(value: str) -> None:
    """As the sidecar has it: two rules would fight."""
    found = read_pod(document(metadata={"annotations": {"eurekube.io/paused": value}}))

    assert not found.paused


@pytest.mark.parametrize(
    ("phase", "finished"),
    [("Running", False), ("Pending", False), ("Unknown", False), ("", False), ("Failed", True)],
)
def test_pod_has_ended_if_its_phase_never_changes_back(phase: str, finished: bool) -> None:  # noqa: FBT001
    """A pod whose containers are started again is Running all the time."""
    assert read_pod(document(status={"phase": phase})).finished is finished


def test_node_says_since_when_it_is_not_ready() -> None:
    """Unknown is what a node becomes whose kubelet is silent."""
    since = "2026-11-28T12:00:00Z"
    condition = {"type": "Ready", "status": "Unknown", "lastTransitionTime": since}
    taint = {"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute", "value": "off"}
    found = read_node(
        {
            "metadata": {"name": "node-1"},
            "spec": {"taints": [taint], "unschedulable": True},
            "status": {"conditions": [condition]},
        }
    )

    moment = datetime(2026, 11, 28, 12, tzinfo=UTC)
    assert found == Node(
        name="node-1", ready=False, since=moment, out_of_service=True, unschedulable=True
    )


def test_node_that_says_nothing_is_not_lost() -> None:
    """It was made a moment ago."""
    assert read_node({"metadata": {"name": "node-1"}}) == Node(name="node-1")


def peer(**rest: Any) -> Object:  # noqa: ANN401 - fields of different types
    """A peer's pod."""
    owner = {"kind": "StatefulSet", "name": "eureka-peer", "uid": "set", "controller": True}
    metadata = {
        "name": "eureka-peer-1",
        "labels": {"eurekube.io/cluster": "eureka"},
        "ownerReferences": [owner],
    }
    ports = [
        {"name": "management", "containerPort": 8763},
        {"name": "http", "containerPort": 8761},
    ]
    ready = {"type": "Ready", "status": "True"}
    whole = document(
        metadata=metadata | rest.pop("metadata", {}),
        spec={"containers": [{"name": "registry", "ports": ports}]},
        status={"podIP": "10.0.0.7", "conditions": [ready]},
    )
    return whole | rest


def test_peer_is_asked_at_the_port_that_its_pod_names() -> None:
    """`spec.peers.port` of its cluster, without a look at the cluster."""
    assert read_peer(peer()) == Peer(
        namespace="shop", cluster="eureka", name="eureka-peer-1", ip="10.0.0.7", port=8761
    )


@pytest.mark.parametrize(
    "other",
    [
        peer(metadata={"ownerReferences": []}),
        peer(
            metadata={
                "ownerReferences": [
                    {"kind": "ReplicaSet", "name": "eureka-peer", "uid": "1", "controller": True}
                ]
            }
        ),
        peer(
            metadata={
                "ownerReferences": [
                    {"kind": "StatefulSet", "name": "other", "uid": "1", "controller": True}
                ]
            }
        ),
        peer(metadata={"deletionTimestamp": "2026-11-28T12:00:00Z"}),
        peer(status={"podIP": "10.0.0.7", "conditions": [{"type": "Ready", "status": "False"}]}),
        peer(status={"conditions": [{"type": "Ready", "status": "True"}]}),
        peer(spec={"containers": [{"name": "registry"}]}),
        peer(spec={}),
    ],
)
def test_pod_that_cannot_be_asked_is_no_peer(other: Object) -> None:
    """Or that somebody gave the label of one."""
    assert read_peer(other) is None
