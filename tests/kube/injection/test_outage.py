"""Injectors that do not answer: pods start all the same, and are found."""

from __future__ import annotations

from typing import Any, Final

from eureka_operator.core.injection.status import INJECTED_LABEL
from kube.injection.chain import Chain, Program
from processes.cluster import until
from support.kubectl import Kubectl

_PATIENCE_S: Final = 90.0
_DEPLOYMENT: Final = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: orders}
spec:
  replicas: 2
  selector: {matchLabels: {app: orders}}
  template:
    metadata: {labels: {app: orders}}
    spec:
      containers:
      - {name: orders, image: example.com/orders:1, ports: [{containerPort: 8080}]}
"""


def test_pods_that_missed_their_sidecar_are_counted_and_told_of_once(
    chain: Chain, selected: Kubectl
) -> None:
    """The event names the command that cures it, and the count is zero when it was done."""
    chain.drop_injectors()
    selected.apply(_DEPLOYMENT)
    found = until(lambda: _pods(selected, 2))
    assert [each for each in found if INJECTED_LABEL in each["metadata"]["labels"]] == []

    spaces = f"--namespaces={chain.home.namespace},{selected.namespace}"
    try:
        operator = chain.have_operator(spaces)
        until(lambda: _count(operator) == 2, _PATIENCE_S)
        told = until(lambda: _events(selected, 2))
        cure = f"kubectl -n {selected.namespace} rollout restart deployment/orders"
        assert all(cure in each["message"] for each in told)

        chain.have_injectors(2)
        chain.decided(selected.namespace)
        selected("delete", "pods", "--selector=app=orders")  # no kubelet makes new ones ready
        assert all(map(_is_injected, until(lambda: _pods(selected, 2))))
        operator = chain.have_operator(spaces)
        until(lambda: "eureka_operator_pods_without_sidecar 0.0" in operator.page("/metrics")[1])
        assert _events(selected, 2) == told
    finally:
        chain.have_injectors(2)
        chain.have_operator()


def _count(operator: Program) -> float:
    return operator.metric("eureka_operator_pods_without_sidecar")


def _pods(kubectl: Kubectl, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = kubectl.get("pods", "--selector=app=orders")["items"]
    return found if len(found) == count else []


def _is_injected(pod: dict[str, Any]) -> bool:
    return INJECTED_LABEL in pod["metadata"]["labels"]


def _events(kubectl: Kubectl, count: int) -> list[dict[str, Any]]:
    chosen = "--field-selector=reason=SidecarMissing"
    found: list[dict[str, Any]] = kubectl.get("events", chosen)["items"]
    return found if len(found) == count else []
