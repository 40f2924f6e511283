"""Decides what a node means for a peer that is not ready, and when its pod is deleted by force."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from eureka_operator.core.observed import Observed, Pod
from eureka_operator.core.pods import OUT_OF_SERVICE_TAINT, Node

_PATIENCE: Final = timedelta(seconds=30)
"""How long after its grace a pod may still be there; a kubelet that works takes a second."""
_NAMED: Final = 3


def force_time(observed: Observed, pod: Pod) -> datetime | None:
    """When a pod that is being deleted is removed without waiting for its node; `None`: never.

    Not one with a volume, which two pods must never have at once: only people know whether its node
    is off. Nor one with finalizers, as no force removes it.
    """
    if pod.deleting_since is None or pod.finalizers:
        return None
    return None if _has_volume(observed) else pod.deleting_since + _PATIENCE


def is_lost(observed: Observed, pod: Pod) -> bool:
    """Whether the pod's node is known not to be ready, or to be gone."""
    if pod.node not in observed.nodes:
        return False
    node = observed.nodes[pod.node]
    return node is None or not node.ready


def node_sentence(observed: Observed, pod: Pod) -> str:
    """Why the node keeps a pod from being ready, and what to do; empty: it does not."""
    if not pod.node:
        return _cordoned_nodes(observed)
    node = observed.nodes.get(pod.node)
    if is_lost(observed, pod):
        return _lost_node(observed, pod, node)
    if not pod.deleting:
        return ""
    cordoned = ", which is cordoned" if node is not None and node.unschedulable else ""
    held = f"; its finalizers keep it: {', '.join(pod.finalizers)}" if pod.finalizers else ""
    return f"its pod is being stopped on node {pod.node}{cordoned}{held}"


def _cordoned_nodes(observed: Observed) -> str:
    """Which nodes take no new pods."""
    found = sorted(node.name for node in observed.nodes.values() if node and node.unschedulable)
    if not found:
        return ""
    rest = len(found) - _NAMED
    more = f" and {rest} more" if rest > 0 else ""
    return f"cordoned: {', '.join(found[:_NAMED])}{more}"


def _lost_node(observed: Observed, pod: Pod, node: Node | None) -> str:
    if node is None:
        return f"node {pod.node} was deleted; Kubernetes removes its pod within two minutes"
    since = f" since {node.since:%H:%M:%S} UTC" if node.since else ""
    return f"node {pod.node} is not ready{since}; {_consequence(observed, pod, node)}"


def _consequence(observed: Observed, pod: Pod, node: Node) -> str:
    if node.out_of_service:
        return "it is marked as out of service, so Kubernetes removes its pod"
    if not pod.deleting:
        return "its pod is deleted if it stays so"
    forced = force_time(observed, pod)
    if forced is not None:
        return f"its pod is removed by force at {forced:%H:%M:%S} UTC"
    if not _has_volume(observed):
        return f"its pod waits for it, and for its finalizers: {', '.join(pod.finalizers)}"
    return (
        "its pod has a volume and may still write to it, so it is not removed by force. If the "
        f"node is off for good: kubectl taint node {node.name} "
        f"{OUT_OF_SERVICE_TAINT}=nodeshutdown:NoExecute, or kubectl delete node {node.name}"
    )


def _has_volume(observed: Observed) -> bool:
    return observed.cluster.spec.snapshot.volume is not None
