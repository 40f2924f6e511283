"""Faults of the API server, of etcd, and of containers on a node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from cluster import control, places
from cluster.components import PAUSE_IMAGE
from cluster.containers import CTR, tasks
from cluster.errors import ClusterError
from cluster.faults import Faults
from cluster.plan import Plan
from processes.cluster import until
from support.kubectl import Kubectl
from support.ownclusters import own_cluster

PATIENCE_S: Final = 60.0
PODS: Final = f"""
apiVersion: v1
kind: Pod
metadata: {{name: one}}
spec:
  containers:
  - {{name: first, image: "{PAUSE_IMAGE}"}}
  - {{name: second, image: "{PAUSE_IMAGE}"}}
"""


@pytest.fixture(scope="module")
def one_node(pytestconfig: pytest.Config) -> Iterator[Plan]:
    """A cluster with one node, and a pod that runs there."""
    with own_cluster("faults", 1, pytestconfig) as plan:
        kubectl = Kubectl(control.kubectl(plan), "default")
        kubectl.apply(PODS)
        until(lambda: kubectl.get("pod", "one")["status"]["phase"] == "Running", PATIENCE_S)
        yield plan


def test_api_server_is_away_and_comes_back_with_everything(cluster: Plan, kubectl: Kubectl) -> None:
    """At the same address, so that clients find it again."""
    with Faults(cluster).without_api():
        assert kubectl.run_unchecked("get", "serviceaccounts").returncode != 0

    assert kubectl.run_unchecked("get", "namespace", kubectl.namespace).returncode == 0
    kubectl("create", "deployment", "one", "--image=none:1")
    until(lambda: kubectl.get("pods")["items"], PATIENCE_S)


def test_watch_from_before_is_expired(cluster: Plan, kubectl: Kubectl) -> None:
    """A client has to list again, and must not miss what happened in between."""
    path = f"/api/v1/namespaces/{kubectl.namespace}/configmaps"
    version = kubectl.raw(path)["metadata"]["resourceVersion"]
    watch = f"{path}?watch=1&timeoutSeconds=1&resourceVersion={version}"
    assert '"code":410' not in kubectl.run_unchecked("get", "--raw", watch).stdout

    Faults(cluster).expire_watches()

    assert '"code":410' in kubectl.run_unchecked("get", "--raw", watch).stdout


def test_process_of_a_container_is_killed_and_the_kubelet_starts_another(one_node: Plan) -> None:
    """Without the graceful end that deleting its pod would give it."""
    kubectl = Kubectl(control.kubectl(one_node), "default")

    Faults(one_node).kill_in_pod("default", "one", "second")

    until(lambda: _restarts(kubectl) == {"first": 0, "second": 1}, PATIENCE_S)
    ended = {each["name"]: each["lastState"] for each in _containers(kubectl)}
    assert ended["second"]["terminated"]["exitCode"] == 128 + 9


def test_process_of_a_container_stands_still_for_a_while(one_node: Plan) -> None:
    """It goes on afterwards as if nothing had happened."""
    faults = Faults(one_node)
    with faults.stopped_in_pod("default", "one", "first"):
        until(lambda: _state(one_node, "first") == "T")

    until(lambda: _state(one_node, "first") != "T")


def test_container_that_is_not_said_is_named_with_those_that_run(one_node: Plan) -> None:
    """Rather than one of them be hurt."""
    with pytest.raises(ClusterError, match="first, second"):
        Faults(one_node).kill_in_pod("default", "one")


def _state(plan: Plan, container: str) -> str:
    """The letter that the kernel has for the process of a container."""
    task = tasks(plan, plan.node("node-1"), ("default", "one"))[container]
    lines = places.run_in(plan, "node-1", [*CTR, "tasks", "ls"]).stdout.splitlines()
    pid = next(line.split()[1] for line in lines if line.startswith(task.container))
    status = places.run_in(plan, "node-1", ["cat", f"/proc/{pid}/stat"]).stdout
    return status.rpartition(") ")[2][:1]


def _containers(kubectl: Kubectl) -> list[Any]:
    found: list[Any] = kubectl.get("pod", "one")["status"].get("containerStatuses", [])
    return found


def _restarts(kubectl: Kubectl) -> dict[str, int]:
    return {each["name"]: each["restartCount"] for each in _containers(kubectl)}
