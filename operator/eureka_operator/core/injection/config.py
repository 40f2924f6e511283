"""What the injector is run with, and the registries that it knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from eureka_operator.api.check import Problem, without_nulls
from eureka_operator.api.cluster import Cluster, read
from eureka_operator.core import names
from eureka_operator.core.injection import spec
from eureka_operator.core.injection.spec import Injection
from eureka_operator.core.kinds import Object

RESOURCES: Final[Object] = {
    "requests": {"cpu": "1m", "memory": "16Mi"},
    "limits": {"memory": "32Mi"},
}
"""Room for two interpreters: that of the preStop hook runs beside it. No limit of CPU, which would
delay renewals. Always there: without requests no autoscaler computes the pod's use of CPU."""

OLDEST_API_SERVER: Final = (1, 33)
"""From here on no kubelet that may join is without native sidecars and the preStop sleep."""


class Known(msgspec.Struct, frozen=True):
    """An EurekaCluster as a place to register: its URLs, the preferred one first."""

    namespace: str
    name: str
    urls: tuple[str, ...]
    injection: Injection | None = None

    def __str__(self) -> str:
        """As the annotation eurekube.io/registry names it."""
        return f"{self.namespace}/{self.name}"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What the injector decides by.

    `image` is the sidecar's, `version` Eurekube's own, `resources` those of each sidecar.
    `allow_urls`: pods may name any Eureka by URL. `own_namespace` is the injector's, empty outside
    Kubernetes. `cluster_uid` is the uid of the namespace kube-system, by which the operator knows
    leases of this Kubernetes; empty: not known. `api_server` is its version.
    """

    image: str
    version: str
    registries: tuple[Known, ...] = ()
    resources: Mapping[str, Any] = msgspec.field(default_factory=lambda: RESOURCES)
    allow_urls: bool = True
    own_namespace: str = ""
    excluded_namespaces: frozenset[str] = frozenset(
        ("kube-system", "kube-public", "kube-node-lease")
    )
    cluster_uid: str = ""
    api_server: tuple[int, int] = OLDEST_API_SERVER


def known(document: Mapping[str, Any], domain: str) -> Known | tuple[Problem, ...]:
    """Read a registry from its EurekaCluster, or say everything that is wrong with that.

    A sidecar knows its zone only after the pod is bound to a node, so it gets all peers in the
    order of `status.endpoints`, and last the Service, which outlives changes of peers. Before there
    is a status it is the Service alone.
    """
    cluster = read(document)
    if not isinstance(cluster, Cluster):
        return cluster
    injection = spec.read(without_nulls(document).get("spec", {}).get("injection"))
    if isinstance(injection, tuple):
        return injection
    return Known(cluster.namespace, cluster.name, _urls(cluster, domain), injection)


def _urls(cluster: Cluster, domain: str) -> tuple[str, ...]:
    endpoints = cluster.status.get("endpoints")
    endpoints = endpoints if isinstance(endpoints, dict) else {}
    peers, path = cluster.spec.peers, cluster.spec.peers.context_path or ""
    host = names.host(cluster.name, cluster.namespace, domain)
    service = endpoints.get("internal") or names.service_url(host, peers.port, path)
    named = [each for each in str(endpoints.get("defaultZone") or "").split(",") if each]
    return tuple(dict.fromkeys((*named, str(service))))
