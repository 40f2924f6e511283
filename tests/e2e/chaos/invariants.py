"""What holds whatever happens to a cluster, and what says that it does not. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

MOST_GROWTH_MIB: Final = 64.0
"""So much more than at the first calm the largest peer may occupy at the last one; the operator
likewise. Both hold as much at both times. A peer with 10,000 instances takes 56 MiB more in a storm
than in peace (bench/RESULTS.md), which Python keeps; here there are a tenth of them. What grows by
2 MiB a minute is found in half an hour, long before it reaches a peer's limit of 512 MiB."""


@dataclass(frozen=True)
class Violation:
    """An invariant that did not hold."""

    at: str
    """Time of day, UTC."""
    fault: str
    """What was under way."""
    what: str

    def __str__(self) -> str:
        """As it is shown."""
        return f"{self.at} during {self.fault}: {self.what}"


@dataclass(frozen=True)
class Sighting:
    """A pod of a peer, as it was at one moment."""

    uid: str
    ready: bool
    leaving: bool
    """Whether it is being deleted."""


class Departures:
    """Which peers the operator and Kubernetes have taken away: more than one at once is too many.

    A peer that a fault took does not count, and one counts only if its pod is replaced: that a pod
    which runs is not ready for a moment is nobody's doing.
    """

    def __init__(self) -> None:
        self._served: dict[str, str] = {}

    def over_limit(
        self, pods: Mapping[str, Sighting], wanted: Collection[str], victims: Collection[str]
    ) -> list[str]:
        """The pods that are away by our doing, if they are two or more; else none.

        Args:
            pods: those that there are, by name.
            wanted: names of those that there should be.
            victims: names of those that a fault took.
        """
        for name in self._served.keys() - wanted:
            del self._served[name]
        away = sorted(name for name in self._served if _is_away(pods.get(name), self._served[name]))
        for name, pod in pods.items():
            if name in wanted and pod.ready and not pod.leaving:
                self._served[name] = pod.uid
        ours = [name for name in away if name not in victims]
        return ours if len(ours) > 1 else []


def _is_away(pod: Sighting | None, served: str) -> bool:
    """Whether it was deleted, and its successor is not ready yet."""
    return pod is None or pod.leaving or (pod.uid != served and not pod.ready)


def growth(first: Mapping[str, float], last: Mapping[str, float]) -> list[str]:
    """Sentences about what grew too much, from MiB of each process at the first and last calm."""
    most_before, most_after = max(first.values()), max(last.values())
    if most_after - most_before <= MOST_GROWTH_MIB:
        return []
    name = max(last, key=lambda each: last[each])
    said = f"{name} occupies {most_after:.0f} MiB; {most_before:.0f} was the most at the first calm"
    return [f"{said}, and {MOST_GROWTH_MIB:.0f} more are allowed"]


def unsettled(
    documents: Sequence[Mapping[str, Any]], wanted: Collection[str], stateful_set: Mapping[str, Any]
) -> list[str]:
    """What is not at rest yet, in sentences about pods and StatefulSet."""
    names = {each["metadata"]["name"] for each in documents}
    found = [f"{name} is not there" for name in sorted(set(wanted) - names)]
    found += [f"{name} is still there" for name in sorted(names - set(wanted))]
    for each in documents:
        found += _not_well(each)
    return [*found, *_under_way(stateful_set, len(wanted))]


def _not_well(pod: Mapping[str, Any]) -> Iterable[str]:
    name = pod["metadata"]["name"]
    if "deletionTimestamp" in pod["metadata"]:
        yield f"{name} is being deleted"
    elif not sighting(pod).ready:
        yield f"{name} is not ready"


def _under_way(stateful_set: Mapping[str, Any], wanted: int) -> Iterable[str]:
    spec, status = stateful_set["spec"], stateful_set.get("status", {})
    if status.get("observedGeneration") != stateful_set["metadata"]["generation"]:
        yield "the StatefulSet's controller has not seen its newest spec"
    if status.get("currentRevision") != status.get("updateRevision"):
        yield "the StatefulSet is between two revisions"
    replicas = (spec["replicas"], status.get("replicas"))
    if replicas != (wanted, wanted):
        yield f"the StatefulSet has {replicas[1]} of {replicas[0]} replicas; {wanted} is wanted"


def sighting(pod: Mapping[str, Any]) -> Sighting:
    """What counts of a pod's document."""
    conditions = pod.get("status", {}).get("conditions", [])
    return Sighting(
        uid=pod["metadata"]["uid"],
        ready=any(each["type"] == "Ready" and each["status"] == "True" for each in conditions),
        leaving="deletionTimestamp" in pod["metadata"],
    )


def out_of_memory(pod: Mapping[str, Any]) -> bool:
    """Whether a container of a pod ended because it wanted more memory than it may have."""
    states = [
        each.get(key, {}).get("terminated", {}).get("reason")
        for each in pod.get("status", {}).get("containerStatuses", [])
        for key in ("state", "lastState")
    ]
    return "OOMKilled" in states
