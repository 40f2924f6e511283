"""What says that an invariant does not hold."""

from __future__ import annotations

from typing import Any, Final

from e2e.chaos.invariants import (
    Departures,
    Sighting,
    growth,
    out_of_memory,
    sighting,
    unsettled,
)

NAMES: Final = ("peer-1", "peer-2", "peer-3")
WELL: Final = {name: Sighting(f"{name}-a", ready=True, leaving=False) for name in NAMES}


def sightings_without(*names: str) -> dict[str, Sighting]:
    """Three pods without these."""
    return {name: pod for name, pod in WELL.items() if name not in names}


def departures_after_look() -> Departures:
    """After a look at three that are ready."""
    departures = Departures()
    assert departures.over_limit(WELL, NAMES, ()) == []
    return departures


def test_one_peer_may_be_away() -> None:
    """A rolling update takes one after the other."""
    assert departures_after_look().over_limit(sightings_without("peer-2"), NAMES, ()) == []


def test_two_peers_may_not_be_away() -> None:
    """However they went: no pod, one that is being deleted, one that is not ready yet."""
    leaving = Sighting("peer-2-a", ready=True, leaving=True)
    starting = Sighting("peer-2-b", ready=False, leaving=False)

    assert departures_after_look().over_limit(sightings_without("peer-1", "peer-2"), NAMES, ()) == [
        "peer-1",
        "peer-2",
    ]
    for pod in (leaving, starting):
        pods = {**sightings_without("peer-1"), "peer-2": pod}
        assert departures_after_look().over_limit(pods, NAMES, ()) == ["peer-1", "peer-2"]


def test_peer_that_a_fault_took_does_not_count() -> None:
    """Our own doing is counted, and only that."""
    pods = sightings_without("peer-1", "peer-2")

    assert departures_after_look().over_limit(pods, NAMES, {"peer-1"}) == []
    assert departures_after_look().over_limit(sightings_without(*NAMES), NAMES, {"peer-1"}) == [
        "peer-2",
        "peer-3",
    ]


def test_running_pod_that_is_not_ready_for_a_moment_does_not_count() -> None:
    """A probe on a busy machine may come late; nobody has taken anything away."""
    slow = {name: Sighting(pod.uid, ready=False, leaving=False) for name, pod in WELL.items()}

    assert departures_after_look().over_limit(slow, NAMES, ()) == []


def test_peer_that_never_served_does_not_count() -> None:
    """Scaling up makes two at once."""
    departures = Departures()
    departures.over_limit({"peer-1": WELL["peer-1"]}, NAMES, ())

    assert departures.over_limit({"peer-1": WELL["peer-1"]}, NAMES, ()) == []


def test_peer_that_is_not_wanted_any_more_does_not_count() -> None:
    """Scaling down takes away what it shall; scaled up again, it has to serve first."""
    departures = departures_after_look()

    assert departures.over_limit(sightings_without("peer-2", "peer-3"), NAMES[:1], ()) == []
    assert departures.over_limit(sightings_without("peer-2", "peer-3"), NAMES, ()) == []


def test_successor_that_is_ready_is_the_peer_from_then_on() -> None:
    """It is away again when it is replaced itself."""
    departures = departures_after_look()
    departures.over_limit({**WELL, "peer-2": Sighting("b", ready=True, leaving=False)}, NAMES, ())
    unready = {**sightings_without("peer-1"), "peer-2": Sighting("b", ready=False, leaving=False)}
    replaced = {**sightings_without("peer-1"), "peer-2": Sighting("c", ready=False, leaving=False)}

    assert departures.over_limit(unready, NAMES, ()) == []
    assert departures.over_limit(replaced, NAMES, ()) == ["peer-1", "peer-2"]


def test_growth_is_that_of_the_largest_process() -> None:
    """Pods have other names in the end: those of the beginning were replaced."""
    assert growth({"a": 60.0, "b": 70.0}, {"c": 130.0, "d": 65.0}) == []
    assert growth({"a": 60.0, "b": 70.0}, {"c": 140.0, "d": 65.0}) == [
        "c occupies 140 MiB; 70 was the most at the first calm, and 64 more are allowed"
    ]


def test_nothing_is_left_over_of_peers_that_are_well() -> None:
    """As they are before the first fault."""
    assert unsettled([pod("peer-1"), pod("peer-2")], ("peer-1", "peer-2"), stateful_set(2)) == []


def test_what_is_left_over_is_named() -> None:
    """It is in the last lines of a run that does not become calm."""
    leaving = pod("peer-2")
    leaving["metadata"]["deletionTimestamp"] = "2026-11-29T12:00:00Z"
    pods = [pod("peer-1", ready="False"), leaving, pod("peer-4")]

    assert unsettled(pods, NAMES, stateful_set(3)) == [
        "peer-3 is not there",
        "peer-4 is still there",
        "peer-1 is not ready",
        "peer-2 is being deleted",
    ]


def test_rollout_that_is_under_way_is_left_over() -> None:
    """Also one that its controller has not seen yet."""
    between, unseen = stateful_set(1), stateful_set(1)
    between["status"]["updateRevision"] = "two"
    unseen["metadata"]["generation"] = 2

    assert unsettled([pod("peer-1")], ("peer-1",), between) == [
        "the StatefulSet is between two revisions"
    ]
    assert unsettled([pod("peer-1")], ("peer-1",), unseen) == [
        "the StatefulSet's controller has not seen its newest spec"
    ]


def test_stateful_set_with_other_replicas_is_left_over() -> None:
    """Its pods may not be there yet, or still be there."""
    assert unsettled([pod("peer-1")], ("peer-1",), stateful_set(2)) == [
        "the StatefulSet has 2 of 2 replicas; 1 is wanted"
    ]


def test_pod_without_conditions_is_not_ready() -> None:
    """It was just made."""
    assert not sighting({"metadata": {"uid": "a"}, "status": {}}).ready


def test_container_that_was_killed_for_its_memory_is_known() -> None:
    """By its last state when it runs again."""
    document = pod("peer-1")
    assert not out_of_memory(document)

    last = {"terminated": {"reason": "OOMKilled"}}
    document["status"]["containerStatuses"] = [{"state": {"running": {}}, "lastState": last}]
    assert out_of_memory(document)


def pod(name: str, ready: str = "True") -> dict[str, Any]:
    """A pod's document."""
    conditions = [{"type": "Ready", "status": ready}]
    return {"metadata": {"name": name, "uid": "a"}, "status": {"conditions": conditions}}


def stateful_set(replicas: int) -> dict[str, Any]:
    """A StatefulSet's document, at rest."""
    return {
        "metadata": {"generation": 1},
        "spec": {"replicas": replicas},
        "status": {
            "observedGeneration": 1,
            "replicas": replicas,
            "currentRevision": "one",
            "updateRevision": "one",
        },
    }
