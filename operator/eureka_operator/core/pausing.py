"""Pods that an annotation pauses, at the registries with which they are registered.

`eurekube.io/paused: "true"` makes an override, OUT_OF_SERVICE, and its removal lifts it. The
sidecar does that, too, as soon as its kubelet has written the annotations' file anew; the operator
sees the annotation at once.

An override that somebody made by hand is never lifted. A registry does not say who made one, so the
operator keeps a record: before it makes an override, it writes the instance into an annotation of
the pod. It only makes one where there is none, so what is recorded is its own. The record is with
the pod because it must outlive the operator, and must not outlive the pod; a registration of the
sidecar would replace metadata.

    ==========  =====================  ==========  ==================
    annotation  override               on record   what is done
    ==========  =====================  ==========  ==================
    paused      none                   any         record, override
    paused      there is one           any         nothing
    not paused  OUT_OF_SERVICE         yes         lift
    not paused  none, or another one   yes         erase the record
    not paused  any                    no          nothing
    ==========  =====================  ==========  ==================

Two overrides that the operator did not make are on record as well, or nobody might lift them:

* One that appears while the pod is paused is the sidecar's, which was quicker, or has registered
  with it. The sidecar lifts it, unless it was down when the annotation was removed (`new_pauses`).
* One that is on record for a pod that is gone, and that its successor under this name has inherited
  by registering under the same id: a StatefulSet's pod whose lease nobody removed
  (`inherited_override`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from eureka_operator.core.events import NORMAL, Event
from eureka_operator.core.instances import Instance
from eureka_operator.core.pods import Pod
from eureka_sidecar.core.document import OUT_OF_SERVICE, UNKNOWN
from eureka_sidecar.core.downward import PAUSED

UP: Final = "UP"


class ClusterName(NamedTuple):
    """An EurekaCluster by its name."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """The cluster as people write it."""
        return f"{self.namespace}/{self.name}"


Key = tuple[ClusterName, str, str]
"""What tells an instance from others: its EurekaCluster, its application, its id."""


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """An override on record: of which instance, in which EurekaCluster; what its status was."""

    cluster: ClusterName
    app: str
    id: str
    was: str

    @property
    def key(self) -> Key:
        """What tells it from others."""
        return self.cluster, self.app, self.id


class _Record(msgspec.Struct, frozen=True):
    """The annotation: the pod's uid, as annotations are copied to other pods, and its overrides."""

    uid: str
    overrides: tuple[Override, ...]


class RegistryInstance(NamedTuple):
    """An instance, and the EurekaCluster whose registry holds it."""

    cluster: ClusterName
    instance: Instance

    @property
    def key(self) -> Key:
        """What tells it from others."""
        return self.cluster, self.instance.app, self.instance.id


class Lift(NamedTuple):
    """An override that is to be lifted, and the status that the instance has from then on."""

    instance: RegistryInstance
    status: str


class Changes(NamedTuple):
    """What has to be done for a pod, in this order.

    `record` is the annotation's new value, empty: it is to be removed, `None`: it stays as it is.
    """

    record: str | None
    overrides: tuple[RegistryInstance, ...]
    lifts: tuple[Lift, ...]


def changes(
    pod: Pod,
    instances: Iterable[RegistryInstance],
    readable: frozenset[ClusterName],
    claims: Iterable[Override] = (),
) -> Changes:
    """The changes that make registries show a pod as its annotation asks.

    Args:
        pod: the pod.
        instances: its instances, by uid, in all registries.
        readable: EurekaClusters whose registries were read; what is recorded of others stays.
        claims: overrides that are to be on record, too (`new_pauses`, `inherited_override`).
    """
    found = {each.key: each for each in instances}
    recorded = {each.key: each for each in recorded_overrides(pod)}
    kept = {
        key: each
        for key, each in {**{each.key: each for each in claims}, **recorded}.items()
        if pod.paused or each.cluster not in readable or _is_lifted_next(found.get(key))
    }
    overrides = [each for each in found.values() if pod.paused and _may_be_paused(each.instance)]
    for each in overrides:
        made = _override(each, each.instance)
        kept[made.key] = made
    lifts = [
        Lift(found[key], _status_after(found[key].instance, each.was))
        for key, each in kept.items()
        if not pod.paused and key in found
    ]
    record = _annotation_value(pod.uid, kept)
    unchanged = record == _annotation_value(pod.uid, recorded) and bool(record) == bool(
        pod.paused_by_operator
    )
    return Changes(None if unchanged else record, tuple(overrides), tuple(lifts))


def new_pauses(
    instances: Iterable[RegistryInstance],
    before: Iterable[RegistryInstance],
    readable: frozenset[ClusterName],
) -> list[Override]:
    """The overrides of a paused pod that were not there when its registries were read last.

    Args:
        instances: its instances, by uid, in all registries.
        before: the same when they were read last.
        readable: EurekaClusters whose registries were read then.
    """
    earlier = {each.key: each.instance for each in before}
    return [
        _override(each, earlier.get(each.key, each.instance))
        for each in instances
        if _is_out_of_service(each)
        and each.cluster in readable
        and (each.key not in earlier or earlier[each.key].overridden == UNKNOWN)
    ]


def inherited_override(instance: RegistryInstance) -> Override:
    """The override of a pod that is gone, for the pod that has its lease now."""
    return _override(instance, instance.instance)


def is_concerned(pod: Pod) -> bool:
    """Whether there may be something to do for a pod: most are not paused, and never were."""
    return pod.paused or bool(pod.paused_by_operator)


def pause_event(instance: RegistryInstance) -> Event:
    """The event on the pod for an override."""
    sentence = f"{instance.instance} is OUT_OF_SERVICE in EurekaCluster {instance.cluster}"
    message = f"{sentence}: the pod has the annotation {PAUSED}"
    return Event(NORMAL, "Paused", message)


def resume_event(lift: Lift) -> Event:
    """The event on the pod for the end of an override."""
    message = (
        f"{lift.instance.instance} is no longer paused in EurekaCluster {lift.instance.cluster}"
    )
    return Event(NORMAL, "Resumed", message)


def _override(registry_instance: RegistryInstance, was: Instance) -> Override:
    cluster, app, name = registry_instance.key
    return Override(cluster=cluster, app=app, id=name, was=was.status)


def _may_be_paused(instance: Instance) -> bool:
    """Whether an override has an effect: a registry makes none that changes no status."""
    return instance.overridden == UNKNOWN and instance.status != OUT_OF_SERVICE


def _is_lifted_next(instance: RegistryInstance | None) -> bool:
    """Whether a recorded override is still there, and still ours."""
    return instance is not None and _is_out_of_service(instance)


def _is_out_of_service(instance: RegistryInstance) -> bool:
    return instance.instance.overridden == OUT_OF_SERVICE


def _status_after(instance: Instance, was: str) -> str:
    """The status of an instance whose override is lifted.

    A registration as DOWN or STARTING shows in spite of the override, one as UP does not. So behind
    OUT_OF_SERVICE is UP, if it was UP when the override was made; else nobody knows, and with
    UNKNOWN the sidecar's next renewal is not found and it registers with what is true.
    """
    if instance.status != OUT_OF_SERVICE:
        return instance.status
    return UP if was == UP else UNKNOWN


def recorded_overrides(pod: Pod) -> tuple[Override, ...]:
    """What is recorded for this pod; nothing if the annotation is another pod's, or broken."""
    try:
        record = msgspec.json.decode(pod.paused_by_operator or "null", type=_Record | None)
    except msgspec.MsgspecError:
        return ()
    return record.overrides if record is not None and record.uid == pod.uid else ()


def _annotation_value(uid: str, overrides: Mapping[tuple[ClusterName, str, str], Override]) -> str:
    """The annotation; empty if there is nothing to record."""
    if not overrides:
        return ""
    ordered = tuple(overrides[key] for key in sorted(overrides))
    return msgspec.json.encode(_Record(uid, ordered)).decode()
