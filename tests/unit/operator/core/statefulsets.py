"""The StatefulSet controller of Kubernetes: which pods it deletes and makes, without API and time.

Rules are those of `pkg/controller/statefulset` (`stateful_set_control.go`,
`stateful_set_utils.go`) with `podManagementPolicy: Parallel`, which is what the operator uses. A
partition counts positions, not ordinals: with ordinals from 1, a partition of 2 keeps pods 1 and 2.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from eureka_operator.core import names
from eureka_operator.core.kinds import Object

ON_DELETE: Final = "OnDelete"


class Rule(StrEnum):
    """What a rolling update does where a pod is unavailable: it differs between versions."""

    ONE_BY_ONE = "1.34 and older"
    """The highest pod of an older revision is deleted once those above it are available."""
    BUDGET = "1.35"
    """Nothing is deleted while a pod is unavailable, not even that one
    (`MaxUnavailableStatefulSet`)."""
    BROKEN_FIRST = "after 1.35"
    """As `BUDGET`, but unavailable pods of an older revision are deleted first, all of them."""


class Replica(NamedTuple):
    """A pod as the controller sees it; `available`: ready for `minReadySeconds`."""

    ordinal: int
    revision: str
    ready: bool = False
    available: bool = False
    deleting: bool = False

    @property
    def unavailable(self) -> bool:
        """Whether it counts against what may be unavailable."""
        return self.deleting or not self.available


class Revision(NamedTuple):
    """A ControllerRevision; `number` is its `revision` field: the highest one is the newest."""

    name: str
    number: int
    template: Object


class Sync(NamedTuple):
    """What one look at a StatefulSet leads to; pods are named by their ordinals."""

    status: Object
    created: Mapping[int, str]
    """With the name of the revision that each is made of."""
    deleted: Sequence[int]


class Controller:
    """The controller of one StatefulSet, with its ControllerRevisions."""

    def __init__(self, name: str, rule: Rule = Rule.ONE_BY_ONE) -> None:
        self.revisions: dict[str, Revision] = {}
        self._name = name
        self._rule = rule

    def sync(self, spec: Object, status: Object, pods: Iterable[Replica]) -> Sync:
        """Look at a StatefulSet once."""
        update = self._update_revision(spec["template"])
        current = status.get("currentRevision", "")
        current = current if current in self.revisions else update
        start, count = _start(spec), int(spec.get("replicas", 1))
        seen = {pod.ordinal: pod for pod in pods}
        wanted = range(start, start + count)
        created = {
            ordinal: current if ordinal < start + _fence(spec) else update
            for ordinal in wanted
            if ordinal not in seen
        }
        condemned = [pod for pod in seen.values() if pod.ordinal not in wanted]
        replicas = [seen.get(each) or Replica(each, created[each]) for each in wanted]
        deleted = [pod.ordinal for pod in condemned if not pod.deleting]
        deleted += self._updated(spec, replicas, update)
        made = _status(seen.values(), current, update)
        _complete(made, spec)
        self._truncate(spec, made, seen.values())
        return Sync(made, created, deleted)

    def _update_revision(self, template: Object) -> str:
        """The revision of the template; an older equal one becomes the newest again."""
        newest = max((each.number for each in self.revisions.values()), default=0)
        name = f"{self._name}-{names.object_digest(template)[:10]}"
        known = self.revisions.get(name)
        if known is None or known.number < newest:
            self.revisions[name] = Revision(name, newest + 1, copy.deepcopy(template))
        return name

    def _updated(self, spec: Object, replicas: Sequence[Replica], update: str) -> list[int]:
        """Pods that are deleted because their template is not the newest."""
        if spec.get("updateStrategy", {}).get("type") == ON_DELETE:
            return []
        beyond = replicas[_fence(spec) :]
        match self._rule:
            case Rule.ONE_BY_ONE:
                return list(_one_by_one(beyond, update))
            case Rule.BUDGET:
                if any(pod.unavailable for pod in replicas):
                    return []
                return [pod.ordinal for pod in reversed(beyond) if pod.revision != update][:1]
            case Rule.BROKEN_FIRST:
                old = [pod for pod in beyond if pod.revision != update and not pod.deleting]
                broken = [pod.ordinal for pod in old if not pod.available]
                if broken or any(pod.unavailable for pod in replicas):
                    return broken
                return [pod.ordinal for pod in old][-1:]

    def _truncate(self, spec: Object, status: Object, pods: Iterable[Replica]) -> None:
        """Forget the oldest revisions that nothing needs any more."""
        live = {status["currentRevision"], status["updateRevision"]}
        live |= {pod.revision for pod in pods}
        unused = sorted(
            (each for each in self.revisions.values() if each.name not in live),
            key=lambda each: each.number,
        )
        for each in unused[: max(0, len(unused) - int(spec.get("revisionHistoryLimit", 10)))]:
            del self.revisions[each.name]


def _one_by_one(beyond: Sequence[Replica], update: str) -> Iterator[int]:
    for pod in reversed(beyond):
        if pod.revision != update and not pod.deleting:
            yield pod.ordinal
            return
        if pod.unavailable:
            return


def _start(spec: Object) -> int:
    return int(spec.get("ordinals", {}).get("start", 0))


def _fence(spec: Object) -> int:
    """How many positions, from the first, keep the current revision."""
    rolling = spec.get("updateStrategy", {}).get("rollingUpdate") or {}
    return int(rolling.get("partition", 0))


def _status(pods: Iterable[Replica], current: str, update: str) -> dict[str, Any]:
    """Counts of the pods that were there; those that are being made are counted next time."""
    found = list(pods)
    staying = [pod for pod in found if not pod.deleting]
    return {
        "replicas": len(found),
        "readyReplicas": sum(pod.ready for pod in found),
        "availableReplicas": sum(pod.available for pod in found),
        "currentReplicas": sum(pod.revision == current for pod in staying),
        "updatedReplicas": sum(pod.revision == update for pod in staying),
        "currentRevision": current,
        "updateRevision": update,
    }


def _complete(status: dict[str, Any], spec: Object) -> None:
    """Take the newest revision for the current one if all pods have it and are ready."""
    count = int(spec.get("replicas", 1))
    counted = (status["updatedReplicas"], status["readyReplicas"], status["replicas"])
    if spec.get("updateStrategy", {}).get("type") != ON_DELETE and counted == (count,) * 3:
        status["currentReplicas"] = status["updatedReplicas"]
        status["currentRevision"] = status["updateRevision"]
