"""What the stand-in kubelet and its peers say, as data. Pure.

The page `/peers` has the shape of the registry's (`eureka_registry/http/management.py`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from importlib.metadata import version
from typing import Any, Final

NODE: Final = "standin"
CLUSTER_LABEL: Final = "eurekube.io/cluster"
BACKLOG: Final = 5_000
LAG_MS: Final = 30_000
_STARTED: Final = "2026-01-01T00:00:00Z"
_CONFIG: Final = "config.json"
_PEERS: Final = "peers.json"

Document = Mapping[str, Any]


class Situation(Enum):
    """What a pod can be made to play; each is of one pod, seen by its peers as it would be."""

    NOT_READY = auto()
    """Its readiness probe fails, and it says it is starting."""
    UNREACHABLE = auto()
    """It takes connections and never answers, as behind a policy that drops packets."""
    DIVERGED = auto()
    """It holds other leases than its peers."""
    BACKLOG = auto()
    """Its changes do not reach its peers in time."""


class Step(Enum):
    """What a pod needs next from a kubelet."""

    BIND = auto()
    START = auto()
    """Give it an address; it runs and is not ready."""
    BECOME_READY = auto()
    BECOME_UNREADY = auto()
    FINISH = auto()
    """It is deleted: its containers have ended."""


@dataclass(frozen=True)
class Listed:
    """A peer as `peers.json` lists it."""

    name: str
    url: str
    state: str


@dataclass(frozen=True)
class Config:
    """The ConfigMap of one cluster."""

    generation: int = 0
    hash: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    """The peer's name of each pod."""
    peers: tuple[Listed, ...] = ()

    def lists(self, pod: str) -> bool:
        """Whether a pod is published as a peer."""
        name = self.names.get(pod)
        return any(peer.name == name for peer in self.peers)


@dataclass(frozen=True)
class Pod:
    """What matters of a pod."""

    namespace: str
    name: str
    uid: str
    cluster: str
    node: str
    address: str
    ready: bool
    deleted: bool
    """Its deletion has begun."""

    @property
    def key(self) -> tuple[str, str]:
        """What it is known by."""
        return self.namespace, self.name

    @property
    def runs(self) -> bool:
        """Whether it has been started."""
        return bool(self.address)


def pod(document: Document) -> Pod:
    """Read a pod as the API has it."""
    metadata, status = document["metadata"], document.get("status", {})
    conditions = {each["type"]: each["status"] for each in status.get("conditions", [])}
    return Pod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        cluster=metadata.get("labels", {}).get(CLUSTER_LABEL, ""),
        node=document["spec"].get("nodeName", ""),
        address=status.get("podIP", ""),
        ready=conditions.get("Ready") == "True",
        deleted="deletionTimestamp" in metadata,
    )


def config(document: Document) -> Config | None:
    """Read a ConfigMap; None if it is no cluster's."""
    data = document.get("data", {})
    if _PEERS not in data or _CONFIG not in data:
        return None
    peers_file = json.loads(data[_PEERS])
    peers = (Listed(each["name"], each["url"], each["state"]) for each in peers_file["peers"])
    digest = hashlib.sha256(data[_CONFIG].encode()).hexdigest()[:16]
    return Config(peers_file["generation"], digest, peers_file["names"], tuple(peers))


def next_step(one: Pod, known: Config, situation: Situation | None) -> Step | None:
    """What a pod needs; None if nothing, or if it is another node's."""
    if one.node not in ("", NODE):
        return None
    if one.deleted:
        return Step.FINISH
    if not one.node:
        return Step.BIND
    if not one.runs:
        return Step.START
    # A peer copies the registry, and so gets ready, once it is listed.
    wanted = known.lists(one.name) and situation is not Situation.NOT_READY
    if wanted == one.ready:
        return None
    return Step.BECOME_READY if wanted else Step.BECOME_UNREADY


def node() -> dict[str, Any]:
    """The node that all pods are bound to."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": NODE, "labels": {"topology.kubernetes.io/zone": "zone-1"}},
    }


def node_status(now: str) -> dict[str, Any]:
    """Its status at a time, as RFC 3339."""
    ready = {"type": "Ready", "status": "True", "reason": "StandIn", "message": "no kubelet"}
    times = {"lastHeartbeatTime": now, "lastTransitionTime": _STARTED}
    room = {"cpu": "1000", "memory": "1000Gi", "pods": "10000"}
    return {"status": {"conditions": [ready | times], "capacity": room, "allocatable": room}}


def lease(now: str) -> dict[str, Any]:
    """Its Lease, which tells the controller manager that it lives."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": NODE},
        "spec": {"holderIdentity": NODE, "leaseDurationSeconds": 40, "renewTime": now},
    }


def binding(one: Pod) -> dict[str, Any]:
    """What binds a pod to the node."""
    metadata = {"namespace": one.namespace, "name": one.name, "uid": one.uid}
    return {"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": {"name": NODE}}


def pod_status(document: Document, address: str, now: str, *, ready: bool) -> dict[str, Any]:
    """The status of a pod that runs, as a merge patch."""
    truth = "True" if ready else "False"
    kinds = {"PodScheduled": "True", "Initialized": "True", "ContainersReady": truth}
    return {
        "metadata": {"uid": document["metadata"]["uid"]},
        "status": {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "startTime": _STARTED,
            "conditions": [
                {"type": kind, "status": status, "lastTransitionTime": now}
                for kind, status in {**kinds, "Ready": truth}.items()
            ],
            "containerStatuses": [
                _container(each, ready=ready) for each in document["spec"]["containers"]
            ],
        },
    }


def peers_page(
    one: Pod,
    known: Config,
    running: Iterable[Pod],
    situations: Mapping[tuple[str, str], Situation],
) -> dict[str, Any]:
    """The page `/peers` of a pod; `running` are the pods of its cluster that run, itself too."""
    others = {known.names.get(each.name): each for each in running if each.runs}
    mine = situations.get(one.key)
    peers = []
    for listed in known.peers:
        other = others.get(listed.name)
        theirs = situations.get(other.key) if other else None
        peers.append(_peer(listed, one, other, (mine, theirs)))
    starting = mine is Situation.NOT_READY
    return {
        "node": one.uid,
        "name": known.names.get(one.name, ""),
        "stage": "starting" if starting else "ready",
        "why": "the registry has not been copied from a peer yet" if starting else None,
        "software": version("eurekube"),
        "version": 0,
        "instances": 0,
        "hash": "",
        "generation": known.generation,
        "problem": None,
        "config": {"hash": known.hash, "problem": None, "restartNeeded": []},
        "preserving": False,
        "selfPreservation": "off",
        "applications": {},
        "peers": peers,
        "regions": [],
    }


def _peer(
    listed: Listed,
    one: Pod,
    other: Pod | None,
    playing: tuple[Situation | None, Situation | None],
) -> dict[str, Any]:
    available = other is not None and playing[1] is not Situation.UNREACHABLE
    agreement = "diverged" if Situation.DIVERGED in playing else "agreed"
    late = playing[0] is Situation.BACKLOG
    return {
        "name": listed.name,
        "url": listed.url,
        "state": listed.state,
        "kind": "eurekube" if available else "unknown",
        "node": other.uid if other and available else None,
        "self": other is not None and other.uid == one.uid,
        "aliasOf": None,
        "available": available,
        "lagMs": LAG_MS if late else 0,
        "backlog": BACKLOG if late else 0,
        "agreement": agreement if available else "unknown",
        "why": None if available else "no answer",
        "lastDeliveredMsAgo": LAG_MS if late else 0,
        "dropped": {},
        "mismatches": 0,
        "refused": None,
        "notCopied": None,
        "diverged": {},
        "repaired": 0,
    }


def _container(spec: Document, *, ready: bool) -> dict[str, Any]:
    return {
        "name": spec["name"],
        "image": spec["image"],
        "imageID": f"{spec['image']}@sha256:{hashlib.sha256(spec['image'].encode()).hexdigest()}",
        "ready": ready,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": _STARTED}},
    }
