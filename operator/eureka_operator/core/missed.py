"""Pods that should have a sidecar and have none: their events, and which of them may be evicted.

A webhook that fails open lets pods start without a sidecar, and nothing makes them again: they
serve, but clients do not find them. So the operator counts them, and an event on each says what to
do. Evictions are for those who ask for them:

* By the eviction API, so that PodDisruptionBudgets hold; and only of pods whose controller makes
  them anew and loses nothing (not a Job's).
* One at a time for each owner: none while another pod of it is being deleted or is not ready.
* Only if the injector has worked since: a pod that was made later has a sidecar. And after an
  eviction only if the owner has got one that has. So an injector that is down, or that never sees
  these pods, costs one pod's restart and not a restart without end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from eureka_operator.core.events import WARNING, Event
from eureka_operator.core.injection.patches import CONTAINER
from eureka_operator.core.injection.status import INJECTED_LABEL
from eureka_operator.core.kinds import Object
from eureka_operator.core.pods import Pod, read_pod

Wanted = Callable[[Object, Object], bool]
"""Whether a pod should have a sidecar: of the pod, and its namespace."""

_HASH_LABEL: Final = "pod-template-hash"
_ROLLED_OUT: Final = frozenset({"DaemonSet", "Deployment", "StatefulSet"})
_NOT_EVICTED: Final = frozenset({"", "Job"})


class UninjectedPod(msgspec.Struct, frozen=True, kw_only=True):
    """A pod without its sidecar.

    `owner_kind` and `owner_name` are what users restart: the Deployment of a ReplicaSet's pod. They
    are empty for a pod without a controller, as `pod.owner` is.
    """

    pod: Pod
    owner_kind: str = ""
    owner_name: str = ""

    @property
    def event(self) -> Event:
        """The event on the pod: what is wrong, and the cure."""
        message = (
            "this pod should have a sidecar and has none, so clients do not find it in Eureka: it"
            " was made before injection was enabled, or while the injector did not answer. Make it"
            f" again: {self._cure}"
        )
        return Event(WARNING, "SidecarMissing", message)

    @property
    def _cure(self) -> str:
        namespace, name = self.pod.namespace, self.pod.name
        if self.owner_kind in _ROLLED_OUT:
            what = f"{self.owner_kind.lower()}/{self.owner_name}"
            return f"kubectl -n {namespace} rollout restart {what}"
        if self.owner_kind in _NOT_EVICTED:
            what = f"{self.owner_kind} {self.owner_name}" if self.owner_kind else "pod"
            return f"delete the {what} and create it again"
        return f"kubectl -n {namespace} delete pod {name}"


def uninjected_pods(
    pods: Iterable[Object], namespace: Object, wanted: Wanted
) -> list[UninjectedPod]:
    """Those pods of a namespace that should have a sidecar, run, and have none."""
    return [
        _uninjected_pod(pod)
        for pod in pods
        if not _has_sidecar(pod) and not _is_ending(pod) and wanted(pod, namespace)
    ]


def evictions(
    pods: Iterable[UninjectedPod],
    injected_pods: Iterable[Pod],
    last_evictions: Mapping[str, datetime],
) -> list[UninjectedPod]:
    """Which of these pods may be evicted now: of each owner at most one, the oldest.

    Args:
        pods: all pods without their sidecar.
        injected_pods: all pods that have one.
        last_evictions: by uid of the owner, when a pod of it was last evicted.
    """
    siblings: dict[str, list[Pod]] = defaultdict(list)
    for pod in injected_pods:
        siblings[pod.owner].append(pod)
    newest = _newest(pod for each in siblings.values() for pod in each)
    uninjected: dict[str, list[UninjectedPod]] = defaultdict(list)
    for each in pods:
        if each.owner_kind not in _NOT_EVICTED:
            uninjected[each.pod.owner].append(each)
    chosen = []
    for owner, group in sorted(uninjected.items()):
        others = siblings[owner]
        first = min(group, key=lambda each: (_creation_s(each.pod), each.pod.name))
        is_proved = newest > _creation_s(first.pod)
        if owner in last_evictions:
            is_proved = is_proved and _newest(others) >= int(last_evictions[owner].timestamp())
        if is_proved and all(pod.ready and not pod.deleting for pod in _all(group, others)):
            chosen.append(first)
    return chosen


def eviction(uninjected: UninjectedPod) -> Object:
    """The Eviction of that one pod, not of another with its name."""
    metadata = {"namespace": uninjected.pod.namespace, "name": uninjected.pod.name}
    return {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": metadata,
        "deleteOptions": {"preconditions": {"uid": uninjected.pod.uid}},
    }


def _uninjected_pod(document: Object) -> UninjectedPod:
    metadata = document["metadata"]
    owners: list[dict[str, Any]] = metadata.get("ownerReferences") or []
    owner = next((each for each in owners if each.get("controller")), {})
    kind, name = str(owner.get("kind", "")), str(owner.get("name", ""))
    digest = (metadata.get("labels") or {}).get(_HASH_LABEL, "")
    if kind == "ReplicaSet" and digest and name.endswith(f"-{digest}"):
        kind, name = "Deployment", name.removesuffix(f"-{digest}")
    return UninjectedPod(pod=read_pod(document), owner_kind=kind, owner_name=name)


def _has_sidecar(document: Object) -> bool:
    if INJECTED_LABEL in (document["metadata"].get("labels") or {}):
        return True
    spec = document.get("spec") or {}
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return any(each.get("name") == CONTAINER for each in containers)


def _is_ending(document: Object) -> bool:
    pod = read_pod(document)
    return pod.deleting or pod.finished


def _all(group: Iterable[UninjectedPod], others: Iterable[Pod]) -> list[Pod]:
    return [*(each.pod for each in group), *others]


def _creation_s(pod: Pod) -> float:
    return pod.created.timestamp() if pod.created else 0.0


def _newest(pods: Iterable[Pod]) -> float:
    return max((_creation_s(pod) for pod in pods), default=0.0)
