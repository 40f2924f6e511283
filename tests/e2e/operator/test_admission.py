"""Namespaces that let in only what they please: Pod Security, quotas, uids, and other Helms.

Operator and peers ask for nothing that a careful administrator would refuse.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import pytest

from cluster import versions
from e2e.clusters import Target
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.installed import Operator
from processes.cluster import check_throughout, until
from support.kubectl import Kubectl

UID: Final = 1_000_700_000
"""As OpenShift gives a namespace."""
RESTRICTED: Final = "pod-security.kubernetes.io/enforce"
UNSEEN_S: Final = 5.0


@pytest.fixture
def chosen(operator: Operator) -> Iterator[Operator]:
    """An operator that a test installs with values of its own."""
    yield operator
    operator.install()


@pytest.fixture
def restricted_namespace(operator: Operator, kubectl: Kubectl) -> Iterator[Kubectl]:
    """A namespace that enforces the restricted Pod Security Standard, as the operator's does."""
    for each in (operator.namespace, kubectl.namespace):
        kubectl("label", "namespace", each, f"{RESTRICTED}=restricted")
    yield kubectl
    kubectl("label", "namespace", operator.namespace, f"{RESTRICTED}-")


def test_restricted_namespaces_take_operator_and_peers_under_any_uid(
    restricted_namespace: Kubectl, chosen: Operator
) -> None:
    """A uid that no image knows, and which owns no file."""
    chosen.install("--set", f"podSecurityContext.runAsUser={UID}")
    cluster = EkcCluster(restricted_namespace)

    cluster.start({"replicas": 2, "pod": {"securityContext": {"runAsUser": UID}}})

    cluster.wait_agreed()
    for kubectl, pod in (
        (restricted_namespace, "eureka-peer-1"),
        (chosen.kubectl, f"deployment/{chosen.deployment}"),
    ):
        assert kubectl("exec", pod, "--", "id", "-u").strip() == str(UID)


def test_quota_of_requests_and_limits_takes_peers_as_they_are(
    kubectl: Kubectl, cluster: EkcCluster
) -> None:
    """Such a namespace refuses every pod that does not say what it needs."""
    room = {"requests.cpu": "2", "requests.memory": "2Gi", "limits.memory": "4Gi"}
    _limit(kubectl, room)

    cluster.start({"replicas": 2})

    used = kubectl.get("resourcequota", "room")["status"]["used"]
    assert all(used[each] != "0" for each in room)


def test_quota_that_is_too_small_is_named_and_what_fits_runs(
    kubectl: Kubectl, cluster: EkcCluster
) -> None:
    """What the StatefulSet controller was told, where people look; more room cures it."""
    _limit(kubectl, {"pods": "1"})
    cluster.apply({"replicas": 2})

    until(lambda: "exceeded quota: room" in _why_not_ready(cluster), PATIENCE_S)
    until(lambda: cluster.is_so("Available"), PATIENCE_S)
    until(lambda: cluster.status["readyReplicas"] == 1, PATIENCE_S)

    _limit(kubectl, {"pods": "2"})
    # Its controller waits ever longer before it tries again, unless the object changes.
    kubectl("annotate", "statefulset/eureka-peer", "example.com/room=2")
    cluster.wait_ready()
    cluster.wait_agreed()


def test_operator_of_some_namespaces_leaves_others_alone(
    target: Target, chosen: Operator, cluster: EkcCluster
) -> None:
    """It works with Roles in these alone; one of all namespaces then finds what was not seen."""
    chosen.install("--set", f"watch.namespaces={{{cluster.kubectl.namespace}}}")
    bound = target.kubectl("get", "clusterroles,clusterrolebindings", "--output=name")
    assert chosen.release not in bound
    with target.kubectl.in_a_namespace("elsewhere") as elsewhere:
        unseen = EkcCluster(elsewhere)
        unseen.apply({"replicas": 1})
        cluster.start({"replicas": 2})
        check_throughout(lambda: unseen.status == {} and not unseen.pods, UNSEEN_S)

        chosen.install()
        unseen.wait_ready()


@pytest.mark.parametrize(
    "version", [pytest.param(versions.HELM, marks=pytest.mark.long), versions.HELM_4]
)
def test_release_tests_itself(target: Target, operator: Operator, version: str) -> None:
    """With each Helm, which upgrades the release first, whichever made it; nothing stays."""
    release = Operator(target, operator.namespace, version)
    release.install()

    said = release.helm.test(release.release)

    assert "Succeeded" in said
    until(lambda: release.kubectl.get("eurekaclusters")["items"] == [], PATIENCE_S)
    names = ("get", "pods,roles,rolebindings,serviceaccounts", "--output=name")
    until(lambda: "check" not in release.kubectl(*names), PATIENCE_S)


def _limit(kubectl: Kubectl, hard: dict[str, str]) -> None:
    """Have a quota, and wait until the API server goes by it."""
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "room"},
        "spec": {"hard": hard},
    }
    kubectl.apply(json.dumps(quota))
    until(
        lambda: kubectl.get("resourcequota", "room").get("status", {}).get("hard") == hard,
        PATIENCE_S,
    )


def _why_not_ready(cluster: EkcCluster) -> str:
    """The message of its condition Ready while that is False."""
    found = cluster.condition("Ready")
    return str(found["message"]) if found.get("status") == "False" else ""
