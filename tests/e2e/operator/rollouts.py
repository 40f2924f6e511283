"""Rolling updates of an EurekaCluster: changes that begin one, and what is seen of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cluster.images import CLIENT
from e2e.clusters import Target
from e2e.operator.ekc import EkcCluster
from e2e.operator.watched import Watched
from processes.cluster import until

ROLLED_S: Final = 420.0
"""A peer takes some 15 s on an idle machine: it drains, ends, starts, copies the registry."""
UPDATES: Final = {"settleSeconds": 2, "progressDeadlineSeconds": 600}
"""So long a peer may take on a machine that is busy; a bad template is given up sooner."""
_SOON: Final[Mapping[str, Any]] = {"updates": {"progressDeadlineSeconds": 30}}
_NOTE: Final = "example.com/note"


def note(text: str) -> dict[str, Any]:
    """Pods with a note, which does nothing to them."""
    return {"annotations": {_NOTE: text}}


def template_change(text: str) -> dict[str, Any]:
    """A change of the pod template that every peer stands; what was bad before is gone."""
    return {"image": None, "pod": {**note(text), "env": None}, "updates": UPDATES}


MISSING: Final = {"image": {"tag": "missing"}, "pod": {"env": None}, **_SOON}
"""No node has this image, and none can pull it."""
NEVER_READY: Final = {
    "image": None,
    "pod": {"env": [{"name": "EUREKA_MANAGEMENT_PORT", "value": "9763"}]},
    **_SOON,
}
"""Nobody answers where the kubelet asks."""
NEVER_AGREED: Final = {
    "image": None,
    "pod": {"env": [{"name": "EUREKA_PORT", "value": "9761"}]},
    **_SOON,
}
"""The peer is ready, and others do not find its registry where they ask."""


def crashing(target: Target) -> dict[str, Any]:
    """The image of another program, which ends at once."""
    repository, _, tag = target.image(CLIENT).rpartition(":")
    return {"image": {"repository": repository, "tag": tag}, "pod": {"env": None}, **_SOON}


def stateful_set(cluster: EkcCluster, zone: str = "") -> dict[str, Any]:
    """The StatefulSet of a zone, or of all peers."""
    name = f"{cluster.name}-peer-{zone}" if zone else f"{cluster.name}-peer"
    found: dict[str, Any] = cluster.kubectl.get("statefulset", name)
    return found


def wait_rolling(cluster: EkcCluster, peer: str) -> None:
    """Wait until a peer is being updated."""
    until(lambda: cluster.status.get("rollout", {}).get("currentPeer") == peer, ROLLED_S)


def wait_rolled_back(cluster: EkcCluster, reason: str = "RolledBack") -> None:
    """Wait until a template is given up."""
    until(lambda: cluster.is_so("Stalled", reason=reason), ROLLED_S)


def wait_fenced(cluster: EkcCluster, zone: str = "") -> None:
    """Wait until no pod is of an older template, and the fence is before all of them again."""
    until(lambda: is_fenced(stateful_set(cluster, zone)), ROLLED_S)


def is_fenced(body: Mapping[str, Any]) -> bool:
    """Whether a StatefulSet keeps all its pods as they are, all of them of its newest template."""
    spec, status = body["spec"], body["status"]
    return bool(
        spec["updateStrategy"]["rollingUpdate"]["partition"] == spec["replicas"]
        and status["currentRevision"] == status["updateRevision"]
        and status["updatedReplicas"] == spec["replicas"]
    )


def current_peers(seen: Watched) -> list[str]:
    """The peers that were updated one after the other, as the status named them."""
    found: list[str] = []
    for document in seen.objects:
        peer = document.get("status", {}).get("rollout", {}).get("currentPeer", "")
        if peer and found[-1:] != [peer]:
            found.append(peer)
    return found


def reasons(seen: Watched, kind: str) -> set[tuple[str, str]]:
    """Status and reason that a condition had."""
    return {
        (each["status"], each["reason"])
        for document in seen.objects
        for each in document.get("status", {}).get("conditions", [])
        if each["type"] == kind
    }
