"""Carries out pauses by annotation at the registries, and records them on the pods."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

from eureka_operator.core.kinds import POD, Object
from eureka_operator.core.pausing import (
    Changes,
    ClusterName,
    Key,
    Override,
    RegistryInstance,
    changes,
    inherited_override,
    is_concerned,
    new_pauses,
    pause_event,
    recorded_overrides,
    resume_event,
)
from eureka_operator.core.pods import PAUSED_BY_OPERATOR, Pod
from eureka_operator.shell.client import ApiError
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.metrics import Metrics
from eureka_operator.shell.registries import Reading
from eureka_operator.shell.registry import Listing, RegistryError
from eureka_sidecar.core.document import OUT_OF_SERVICE

_log = logging.getLogger(__name__)

Readings = Mapping[ClusterName, Reading]
Listings = Mapping[ClusterName, Listing]


class Pauser:
    """Makes registries show pods as their annotations ask; `may_act` says whether we still lead."""

    def __init__(self, kube: Kube, metrics: Metrics, may_act: Callable[[], bool]) -> None:
        self._kube = kube
        self._metrics = metrics
        self._may_act = may_act
        self._problems: dict[str, str] = {}
        self._before: Listings = {}
        self._claimed: dict[str, dict[Key, Override]] = defaultdict(dict)
        self._owners: dict[Key, str] = {}

    async def pause(self, pods: Iterable[Pod], readings: Readings) -> None:
        """Pause and resume what is due. A failure is logged once, and tried again the next time."""
        running = {pod.uid: pod for pod in pods if not pod.finished}
        listings = {cluster: reading.listing for cluster, reading in readings.items()}
        self._claim(running, listings)
        concerned = {
            uid: pod for uid, pod in running.items() if is_concerned(pod) or uid in self._claimed
        }
        self._owners |= {
            each.key: uid for uid in concerned for each in recorded_overrides(running[uid])
        }
        for gone in self._problems.keys() - concerned.keys():
            del self._problems[gone]
        if not concerned:
            return
        held = _instances_by_pod(concerned, listings)
        for uid, pod in concerned.items():
            claimed = self._claimed.get(uid, {}).values()
            due = changes(pod, held[uid], frozenset(readings), claimed)
            try:
                await self._carry_out(pod, due, readings)
            except (ApiError, RegistryError) as error:
                self._note(pod, str(error))
            else:
                self._problems.pop(uid, None)
                self._claimed.pop(uid, None)

    def _claim(self, pods: Mapping[str, Pod], listings: Listings) -> None:
        """Find the overrides that are ours although they are not recorded."""
        for gone in self._claimed.keys() - pods.keys():
            del self._claimed[gone]
        paused = {uid: pod for uid, pod in pods.items() if pod.paused}
        changed = {
            name: each for name, each in listings.items() if each is not self._before.get(name)
        }
        if paused and changed:
            before = _instances_by_pod(paused, self._before)
            for uid, held in _instances_by_pod(paused, changed).items():
                for each in new_pauses(held, before[uid], frozenset(self._before)):
                    self._claimed[uid][each.key] = each
        self._before = listings
        if self._owners:
            self._inherit(pods, listings)

    def _inherit(self, pods: Mapping[str, Pod], listings: Listings) -> None:
        """Claim a gone pod's recorded overrides for the pod that has its lease now."""
        owners = {key: uid for key, uid in self._owners.items() if key[0] not in listings}
        for held in _all(listings):
            owner = self._owners.get(held.key)
            if owner is None or held.instance.overridden != OUT_OF_SERVICE:
                continue
            if held.instance.pod_uid == owner or held.instance.pod_uid not in pods:
                owners[held.key] = owner
            else:
                self._claimed[held.instance.pod_uid][held.key] = inherited_override(held)
        self._owners = owners

    async def _carry_out(self, pod: Pod, due: Changes, readings: Readings) -> None:
        if due.record is not None:
            record = {PAUSED_BY_OPERATOR: due.record or None}
            await self._kube.annotate(POD, pod.namespace, pod.name, record)
        about = _about(pod)
        for held in due.overrides:
            app, name = held.instance.app, held.instance.id
            registry = readings[held.cluster].registry
            if self._may_act() and await registry.override(app, name, OUT_OF_SERVICE):
                self._metrics.count_pause("pause")
                event = pause_event(held)
                await self._kube.post_event(about, event.type, event.reason, event.message)
        for lift in due.lifts:
            app, name = lift.instance.instance.app, lift.instance.instance.id
            registry = readings[lift.instance.cluster].registry
            if self._may_act() and await registry.lift(app, name, lift.status):
                self._metrics.count_pause("resume")
                event = resume_event(lift)
                await self._kube.post_event(about, event.type, event.reason, event.message)

    def _note(self, pod: Pod, problem: str) -> None:
        if self._problems.get(pod.uid) != problem:
            _log.warning("%s/%s: its pause: %s", pod.namespace, pod.name, problem)
        self._problems[pod.uid] = problem


def _instances_by_pod(
    pods: Mapping[str, Pod], listings: Listings
) -> dict[str, list[RegistryInstance]]:
    """The instances of these pods, by uid."""
    found: dict[str, list[RegistryInstance]] = defaultdict(list)
    for held in _all(listings):
        if held.instance.pod_uid in pods:
            found[held.instance.pod_uid].append(held)
    return found


def _all(listings: Listings) -> Iterator[RegistryInstance]:
    for cluster, listing in listings.items():
        for instance in listing.instances:
            yield RegistryInstance(cluster, instance)


def _about(pod: Pod) -> Object:
    metadata = {"namespace": pod.namespace, "name": pod.name, "uid": pod.uid}
    return {"apiVersion": POD.api_version, "kind": POD.kind, "metadata": metadata}
