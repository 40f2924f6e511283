"""How the registry of a cluster is reached: plain HTTP, HTTPS, or both while clients move.

Peers that have no certificate yet can neither serve HTTPS nor verify who does. So peers know each
other by plain URLs until every one of them has a certificate, and `Strict` is `Permissive` until
then. And nobody is asked for credentials before every peer has some.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from eureka_operator.api.cluster import Cluster, Guard
from eureka_operator.core import names
from eureka_operator.core.observed import Observed

HTTP: Final = "http"
HTTPS: Final = "https"
STRICT: Final = "Strict"
PERMISSIVE: Final = "Permissive"


def ports(cluster: Cluster) -> dict[str, int]:
    """The ports of the registry, by the names that they have at peers and Services."""
    return dict(_ports(cluster))


def _ports(cluster: Cluster) -> Iterator[tuple[str, int]]:
    tls = cluster.spec.tls
    if tls is None or tls.mode == PERMISSIVE:
        yield HTTP, cluster.spec.peers.port
    if tls is not None:
        yield HTTPS, tls.port


def is_secure(observed: Observed) -> bool:
    """Whether HTTPS is asked for, and every peer that is there serves it."""
    return observed.cluster.spec.tls is not None and all(
        pod.secure for pod in observed.pods.values()
    )


def in_transition(observed: Observed) -> Cluster:
    """The cluster as its peers are to be now."""
    cluster = replace(observed.cluster, guard=_guard(observed))
    tls = cluster.spec.tls
    if tls is None or tls.mode == PERMISSIVE or is_secure(observed):
        return cluster
    return replace(cluster, spec=replace(cluster.spec, tls=replace(tls, mode=PERMISSIVE)))


def _guard(observed: Observed) -> Guard:
    """How far all peers may be: each proves itself before anybody asks, and no password in clear.

    Peers that ask still have to be shown something while they are being replaced.
    """
    spec, pods = observed.cluster.spec, observed.pods.values()
    if spec.auth.type == "None":
        return Guard.PROVES if any(pod.guard is Guard.ASKS for pod in pods) else Guard.OFF
    if spec.tls is not None and not is_secure(observed):
        return Guard.OFF
    return Guard.PROVES if any(pod.guard is Guard.OFF for pod in pods) else Guard.ASKS


def service_url(observed: Observed, host: str, path: str = "") -> str:
    """The service URL of a host of the cluster."""
    spec = observed.cluster.spec
    if spec.tls is not None and is_secure(observed):
        return names.service_url(host, spec.tls.port, path, HTTPS)
    return names.service_url(host, spec.peers.port, path)
