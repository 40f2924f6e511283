"""Pods without their sidecar: who is told what, and who is evicted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from eureka_operator.core.kinds import Object
from eureka_operator.core.missed import UninjectedPod, eviction, evictions, uninjected_pods
from eureka_operator.core.pods import Pod

START: Final = datetime(2026, 11, 28, 12, tzinfo=UTC)
NAMESPACE: Final[Object] = {"metadata": {"name": "shop"}}


def document(name: str = "orders-7d9-a", **rest: Any) -> Object:  # noqa: ANN401 - any field
    """A pod of a Deployment, without a sidecar."""
    owner = {"kind": "ReplicaSet", "name": "orders-7d9", "uid": "owner-1", "controller": True}
    metadata = {
        "namespace": "shop",
        "name": name,
        "uid": f"uid-{name}",
        "labels": {"pod-template-hash": "7d9"},
        "ownerReferences": [owner],
        **rest.pop("metadata", {}),
    }
    return {"metadata": metadata, "spec": {"containers": [{"name": "orders"}]}, **rest}


def always(_pod: Object, _namespace: Object) -> bool:
    """Every pod should have a sidecar."""
    return True


def owned_by(kind: str, name: str) -> Object:
    """A pod with this controller, or with none."""
    owners = [{"kind": kind, "name": name, "uid": "owner-1", "controller": True}] if kind else []
    return document("a", metadata={"labels": {}, "ownerReferences": owners})


def test_pod_that_should_have_a_sidecar_is_missed() -> None:
    """As the deciding function says."""
    one, other = document(), document("other")

    found = uninjected_pods([one, other], NAMESPACE, lambda pod, _: pod is one)

    assert [each.pod.name for each in found] == ["orders-7d9-a"]


@pytest.mark.parametrize(
    "pod",
    [
        document(metadata={"labels": {"eurekube.io/injected": "true"}}),
        document(spec={"initContainers": [{"name": "eureka-sidecar"}]}),
        document(spec={"containers": [{"name": "eureka-sidecar"}]}),
        document(metadata={"deletionTimestamp": "2026-11-28T12:00:00Z"}),
        document(status={"phase": "Succeeded"}),
        document(status={"phase": "Failed"}),
    ],
)
def test_pod_that_has_one_or_ends_is_not_missed(pod: Object) -> None:
    """By label or by container, whoever put it there."""
    assert uninjected_pods([pod], NAMESPACE, always) == []


@pytest.mark.parametrize(
    ("pod", "cure"),
    [
        (document(), "kubectl -n shop rollout restart deployment/orders"),
        (owned_by("StatefulSet", "db"), "kubectl -n shop rollout restart statefulset/db"),
        (owned_by("DaemonSet", "agent"), "kubectl -n shop rollout restart daemonset/agent"),
        (owned_by("ReplicaSet", "bare"), "kubectl -n shop delete pod a"),
        (owned_by("Rollout", "orders"), "kubectl -n shop delete pod a"),
        (owned_by("Job", "once"), "delete the Job once and create it again"),
        (owned_by("", ""), "delete the pod and create it again"),
    ],
)
def test_event_says_how_it_is_cured(pod: Object, cure: str) -> None:
    """By a command to be pasted where there is one."""
    (found,) = uninjected_pods([pod], NAMESPACE, always)

    assert found.event.reason == "SidecarMissing"
    assert found.event.message.endswith(f"Make it again: {cure}")


def pod_without_sidecar(
    name: str,
    made_s: int = 0,
    owner: str = "owner-1",
    **rest: Any,  # noqa: ANN401 - fields of different types
) -> UninjectedPod:
    """A pod without its sidecar; ready unless something else is said."""
    return UninjectedPod(
        pod=pod(name, made_s, owner, **rest), owner_kind="Deployment", owner_name="a"
    )


def pod(name: str, made_s: int = 0, owner: str = "owner-1", **rest: Any) -> Pod:  # noqa: ANN401
    """A pod, made so many seconds after the start."""
    created = START + timedelta(seconds=made_s)
    fields = {"uid": f"uid-{name}", "namespace": "shop", "name": name, "owner": owner}
    return Pod(**{**fields, "created": created, "ready": True, **rest})


WORKS: Final = pod("elsewhere", 1_000, "owner-9")
"""A pod that was made later and has a sidecar: the injector works."""


def chosen(found: list[UninjectedPod], injected: list[Pod], **evicted: datetime) -> list[str]:
    """Which pods may be evicted."""
    names = {owner.replace("_", "-"): moment for owner, moment in evicted.items()}
    return [each.pod.name for each in evictions(found, injected, names)]


def test_one_pod_of_each_owner_is_evicted() -> None:
    """The oldest."""
    found = [
        pod_without_sidecar("b", 2),
        pod_without_sidecar("a", 1),
        pod_without_sidecar("c", 3, "owner-2"),
    ]

    assert chosen(found, [WORKS]) == ["a", "c"]


def test_nothing_is_evicted_while_the_injector_does_not_work() -> None:
    """The next pod would have no sidecar either."""
    assert chosen([pod_without_sidecar("a")], []) == []
    assert chosen([pod_without_sidecar("a", 2_000)], [WORKS]) == []


@pytest.mark.parametrize("state", [{"ready": False}, {"deleting": True}])
def test_owner_whose_pods_are_not_all_ready_is_left_alone(state: dict[str, Any]) -> None:
    """One at a time, as a rollout would do it."""
    assert chosen([pod_without_sidecar("a"), pod_without_sidecar("b", **state)], [WORKS]) == []
    assert chosen([pod_without_sidecar("a")], [pod("c", 5, **state), WORKS]) == []


def test_second_eviction_waits_for_the_first_ones_successor() -> None:
    """One that has a sidecar; else the webhook never sees these pods, and it would never end."""
    at = START + timedelta(seconds=100)

    assert chosen([pod_without_sidecar("a")], [WORKS], owner_1=at) == []
    assert chosen([pod_without_sidecar("a")], [pod("old", 50), WORKS], owner_1=at) == []
    assert chosen([pod_without_sidecar("a")], [pod("new", 101), WORKS], owner_1=at) == ["a"]


@pytest.mark.parametrize("kind", ["", "Job"])
def test_pod_that_nobody_makes_anew_is_not_evicted(kind: str) -> None:
    """Or that would begin its work again."""
    alone = UninjectedPod(pod=pod("a"), owner_kind=kind)

    assert chosen([alone], [WORKS]) == []


def test_eviction_is_meant_for_that_one_pod() -> None:
    """A StatefulSet's next pod has the same name."""
    body = eviction(pod_without_sidecar("a"))

    assert body["metadata"] == {"namespace": "shop", "name": "a"}
    assert body["deleteOptions"] == {"preconditions": {"uid": "uid-a"}}
