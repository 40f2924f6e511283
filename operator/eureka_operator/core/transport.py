"""How peers and clients reach the registry: plain HTTP, HTTPS, or both during a change.

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
from eureka_operator.core.kinds import STATEFUL_SET, Object
from eureka_operator.core.observed import Observed, guard_of, serves_https

HTTP: Final = "http"
HTTPS: Final = "https"
PERMISSIVE: Final = "Permissive"
_ON_DELETE: Final = "OnDelete"


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
    """Whether HTTPS is asked for, and every peer that exists, or may come back, serves it."""
    if observed.cluster.spec.tls is None:
        return False
    pods = observed.pods.values()
    return all(pod.secure for pod in pods) and all(map(serves_https, _former(observed)))


def in_transition(observed: Observed) -> Cluster:
    """The cluster as its peers should be now."""
    cluster = replace(observed.cluster, guard=_guard(observed))
    tls = cluster.spec.tls
    if tls is None or tls.mode == PERMISSIVE or is_secure(observed):
        return cluster
    return replace(cluster, spec=replace(cluster.spec, tls=replace(tls, mode=PERMISSIVE)))


def _guard(observed: Observed) -> Guard:
    """The step that all peers may take: each sends credentials before any requires them.

    No password goes out in plain text. Peers that require credentials still get them while they are
    being replaced.
    """
    spec = observed.cluster.spec
    found = {pod.guard for pod in observed.pods.values()} | set(map(guard_of, _former(observed)))
    if spec.auth.type == "None":
        return Guard.PROVES if Guard.ASKS in found else Guard.OFF
    if spec.tls is not None and not is_secure(observed):
        return Guard.OFF
    return Guard.PROVES if Guard.OFF in found else Guard.ASKS


def _former(observed: Observed) -> Iterator[Object]:
    """Yield the pod templates by which a pod that is lost during an update is made again."""
    if observed.cluster.spec.updates.strategy == _ON_DELETE:
        return  # there it is made by the new one, and the controller does not say when all are
    for (kind, _), body in observed.children.items():
        revision = body.get("status", {}).get("currentRevision", "")
        if kind is STATEFUL_SET and revision in observed.templates:
            yield observed.templates[revision]


def service_url(observed: Observed, host: str, path: str = "") -> str:
    """The service URL of a host of the cluster."""
    spec = observed.cluster.spec
    if spec.tls is not None and is_secure(observed):
        return names.service_url(host, spec.tls.port, path, HTTPS)
    return names.service_url(host, spec.peers.port, path)
