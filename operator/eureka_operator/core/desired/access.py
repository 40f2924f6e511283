"""ServiceAccount and NetworkPolicy: the identity of peers, and who may reach them."""

from __future__ import annotations

from typing import Any

from eureka_operator.api.cluster import Cluster
from eureka_operator.core import names, transport
from eureka_operator.core.desired.common import Environment, child
from eureka_operator.core.kinds import NETWORK_POLICY, SERVICE_ACCOUNT, Object

_NAMESPACE_LABEL = "kubernetes.io/metadata.name"


def service_account(cluster: Cluster) -> Object:
    """An account without rights whose token is mounted nowhere: peers do not use the API."""
    rest = {"automountServiceAccountToken": False}
    return child(cluster, SERVICE_ACCOUNT, cluster.name, **rest)


def network_policy(cluster: Cluster, environment: Environment) -> Object | None:
    """Who may connect to peers: clients and peers to the registry, monitoring to the rest.

    The operator removes leases of pods that are gone, pauses instances and registers others there.
    The operator may connect to both. Ingress only: what peers may reach (DNS, outside peers, other
    regions) is up to the namespace.
    """
    policy = cluster.spec.network_policy
    if not policy.enabled:
        return None
    registry: Object = {"ports": [_port(name) for name in transport.ports(cluster)]}
    if policy.clients:
        own = {"podSelector": {"matchLabels": names.selector(cluster.name)}}
        registry["from"] = [*policy.clients, own, *_operator(environment)]
    watchers = _watchers(cluster, environment)
    rules = [registry]
    if watchers:
        rules.append({"ports": [_port("management")], "from": watchers})
    spec = {
        "podSelector": {"matchLabels": names.selector(cluster.name)},
        "policyTypes": ["Ingress"],
        "ingress": rules,
    }
    return child(cluster, NETWORK_POLICY, cluster.name, spec=spec)


def _watchers(cluster: Cluster, environment: Environment) -> list[dict[str, Any]]:
    """Who may reach the management port; a ServiceMonitor without `metricsFrom` opens it to all."""
    found: list[dict[str, Any]] = list(cluster.spec.network_policy.metrics_from)
    if not found and cluster.spec.monitoring.service_monitor:
        return [{"namespaceSelector": {}}]
    return [*found, *_operator(environment)]


def _operator(environment: Environment) -> list[dict[str, Any]]:
    """The operator's namespace, unless it runs outside of Kubernetes."""
    if not environment.namespace:
        return []
    return [{"namespaceSelector": {"matchLabels": {_NAMESPACE_LABEL: environment.namespace}}}]


def _port(name: str) -> Object:
    return {"port": name, "protocol": "TCP"}
