"""Decides which leases are removed because their pods ended without removing them.

A sidecar removes its lease itself. It cannot if it was killed with its pod, if the pod was deleted
by force, or if its node is lost; until the lease ends, clients go on calling an address that
nobody has, or that another pod has got.

A lease that is removed by mistake costs more than one that stays: it ends by itself within one
duration. So the rules are strict:

* The record names the pod by its uid, and this Kubernetes by `cluster-uid`. A uid alone does not
  tell a pod that is gone from one that runs in another Kubernetes, which may share the registry.
* The uid is gone, or the pod has ended for good, or its node is lost.
* Nothing follows from a list that is not complete, or empty: that is what a failure looks like.
* Another pod has the name by now and may run, as with a StatefulSet: its sidecar registers under
  the same id, and there is no way to remove one registration and not the next. So it stays.
* It is proposed by what watches have shown, and done only if the pod, its node, and the record
  are still so when each is asked for by its name at that moment (`confirm`).
* A fault of ours stays small: 15 % of a registry's leases in a minute, or five (`Budget`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from eureka_operator.core.events import NORMAL, Event
from eureka_operator.core.instances import Instance
from eureka_operator.core.pods import OUT_OF_SERVICE_TAINT, Node, Pod

NODE_GONE_FOR: Final = timedelta(seconds=40)
"""So long a node's object has to be away: a kubelet makes it anew if somebody deletes it. The pod
garbage collector of Kubernetes waits as long (`nodeQuarantine`, `pkg/controller/podgc`)."""
NOT_READY_FOR: Final = timedelta(seconds=10)
"""So long a node that is tainted as out of service has to be not ready besides: against a taint on
the wrong node. It has been silent for 40 s or more before it counts as not ready."""
SHARE_PERCENT: Final = 15
"""Of a registry's leases of this Kubernetes, at most so many are removed in a minute."""
LEAST: Final = 5
"""So many always may be, or a small registry would wait for a minute after each: a node that is
lost takes several pods with it. A sidecar whose lease was removed by mistake registers again with
its next renewal."""

_WINDOW_S: Final = 60.0


class Reason(StrEnum):
    """Why a pod does not serve any more."""

    POD_GONE = "pod_gone"
    POD_FINISHED = "pod_finished"
    NODE_GONE = "node_gone"
    NODE_OUT_OF_SERVICE = "node_out_of_service"


class ClusterState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of this Kubernetes.

    `cluster_uid` is empty while it is not known, `namespaces` empty for all of them. `pods` are by
    uid; `nodes` by name, `None` if they cannot be read. `missing` says since when nodes are away.
    """

    now: datetime
    cluster_uid: str
    pods: Mapping[str, Pod]
    nodes: Mapping[str, Node] | None = None
    missing: Mapping[str, datetime] = {}
    namespaces: frozenset[str] = frozenset()


class Removal(NamedTuple):
    """A lease that is to be removed, and why; `node` is the one that is lost, empty: none is."""

    instance: Instance
    reason: Reason
    why: str
    node: str = ""


def is_ours(instance: Instance, state: ClusterState) -> bool:
    """Whether an instance is a pod of this Kubernetes, and in a namespace that we may look into."""
    is_here = bool(state.cluster_uid) and instance.cluster_uid == state.cluster_uid
    return is_here and (not state.namespaces or instance.namespace in state.namespaces)


def removals(instances: Iterable[Instance], state: ClusterState) -> list[Removal]:
    """Removals according to the watches; instances that clients still call come first."""
    if not state.pods:
        return []
    found = [
        removal
        for instance in instances
        if is_ours(instance, state) and (removal := _removal(instance, state)) is not None
    ]
    return sorted(
        found, key=lambda each: (each.instance.status != "UP", each.instance.app, each.instance.id)
    )


def confirm(
    proposal: Removal,
    record: Instance | None,
    pod: Pod | None,
    node: Node | None,
    state: ClusterState,
) -> Removal | None:
    """The removal if it is still right according to objects just read; `None` if it is not.

    Args:
        proposal: the removal according to the watches.
        record: what the registry holds under that id, `None` if nothing.
        pod: the pod that has the name now, `None` if there is none.
        node: the node of `proposed.node`, `None` if there is none.
        state: as it was for the proposal.
    """
    if record is None or record.pod_uid != proposal.instance.pod_uid or not is_ours(record, state):
        return None
    if pod is not None and pod.uid != record.pod_uid and _may_register(pod):
        return None
    nodes = None
    if proposal.node:
        nodes = {proposal.node: node} if node is not None else {}
    pods = {pod.uid: pod} if pod is not None else {}
    now = msgspec.structs.replace(state, pods=pods, nodes=nodes)
    return _removal(record, now)


def missing_nodes(
    before: Mapping[str, datetime],
    pods: Iterable[Pod],
    nodes: Mapping[str, Node] | None,
    now: datetime,
) -> dict[str, datetime]:
    """Since when each node that a pod is on is away; none are if no node is there at all."""
    if not nodes:
        return {}
    away = {pod.node for pod in pods if pod.node} - nodes.keys()
    return {name: before.get(name, now) for name in sorted(away)}


def event(removal: Removal) -> Event:
    """The event on the EurekaCluster for a removal."""
    message = f"removed the lease of {removal.instance}: {removal.why}"
    return Event(NORMAL, "LeaseRemoved", message)


class Budget:
    """How many leases of one registry may still be removed: a share in any minute, or `LEAST`."""

    def __init__(self) -> None:
        self._spent: deque[float] = deque()

    def remaining(self, leases: int, now_s: float) -> int:
        """How many may be removed now, of so many that are there; `now_s` never jumps."""
        while self._spent and now_s - self._spent[0] >= _WINDOW_S:
            self._spent.popleft()
        most = max(LEAST, (leases + len(self._spent)) * SHARE_PERCENT // 100)
        return max(0, most - len(self._spent))

    def spend(self, now_s: float) -> None:
        """Count a lease that was removed, or may have been."""
        self._spent.append(now_s)


def _removal(instance: Instance, state: ClusterState) -> Removal | None:
    place = f"{instance.namespace}/{instance.pod}"
    pod = state.pods.get(instance.pod_uid)
    if pod is None:
        message = f"its pod {place} (uid {instance.pod_uid}) is gone"
        return Removal(instance, Reason.POD_GONE, message)
    if pod.finished:
        return Removal(instance, Reason.POD_FINISHED, f"its pod {place} has {_end_reason(pod)}")
    return _of_node(instance, pod, state)


def _may_register(pod: Pod) -> bool:
    """Whether a sidecar may run in a pod: from the moment that it is scheduled."""
    return bool(pod.node) and not pod.finished


def _end_reason(pod: Pod) -> str:
    return "failed" if pod.phase == "Failed" else "ended"


def _of_node(instance: Instance, pod: Pod, state: ClusterState) -> Removal | None:
    """The removal because a pod's node is lost: its kubelet cannot say that it has ended."""
    if state.nodes is None or not pod.node:
        return None
    node = state.nodes.get(pod.node)
    what = f"its pod {pod.namespace}/{pod.name} was on node {pod.node}"
    if node is None:
        since = state.missing.get(pod.node)
        if since is None or state.now - since < NODE_GONE_FOR:
            return None
        return Removal(instance, Reason.NODE_GONE, f"{what}, which is gone", pod.node)
    if node.ready or node.since is None or not node.out_of_service:
        return None
    if state.now - node.since < NOT_READY_FOR:
        return None
    message = f"{what}, which is not ready and has the taint {OUT_OF_SERVICE_TAINT}"
    return Removal(instance, Reason.NODE_OUT_OF_SERVICE, message, pod.node)
