"""The Services: one for clients, one for pods' host names, and `peerK` for each peer.

Every Service appears in the environment of the namespace's pods by service links: `EUREKA_PORT`
of a Service `eureka` is not the number that programs may expect (docs/installing.md).
"""

from __future__ import annotations

from collections.abc import Mapping

from eureka_operator.api.cluster import Cluster
from eureka_operator.core import names, transport
from eureka_operator.core.desired.common import child
from eureka_operator.core.kinds import SERVICE, Object
from eureka_operator.core.peering import Seat, alias


def client_service(cluster: Cluster) -> Object:
    """The Service for clients: ready peers only."""
    service = cluster.spec.service
    spec: Object = {"type": service.type, **_ports(cluster), **_families(cluster)}
    if service.traffic_distribution:
        spec["trafficDistribution"] = service.traffic_distribution
    body = child(cluster, SERVICE, cluster.name, spec={**spec, **_selector(cluster)})
    if service.annotations:
        body["metadata"]["annotations"] = dict(service.annotations)
    return body


def headless_service(cluster: Cluster) -> Object:
    """The pods' host names, and the management port for Prometheus.

    Not ready addresses are published: a peer is ready only after it has copied from another one,
    so peers must find each other before.
    """
    management = {
        "name": "management",
        "port": names.MANAGEMENT_PORT,
        "targetPort": "management",
        "protocol": "TCP",
    }
    spec = _headless(cluster, {})
    spec["ports"] = [*spec["ports"], management]
    return child(cluster, SERVICE, names.headless_service(cluster.name), spec=spec)


def alias_service(cluster: Cluster, seat: Seat) -> Object:
    """`peerK`: the name by which peers and clients know one peer; its selector names the pod."""
    spec = _headless(cluster, {names.POD_NAME_LABEL: seat.pod})
    return child(cluster, SERVICE, alias(cluster, seat.number), spec=spec)


def _headless(cluster: Cluster, further: Mapping[str, str]) -> Object:
    return {
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        **_ports(cluster),
        **_families(cluster),
        **_selector(cluster, further),
    }


def _ports(cluster: Cluster) -> Object:
    found = [
        {
            "name": scheme,
            "port": port,
            "targetPort": scheme,
            "protocol": "TCP",
            "appProtocol": scheme,
        }
        for scheme, port in transport.ports(cluster).items()
    ]
    return {"ports": found}


def _families(cluster: Cluster) -> Object:
    policy = cluster.spec.service.ip_family_policy
    return {"ipFamilyPolicy": policy} if policy else {}


def _selector(cluster: Cluster, further: Mapping[str, str] | None = None) -> Object:
    return {"selector": {**names.selector(cluster.name), **(further or {})}}
