from __future__ import annotations

from msgspec.structs import replace

from eureka_operator.core.desired.access import network_policy, service_account
from eureka_operator.core.kinds import Object
from unit.operator.core.builders import ENVIRONMENT, cluster
from unit.operator.core.desired import golden

_PROMETHEUS = {"podSelector": {"matchLabels": {"app": "prometheus"}}}


def test_service_account() -> None:
    """Without rights and without a token."""
    golden.check("serviceaccount", service_account(cluster()))


def test_network_policy() -> None:
    """The registry is open, the management port only to the operator."""
    golden.check("networkpolicy", network_policy(cluster(), ENVIRONMENT))


def test_network_policy_with_clients() -> None:
    """Peers reach each other, and the operator them, whoever the clients are."""
    spec: Object = {"networkPolicy": {"clients": [{"namespaceSelector": {}}]}}
    golden.check("networkpolicy-clients", network_policy(cluster(spec), ENVIRONMENT))


def test_network_policy_with_metrics_from() -> None:
    """Prometheus is let in beside the operator."""
    spec = {"networkPolicy": {"metricsFrom": [_PROMETHEUS]}, "monitoring": {"serviceMonitor": True}}
    golden.check("networkpolicy-metrics", network_policy(cluster(spec), ENVIRONMENT))


def test_network_policy_with_service_monitor() -> None:
    """Nobody said where Prometheus is, so metrics are open to all namespaces."""
    spec = {"monitoring": {"serviceMonitor": True}}
    golden.check("networkpolicy-monitor", network_policy(cluster(spec), ENVIRONMENT))


def test_operator_outside_kubernetes_has_no_namespace_to_let_in() -> None:
    """An empty namespace name in a selector would match nothing."""
    body = network_policy(cluster(), replace(ENVIRONMENT, namespace=""))

    assert body is not None
    assert [rule["ports"][0]["port"] for rule in body["spec"]["ingress"]] == ["http"]


def test_no_network_policy() -> None:
    """It can be switched off."""
    assert network_policy(cluster({"networkPolicy": {"enabled": False}}), ENVIRONMENT) is None
