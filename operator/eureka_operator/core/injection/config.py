"""The options of the injector, and the registries that it knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from eureka_operator.api.check import Problem
from eureka_operator.api.cluster import Cluster, read
from eureka_operator.api.spec import Injection
from eureka_operator.core import names
from eureka_operator.core.kinds import Object

RESOURCES: Final[Object] = {
    "requests": {"cpu": "1m", "memory": "16Mi"},
    "limits": {"memory": "32Mi"},
}
"""Room for two interpreters: that of the preStop hook runs beside it. No limit of CPU, which would
delay renewals. Always there: without requests no autoscaler computes the pod's use of CPU."""

_PEER: Final = re.compile(r"^https?://|[.:/].*")
"""What is not the name of the peer in its URL."""
_URL: Final = re.compile(r"^https?://(\[[^\]]*\]|[^/:]+)(?::[0-9]+)?(/.*)?$")
"""Host and path of an URL."""

OLDEST_API_SERVER: Final = (1, 33)
"""From here on no kubelet that may join is without native sidecars and the preStop sleep."""


class RegistryTarget(msgspec.Struct, frozen=True):
    """An EurekaCluster as a place to register: its URLs, those of peers first.

    `zones` are the nodes' zones of the peers, in the same order, each empty if it is in none.
    `tls`: it is reached by https. `auth` is `spec.auth.type`: how it knows who asks.
    """

    namespace: str
    name: str
    urls: tuple[str, ...]
    injection: Injection = Injection()
    zones: tuple[str, ...] = ()
    tls: bool = False
    auth: str = "None"

    def __str__(self) -> str:
        """As the annotation eurekube.io/registry names it."""
        return f"{self.namespace}/{self.name}"

    @property
    def authorities(self) -> str:
        """The ConfigMap with its CAs, in the namespaces of its pods."""
        return names.authorities(self.name, self.namespace)


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What the injector's decisions are based on.

    `image` is the sidecar's, `version` Eurekube's own, `resources` those of each sidecar.
    `allow_urls`: pods may name any Eureka by URL. `own_namespace` is the injector's, empty outside
    Kubernetes. `cluster_uid` is the uid of the namespace kube-system, by which the operator knows
    leases of this Kubernetes; empty: not known. `api_server` is its version.
    """

    image: str
    version: str
    registries: tuple[RegistryTarget, ...] = ()
    resources: Mapping[str, Any] = msgspec.field(default_factory=lambda: RESOURCES)
    allow_urls: bool = True
    own_namespace: str = ""
    excluded_namespaces: frozenset[str] = frozenset(
        ("kube-system", "kube-public", "kube-node-lease")
    )
    cluster_uid: str = ""
    api_server: tuple[int, int] = OLDEST_API_SERVER


def read_registry(document: Mapping[str, Any], domain: str) -> RegistryTarget | tuple[Problem, ...]:
    """Read a registry from its EurekaCluster, or say everything that is wrong with that.

    A pod has a zone only when it is bound to a node. So its sidecar gets all peers with their zones
    and begins with one of its own zone. The Service comes last: it stays when peers change. Before
    there is a status it is the Service alone. Scheme and port are those of the spec, which may be
    newer than the status: what went out in plain text once has been read.
    """
    cluster = read(document)
    if not isinstance(cluster, Cluster):
        return cluster
    endpoints = cluster.status.get("endpoints")
    endpoints = endpoints if isinstance(endpoints, dict) else {}
    named = str(endpoints.get("defaultZone") or "").split(",")
    of_peers = list(dict.fromkeys(each for each in named if each))
    service = str(endpoints.get("internal") or _service(cluster, domain))
    return RegistryTarget(
        cluster.namespace,
        cluster.name,
        tuple(_sidecar_url(each, cluster) for each in dict.fromkeys((*of_peers, service))),
        cluster.spec.injection,
        _zones(cluster, of_peers),
        cluster.spec.tls is not None,
        cluster.spec.auth.type,
    )


def _sidecar_url(url: str, cluster: Cluster) -> str:
    """A URL as sidecars use it: https if the cluster serves it."""
    tls, found = cluster.spec.tls, _URL.match(url)
    if tls is None or found is None:
        return url
    return f"https://{found[1]}:{tls.port}{found[2] or '/'}"


def _service(cluster: Cluster, domain: str) -> str:
    peers, path = cluster.spec.peers, cluster.spec.peers.context_path or ""
    host = names.host(cluster.name, cluster.namespace, domain)
    return names.service_url(host, peers.port, path)


def _zones(cluster: Cluster, urls: list[str]) -> tuple[str, ...]:
    """The nodes' zone of each URL; none at all for a single one."""
    nodes = {each.name: each.node_zone or each.name for each in cluster.spec.topology.zones}
    peers = cluster.status.get("peers")
    zones = {
        str(each.get("name")): nodes.get(str(each.get("zone")), "")
        for each in (peers if isinstance(peers, list) else ())
        if isinstance(each, dict)
    }
    found = tuple(zones.get(_PEER.sub("", url), "") for url in urls)
    return found if len(found) > 1 else ()
