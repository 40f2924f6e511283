"""Pods and nodes, reduced to the fields that the operator needs for leases.

As a document a pod has 10 KiB and more, so the operator keeps nothing else of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from eureka_operator.core.injection.patches import CREDENTIALS
from eureka_operator.core.kinds import STATEFUL_SET, Object
from eureka_operator.core.names import (
    AUTHORITIES_PREFIX,
    CLUSTER_LABEL,
    GROUP,
    PEER_VOLUME,
    TLS_VOLUME,
    stateful_set,
)
from eureka_sidecar.core.downward import PAUSED

PAUSED_BY_OPERATOR: Final = f"{GROUP}/paused-by-operator"
"""Annotation of a pod: which overrides the operator made for it (`core/pausing.py`)."""
OUT_OF_SERVICE_TAINT: Final = "node.kubernetes.io/out-of-service"
"""Set by people who know that a node is off (KEP-2268, Non-graceful node shutdown)."""

_FINISHED: Final = frozenset({"Failed", "Succeeded"})


class Pod(msgspec.Struct, frozen=True, kw_only=True):
    """A pod that has a sidecar.

    `node` is empty before it is scheduled; `owner` is the uid of its controller, empty without one.
    `paused_by_operator` is that annotation as it stands, empty without it. `authorities` are the
    ConfigMaps with CAs of registries that its sidecar reads.
    """

    uid: str
    namespace: str
    name: str
    phase: str = ""
    node: str = ""
    owner: str = ""
    created: datetime | None = None
    ready: bool = False
    deleting: bool = False
    paused: bool = False
    paused_by_operator: str = ""
    authorities: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether its containers have ended for good: the phase never changes back."""
        return self.phase in _FINISHED


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A node; `since` is when it became ready or stopped being so, `None`: it does not say.

    `unschedulable`: it is cordoned.
    """

    name: str
    ready: bool = True
    since: datetime | None = None
    out_of_service: bool = False
    unschedulable: bool = False


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """A pod that is a peer of an EurekaCluster in its namespace.

    `port` is its registry's: that of HTTPS if it has a certificate. `secret` is the Secret with it,
    empty without one. `proof` is the Secret with its password, empty if nobody is asked for one.
    """

    namespace: str
    cluster: str
    name: str
    ip: str
    port: int
    secret: str = ""
    proof: str = ""


def read_pod(document: Object) -> Pod:
    """Read the parts of a pod that matter."""
    metadata, status = document["metadata"], document.get("status") or {}
    annotations = metadata.get("annotations") or {}
    owner = _controller(metadata)
    created = metadata.get("creationTimestamp")
    return Pod(
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        phase=status.get("phase", ""),
        node=(document.get("spec") or {}).get("nodeName", ""),
        owner=str(owner.get("uid", "")),
        created=datetime.fromisoformat(created) if created else None,
        ready=_condition(status, "Ready").get("status") == "True",
        deleting="deletionTimestamp" in metadata,
        paused=annotations.get(PAUSED) == "true",
        paused_by_operator=annotations.get(PAUSED_BY_OPERATOR, ""),
        authorities=_authorities(document),
    )


def read_node(document: Object) -> Node:
    """Read the parts of a node that matter; a node without a condition yet counts as ready."""
    condition = _condition(document.get("status") or {}, "Ready")
    since = condition.get("lastTransitionTime")
    spec = document.get("spec") or {}
    taints = spec.get("taints") or ()
    return Node(
        name=document["metadata"]["name"],
        ready=condition.get("status", "True") == "True",
        since=datetime.fromisoformat(since) if since else None,
        out_of_service=any(taint.get("key") == OUT_OF_SERVICE_TAINT for taint in taints),
        unschedulable=bool(spec.get("unschedulable")),
    )


def read_peer(document: Object) -> Peer | None:
    """A peer that can be asked; `None` for one that is not ready, or is not a peer.

    Anybody who may make pods may give them the cluster's label; only a StatefulSet's controller
    makes one that belongs to the StatefulSet.
    """
    metadata, status = document["metadata"], document.get("status") or {}
    cluster = (metadata.get("labels") or {}).get(CLUSTER_LABEL, "")
    owner = _controller(metadata)
    is_peer = owner.get("kind") == STATEFUL_SET.kind and str(owner.get("name", "")).startswith(
        stateful_set(cluster)
    )
    is_ready = _condition(status, "Ready").get("status") == "True"
    secret = _secret(document, TLS_VOLUME)
    port = _port(document, "https" if secret else "http")
    ip = status.get("podIP", "")
    if not (is_peer and is_ready and port and ip) or "deletionTimestamp" in metadata:
        return None
    return Peer(
        namespace=metadata["namespace"],
        cluster=cluster,
        name=metadata["name"],
        ip=ip,
        port=port,
        secret=secret,
        proof=_secret(document, PEER_VOLUME),
    )


def _authorities(document: Object) -> tuple[str, ...]:
    """ConfigMaps of authorities in the volume that the injector adds."""
    volumes = (document.get("spec") or {}).get("volumes") or ()
    sources = (
        source.get("configMap") or {}
        for volume in volumes
        if volume.get("name") == CREDENTIALS
        for source in (volume.get("projected") or {}).get("sources") or ()
    )
    found = (str(each.get("name", "")) for each in sources)
    return tuple(each for each in found if each.startswith(AUTHORITIES_PREFIX))


def _controller(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """The owner that controls the object; empty without one."""
    owners: list[dict[str, Any]] = metadata.get("ownerReferences") or []
    return next((owner for owner in owners if owner.get("controller")), {})


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """A condition of the status; empty if it is not there."""
    conditions: list[dict[str, Any]] = status.get("conditions") or []
    return next((each for each in conditions if each.get("type") == kind), {})


def _secret(document: Object, volume: str) -> str:
    """The Secret that a volume holds; empty if it is not there."""
    volumes = (document.get("spec") or {}).get("volumes") or []
    found = (each.get("secret") or {} for each in volumes if each.get("name") == volume)
    return next((str(each.get("secretName", "")) for each in found), "")


def _port(document: Object, name: str) -> int:
    """The port on which a peer serves the registry; 0 if it names none."""
    containers = (document.get("spec") or {}).get("containers") or []
    ports = (port for each in containers for port in each.get("ports") or ())
    return next((int(port["containerPort"]) for port in ports if port.get("name") == name), 0)
