"""Overrides for annotations: those that the operator made, and no others."""

from __future__ import annotations

from typing import Any, Final

import pytest

from eureka_operator.core.instances import Instance
from eureka_operator.core.pausing import (
    Changes,
    ClusterName,
    Lift,
    RegistryInstance,
    changes,
    inherited_override,
    is_concerned,
    new_pauses,
    pause_event,
    resume_event,
)
from eureka_operator.core.pods import Pod

PROD: Final = ClusterName("prod", "eureka")
SPARE: Final = ClusterName("spare", "eureka")
BOTH: Final = frozenset({PROD, SPARE})
NOTHING: Final = Changes(None, (), ())


def pod(*, paused: bool, record: str = "", uid: str = "uid-1") -> Pod:
    """A pod with these annotations."""
    return Pod(uid=uid, namespace="shop", name="orders-1", paused=paused, paused_by_operator=record)


def registry_instance(cluster: ClusterName = PROD, **rest: Any) -> RegistryInstance:  # noqa: ANN401 - fields of one type
    """Its instance, as a registry holds it: UP unless something else is said."""
    fields = {"app": "ORDERS", "id": "orders-1", "pod_uid": "uid-1", "pod": "orders-1"}
    return RegistryInstance(
        cluster, Instance(**{**fields, "namespace": "shop", "status": "UP", **rest})
    )


def overridden(cluster: ClusterName = PROD, status: str = "OUT_OF_SERVICE") -> RegistryInstance:
    """Its instance with an override."""
    return registry_instance(cluster, status=status, overridden=status)


def recorded(*instances: RegistryInstance) -> str:
    """The annotation once the operator has paused these."""
    found = changes(pod(paused=True), instances, BOTH)
    assert found.record
    return found.record


def test_paused_pod_is_recorded_and_overridden() -> None:
    """In every registry that holds it; the record comes first."""
    found = changes(pod(paused=True), [registry_instance(), registry_instance(SPARE)], BOTH)

    assert found.overrides == (registry_instance(), registry_instance(SPARE))
    assert found.record == (
        '{"uid":"uid-1","overrides":['
        '{"cluster":["prod","eureka"],"app":"ORDERS","id":"orders-1","was":"UP"},'
        '{"cluster":["spare","eureka"],"app":"ORDERS","id":"orders-1","was":"UP"}]}'
    )
    assert found.lifts == ()


def test_pod_that_is_paused_is_left_alone() -> None:
    """A turn in which nothing has changed writes nothing."""
    assert (
        changes(pod(paused=True, record=recorded(registry_instance())), [overridden()], BOTH)
        == NOTHING
    )


def test_override_that_the_registry_lost_is_made_again() -> None:
    """It was started anew, and the sidecar registered before its kubelet told it of the pause."""
    found = changes(
        pod(paused=True, record=recorded(registry_instance())), [registry_instance()], BOTH
    )

    assert found == Changes(None, (registry_instance(),), ())


def test_lifted_annotation_lifts_what_is_on_record() -> None:
    """The record is erased once the registry shows it."""
    record = recorded(registry_instance())

    first = changes(pod(paused=False, record=record), [overridden()], BOTH)
    then = changes(pod(paused=False, record=record), [registry_instance()], BOTH)

    assert first == Changes(None, (), (Lift(overridden(), "UP"),))
    assert then == Changes("", (), ())
    assert changes(pod(paused=False), [registry_instance()], BOTH) == NOTHING


def test_override_that_was_there_before_is_not_lifted() -> None:
    """Somebody made it by hand."""
    assert changes(pod(paused=True), [overridden()], BOTH) == NOTHING
    assert changes(pod(paused=True), [overridden(status="DOWN")], BOTH) == NOTHING
    assert changes(pod(paused=False), [overridden()], BOTH) == NOTHING


def test_override_of_the_sidecar_is_on_record_and_lifted() -> None:
    """It was quicker than we; it may be down when the annotation is removed."""
    claimed = new_pauses([overridden()], [registry_instance()], BOTH)
    paused = changes(pod(paused=True), [overridden()], BOTH, claimed)
    assert paused.record

    resumed = changes(pod(paused=False, record=paused.record), [overridden()], BOTH)

    assert paused == Changes(recorded(registry_instance()), (), ())
    assert resumed.lifts == (Lift(overridden(), "UP"),)


def test_override_that_a_lease_begins_with_is_the_sidecars() -> None:
    """The pod was made with the annotation. What the instance would be without, nobody knows."""
    claimed = new_pauses([overridden()], [], BOTH)
    record = changes(pod(paused=True), [overridden()], BOTH, claimed).record
    assert record

    (lift,) = changes(pod(paused=False, record=record), [overridden()], BOTH).lifts

    assert lift.status == "UNKNOWN"


def test_override_that_was_there_when_the_pod_was_paused_has_not_appeared() -> None:
    """Nor has one in a registry that is read for the first time: it may be older."""
    assert new_pauses([overridden()], [overridden()], BOTH) == []
    assert new_pauses([overridden()], [], frozenset({SPARE})) == []
    assert new_pauses([overridden(status="DOWN")], [registry_instance()], BOTH) == []
    assert new_pauses([registry_instance()], [], BOTH) == []


def test_what_is_on_record_is_not_changed_by_a_claim() -> None:
    """Our own override appears, too, one turn after it was made."""
    record = recorded(registry_instance())
    claimed = new_pauses([overridden()], [registry_instance(status="DOWN")], BOTH)

    assert changes(pod(paused=True, record=record), [overridden()], BOTH, claimed) == NOTHING


def test_override_that_a_successor_has_inherited_is_lifted() -> None:
    """It registered under the id of a paused pod that is gone: a registry keeps overrides."""
    found = changes(pod(paused=False), [overridden()], BOTH, [inherited_override(overridden())])

    assert found.lifts == (Lift(overridden(), "UNKNOWN"),)
    assert found.record
    assert changes(pod(paused=False, record=found.record), [registry_instance()], BOTH).record == ""


def test_override_by_hand_in_one_registry_stays_when_the_other_is_resumed() -> None:
    """The record is of instances, not of the pod."""
    by_hand = overridden(SPARE)
    record = recorded(registry_instance(), by_hand)

    found = changes(pod(paused=False, record=record), [overridden(), by_hand], BOTH)

    assert found.lifts == (Lift(overridden(), "UP"),)


def test_override_that_took_the_place_of_ours_is_not_lifted() -> None:
    """Somebody decided otherwise meanwhile."""
    found = changes(
        pod(paused=False, record=recorded(registry_instance())), [overridden(status="DOWN")], BOTH
    )

    assert found == Changes("", (), ())


@pytest.mark.parametrize(
    "record",
    ["{", "null", "7", "{}", '{"uid":"uid-1"}', '{"uid":"uid-1","overrides":[{"app":1}]}', "[]"],
)
def test_record_that_cannot_be_read_is_none(record: str) -> None:
    """Anybody may write annotations; it is put right."""
    resumed = changes(pod(paused=False, record=record), [overridden()], BOTH)

    assert resumed == Changes("", (), ())


def test_record_of_another_pod_is_none() -> None:
    """Annotations are copied (`kubectl debug --copy-to`), or written to a name's next holder."""
    copied = pod(paused=False, record=recorded(registry_instance()), uid="uid-2")

    assert changes(copied, [overridden()], BOTH) == Changes("", (), ())


def test_record_of_a_registry_that_was_not_read_stays() -> None:
    """It is lifted there when it answers again."""
    record = recorded(registry_instance(), registry_instance(SPARE))
    one = frozenset({PROD})

    found = changes(pod(paused=False, record=record), [registry_instance()], one)

    assert found.record is not None
    assert "spare" in found.record
    assert "prod" not in found.record
    assert changes(pod(paused=False, record=found.record), [registry_instance()], one) == NOTHING


def test_record_outlives_a_lease_for_as_long_as_the_pod_is_paused() -> None:
    """The registry is down, or the application starts; then the sidecar registers again."""
    record = recorded(registry_instance())

    assert changes(pod(paused=True, record=record), [], BOTH) == NOTHING
    assert changes(pod(paused=False, record=record), [], BOTH) == Changes("", (), ())


@pytest.mark.parametrize(
    ("was", "shown", "after"),
    [
        ("UP", "OUT_OF_SERVICE", "UP"),
        ("DOWN", "OUT_OF_SERVICE", "UNKNOWN"),
        ("STARTING", "OUT_OF_SERVICE", "UNKNOWN"),
        ("UP", "DOWN", "DOWN"),
        ("DOWN", "DOWN", "DOWN"),
    ],
)
def test_status_after_a_pause_is_never_better_than_the_truth(
    was: str, shown: str, after: str
) -> None:
    """A registration as DOWN shows through an override; with UNKNOWN the sidecar registers anew."""
    record = recorded(registry_instance(status=was))
    now = registry_instance(status=shown, overridden="OUT_OF_SERVICE")

    (lift,) = changes(pod(paused=False, record=record), [now], BOTH).lifts

    assert lift.status == after


def test_status_on_record_is_that_of_the_last_override() -> None:
    """The application failed since, and the registry had lost the override."""
    paused = pod(paused=True, record=recorded(registry_instance()))
    record = changes(paused, [registry_instance(status="DOWN")], BOTH).record
    assert record

    (lift,) = changes(pod(paused=False, record=record), [overridden()], BOTH).lifts

    assert lift.status == "UNKNOWN"


def test_instance_that_is_out_of_service_by_itself_gets_no_override() -> None:
    """A registry makes none that changes nothing, so it would be asked for ever."""
    assert changes(pod(paused=True), [registry_instance(status="OUT_OF_SERVICE")], BOTH) == NOTHING


def test_most_pods_concern_nobody() -> None:
    """Their instances are not looked for."""
    assert not is_concerned(pod(paused=False))
    assert is_concerned(pod(paused=True))
    assert is_concerned(pod(paused=False, record="{}"))


def test_events_name_instance_and_cluster() -> None:
    """They are read with `kubectl describe pod`."""
    lift = Lift(overridden(), "UP")

    assert pause_event(registry_instance()).message == (
        "ORDERS/orders-1 is OUT_OF_SERVICE in EurekaCluster prod/eureka: the pod has the"
        " annotation eurekube.io/paused"
    )
    assert resume_event(lift).message == (
        "ORDERS/orders-1 is no longer paused in EurekaCluster prod/eureka"
    )
