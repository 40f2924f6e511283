from __future__ import annotations

from typing import Final

from eureka_operator.core.events import NORMAL, WARNING, Event, of_change, of_steps
from eureka_operator.core.kinds import CONFIG_MAP, SERVICE, STATEFUL_SET, Object
from eureka_operator.core.plan import Abandon, Delete, plan
from unit.operator.core.builders import ENVIRONMENT, cluster, observed
from unit.operator.core.world import World, settled

_STS = (STATEFUL_SET, "eureka-peer")
_HASH = ("f:metadata", "f:annotations", "f:eurekube.io/template-hash")


def _status(**conditions: tuple[str, str]) -> Object:
    """A status with these conditions: status and message."""
    found = [
        {"type": kind, "status": status, "message": message, "reason": "R", "observedGeneration": 1}
        for kind, (status, message) in conditions.items()
    ]
    return {"conditions": [{"type": "Ready", "status": "x", "message": ""}, *found]}


def test_first_pass_is_one_event() -> None:
    """Not ten."""
    (event,) = of_steps(plan(observed(cluster()), ENVIRONMENT).steps)

    assert (event.type, event.reason) == (NORMAL, "Created")
    assert event.message.startswith("ServiceAccount eureka, Service eureka-peers, Service eureka,")


def test_drift_is_told_with_object_field_and_manager() -> None:
    """Whoever reads it knows whom to ask."""
    world = settled()
    world.objects[SERVICE, "eureka"].edit(("f:spec", "f:type"), "NodePort", "kubectl-edit")
    world.reconcile()

    assert world.events == [
        Event(WARNING, "DriftCorrected", "Service eureka: put right spec.type (by kubectl-edit)")
    ]


def test_deleted_child_is_told() -> None:
    """The API server does not say who did it."""
    world = settled()
    world.delete((CONFIG_MAP, "eureka-config"))
    world.reconcile()

    assert (
        Event(
            WARNING, "DriftCorrected", "ConfigMap eureka-config was deleted; it was created again"
        )
        in world.events
    )


def test_scaling_is_told() -> None:
    """From how many to how many."""
    world = settled()
    world.change({"replicas": 5})
    world.reconcile()
    world.change({"replicas": 0})
    world.reconcile()
    told = [event for event in world.events if event.reason.startswith("Scaling")]

    assert told == [
        Event(NORMAL, "ScalingUp", "eureka-peer: 3 to 5 peers"),
        Event(NORMAL, "ScalingDown", "eureka-peer: 5 to 0 peers"),
    ]


def test_replicas_that_somebody_removed_are_put_right() -> None:
    """A pass that fails is tried again, and would fail again."""
    world = settled()
    world.objects[_STS].edit(("f:spec", "f:replicas"), None, "kubectl")
    world.reconcile()

    assert Event(NORMAL, "ScalingUp", "eureka-peer: 0 to 3 peers") in world.events
    assert world.objects[_STS]["spec"]["replicas"] == 3


def test_restart_is_told_before_it_happens() -> None:
    """Only if the template changed, not if somebody took its hash away."""
    world = settled()
    world.change({"image": {"tag": "2"}})
    world.reconcile()
    assert "RolloutStarted" in {event.reason for event in world.events}
    world.settle(240)

    world.events.clear()
    world.objects[_STS].edit(_HASH, None, "kubectl")
    world.reconcile()
    assert {event.reason for event in world.events} == {"DriftCorrected"}


def test_removed_objects_and_lost_pods_are_told() -> None:
    """The one is normal, the other is not."""
    found = of_steps([Delete(SERVICE, "peer3", "uid"), Abandon("eureka-peer-1", "uid", "node-1")])

    assert found == [
        Event(NORMAL, "Deleted", "Service peer3 is not wanted any more"),
        Event(
            WARNING,
            "PeerAbandoned",
            "removed pod eureka-peer-1 by force: node node-1 does not end it",
        ),
    ]


def _reasons(before: Object, after: Object) -> list[str]:
    return [event.reason for event in of_change(before, after)]


def test_what_lasts_is_told_once() -> None:
    """A status that is written for another reason brings no event back."""
    bad = _status(PeersConverged=("Unknown", "m"), Paused=("True", "m"), Stalled=("True", "m"))

    assert _reasons(_status(), bad) == ["Unreachable", "Paused", "R"]
    assert _reasons(bad, bad) == []


def test_new_reason_of_a_stall_is_told() -> None:
    """The first one was mended, and now something else is in the way."""
    assert _reasons(_status(Stalled=("True", "a")), _status(Stalled=("True", "b"))) == ["R"]


def test_end_of_a_pause_is_told() -> None:
    """Objects may change again."""
    assert _reasons(_status(Paused=("True", "m")), _status()) == ["Resumed"]


def test_configuration_in_force_is_told_if_it_was_not_before() -> None:
    """Not at the start, when it was unknown."""
    now = _status(ConfigSynced=("True", "m"))

    assert _reasons(_status(ConfigSynced=("False", "m")), now) == ["ConfigReloaded"]
    assert _reasons(_status(ConfigSynced=("Unknown", "m")), now) == []


def _degraded(generation: int) -> Object:
    after = _status(Degraded=("True", "2 of 3 peers are ready"))
    after["conditions"][0] |= {"status": "False", "observedGeneration": generation}
    return after


def test_missing_peer_is_told_if_nobody_asked_for_it() -> None:
    """While scaling up, fewer are ready than wanted, too."""
    before = _status()
    before["conditions"][0] |= {"status": "True", "observedGeneration": 1}

    assert _reasons(before, _degraded(1)) == ["Degraded"]
    assert _reasons(before, _degraded(2)) == []


def _peers(state: str) -> Object:
    return _status() | {"peers": [{"name": "peer3", "state": state}]}


def test_draining_is_told_once() -> None:
    """When it begins."""
    assert _reasons(_peers("Ready"), _peers("Draining")) == ["PeerDraining"]
    assert _reasons(_peers("Draining"), _peers("Draining")) == []


_PRESERVING: Final = _status() | {"registry": {"selfPreservation": True}}
_EXPIRING: Final = _status() | {"registry": {"selfPreservation": False}}


def test_self_preservation_is_told_when_it_begins_and_ends() -> None:
    """Leases outlive their instances then."""
    assert _reasons(_status(), _PRESERVING) == ["SelfPreservationOn"]
    assert _reasons(_PRESERVING, _EXPIRING) == ["SelfPreservationOff"]
    assert _reasons(_status(), _EXPIRING) == []


def test_ready_is_told_when_it_becomes_so() -> None:
    """Once."""
    world = World()
    world.settle()

    assert [event.reason for event in world.events].count("Ready") == 1
