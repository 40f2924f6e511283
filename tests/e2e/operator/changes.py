"""What people do to an EurekaCluster, its children and the operator, and what comes of it."""

from __future__ import annotations

from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.installed import Operator
from processes.cluster import until


def choose_interval(cluster: EkcCluster, seconds: int) -> None:
    """Have another setting that peers take over while they run."""
    cluster.change({"registry": {"lease": {"evictionIntervalSeconds": seconds}}})


def has_interval(cluster: EkcCluster, seconds: int) -> bool:
    """Whether the peers' configuration has the setting."""
    config = cluster.kubectl.get("configmap", f"{cluster.name}-config")["data"]["config.json"]
    return f'"eviction_interval_s": {seconds}' in config


def delete_service(cluster: EkcCluster, service: str) -> None:
    """Delete a Service of the cluster's."""
    cluster.kubectl("delete", "service", service)


def is_there(cluster: EkcCluster, service: str) -> bool:
    """Whether there is a Service of that name."""
    return cluster.kubectl.run_unchecked("get", "service", service).returncode == 0


def restart(operator: Operator) -> None:
    """Have other pods of the operator."""
    operator.kubectl("rollout", "restart", f"deployment/{operator.deployment}")
    wait_available(operator)


def wait_available(operator: Operator) -> None:
    """Wait until all replicas of the operator are there, and ready."""
    status = ("rollout", "status", f"deployment/{operator.deployment}", "--timeout=150s")
    until(lambda: operator.kubectl.run_unchecked(*status).returncode == 0, PATIENCE_S)


def restarts(operator: Operator) -> int:
    """How often containers of the operator's pods were started again."""
    statuses = [each["status"].get("containerStatuses", []) for each in operator.pods]
    return sum(container["restartCount"] for status in statuses for container in status)


def log(operator: Operator) -> str:
    """The newest lines of the replicas that run."""
    return operator.kubectl.run_unchecked(
        "logs", f"--selector={operator.selector}", "--tail=20"
    ).stdout
