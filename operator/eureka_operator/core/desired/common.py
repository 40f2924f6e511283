"""What all children have in common, and the options of the operator."""

from __future__ import annotations

from typing import Final

import msgspec

from eureka_operator.api.cluster import Cluster
from eureka_operator.core import names
from eureka_operator.core.kinds import CERTIFICATE, CLUSTER, SERVICE_MONITOR, Kind, Object

TEMPLATE_REVISION: Final = 1
"""The newest revision of what is the same in the pod templates and in the static settings of all
clusters. A release that changes any of it raises this number, and goes on building what the former
number stands for: else every peer of every user would restart when the operator is upgraded."""


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """How the operator itself is run: what holds for all clusters.

    `registry_image` is a name with tag or digest, `namespace` the operator's own (empty outside
    Kubernetes), `monitors` whether the API server has ServiceMonitors, `certificates` whether
    it has Certificates of cert-manager and shows them to us, `namespaced` whether the operator
    looks after some namespaces only: then it may read no nodes. `template_revision` is which pod
    template is built, one of 1 to `TEMPLATE_REVISION`.
    """

    registry_image: str
    domain: str = "cluster.local"
    namespace: str = ""
    monitors: bool = False
    certificates: bool = False
    version: str = ""
    namespaced: bool = False
    template_revision: int = TEMPLATE_REVISION

    def has(self, kind: Kind) -> bool:
        """Whether the API server has this kind of child."""
        return {SERVICE_MONITOR: self.monitors, CERTIFICATE: self.certificates}.get(kind, True)


def child(cluster: Cluster, kind: Kind, name: str, **rest: object) -> Object:
    """An object that belongs to the cluster."""
    metadata: Object = {
        "name": name,
        "namespace": cluster.namespace,
        "labels": names.labels(cluster.name),
    }
    if cluster.uid:  # `plan -f` shows clusters that do not exist yet
        metadata["ownerReferences"] = [_owner(cluster)]
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **rest}


def _owner(cluster: Cluster) -> Object:
    return {
        "apiVersion": CLUSTER.api_version,
        "kind": CLUSTER.kind,
        "name": cluster.name,
        "uid": cluster.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
