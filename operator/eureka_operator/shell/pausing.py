"""Carries out pauses by annotation at the registries, with the record of them on the pods."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from eureka_operator.core.kinds import POD, Object
from eureka_operator.core.pausing import (
    Changes,
    ClusterName,
    Held,
    changes,
    is_concerned,
    paused_event,
    resumed_event,
)
from eureka_operator.core.pods import PAUSED_BY_OPERATOR, Pod
from eureka_operator.shell.client import ApiError
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.metrics import Metrics
from eureka_operator.shell.registries import Reading
from eureka_operator.shell.registry import RegistryError
from eureka_sidecar.core.document import OUT_OF_SERVICE

_log = logging.getLogger(__name__)

Readings = Mapping[ClusterName, Reading]


class Pauser:
    """Has pods shown as their annotations wish; `may_act` says whether we still lead."""

    def __init__(self, kube: Kube, metrics: Metrics, may_act: Callable[[], bool]) -> None:
        self._kube = kube
        self._metrics = metrics
        self._may_act = may_act
        self._problems: dict[str, str] = {}

    async def pause(self, pods: Iterable[Pod], readings: Readings) -> None:
        """Pause and resume what is due. What fails is said once, and tried again the next time."""
        concerned = {pod.uid: pod for pod in pods if is_concerned(pod) and not pod.finished}
        for gone in self._problems.keys() - concerned.keys():
            del self._problems[gone]
        if not concerned:
            return
        held = _held(concerned, readings)
        for uid, pod in concerned.items():
            wished = changes(pod, held[uid], frozenset(readings))
            try:
                await self._carry_out(pod, wished, readings)
            except (ApiError, RegistryError) as error:
                self._note(pod, str(error))
            else:
                self._problems.pop(uid, None)

    async def _carry_out(self, pod: Pod, wished: Changes, readings: Readings) -> None:
        if wished.record is not None:
            record = {PAUSED_BY_OPERATOR: wished.record or None}
            await self._kube.annotate(POD, pod.namespace, pod.name, record)
        about = _about(pod)
        for held in wished.overrides:
            app, name = held.instance.app, held.instance.id
            registry = readings[held.cluster].registry
            if self._may_act() and await registry.override(app, name, OUT_OF_SERVICE):
                self._metrics.pod_paused("pause")
                event = paused_event(held)
                await self._kube.post_event(about, event.type, event.reason, event.message)
        for lift in wished.lifts:
            app, name = lift.held.instance.app, lift.held.instance.id
            registry = readings[lift.held.cluster].registry
            if self._may_act() and await registry.lift(app, name, lift.status):
                self._metrics.pod_paused("resume")
                event = resumed_event(lift)
                await self._kube.post_event(about, event.type, event.reason, event.message)

    def _note(self, pod: Pod, problem: str) -> None:
        if self._problems.get(pod.uid) != problem:
            _log.warning("%s/%s: its pause: %s", pod.namespace, pod.name, problem)
        self._problems[pod.uid] = problem


def _held(pods: Mapping[str, Pod], readings: Readings) -> dict[str, list[Held]]:
    """The instances of these pods, by uid."""
    found: dict[str, list[Held]] = defaultdict(list)
    for cluster, reading in readings.items():
        for instance in reading.listing.instances:
            if instance.pod_uid in pods:
                found[instance.pod_uid].append(Held(cluster, instance))
    return found


def _about(pod: Pod) -> Object:
    metadata = {"namespace": pod.namespace, "name": pod.name, "uid": pod.uid}
    return {"apiVersion": POD.api_version, "kind": POD.kind, "metadata": metadata}
