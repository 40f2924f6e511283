from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from eureka_operator.core import names
from eureka_operator.core.kinds import (
    CHILDREN,
    CONFIG_MAP,
    DISRUPTION_BUDGET,
    POD,
    SERVICE,
    STATEFUL_SET,
)
from eureka_operator.core.observed import Observed, Ref
from eureka_operator.core.plan import (
    Abandon,
    Apply,
    Create,
    Delete,
    Plan,
    Refresh,
    Step,
    corrects_drift,
    kind_and_name,
    kind_of,
    name_of,
    plan,
)
from unit.operator.core.builders import ENVIRONMENT, NOW, cluster, observed, pod, pods, stateful_set
from unit.operator.core.world import settled

_STS = (STATEFUL_SET, "eureka-peer")
_CONFIG = (CONFIG_MAP, "eureka-config")


def _plan(seen: Observed) -> Plan:
    return plan(seen, ENVIRONMENT)


def _refs(found: Plan, kind: type[Step]) -> list[Ref]:
    return [kind_and_name(step) for step in found.steps if isinstance(step, kind)]


def test_everything_is_made_in_the_order_in_which_it_is_needed() -> None:
    """A pod that lacks its ConfigMap or its account is tried again only after a while."""
    tls = {"certManager": {"issuerRef": {"name": "shop"}}}
    found = _plan(observed(cluster({"monitoring": {"serviceMonitor": True}, "tls": tls})))
    kinds = [kind.kind for kind, _ in _refs(found, Create)]

    assert set(kinds) == {kind.kind for kind in CHILDREN}
    assert len(found.steps) == len(kinds) == 12
    assert max(kinds.index(kind) for kind in ("ServiceAccount", "ConfigMap")) < kinds.index(
        "StatefulSet"
    )
    assert not any(corrects_drift(step) for step in found.steps)


def test_quiet_cluster_costs_nothing() -> None:
    """No step, so no write."""
    world = settled()
    writes = world.writes
    for _ in range(5):
        world.tick()
        assert world.reconcile().steps == ()

    assert world.writes == writes


def test_deleted_child_is_made_again_and_said_to_have_been_deleted() -> None:
    """All children of this generation were there once."""
    world = settled()
    world.delete(_CONFIG)
    found = _plan(world.observe())

    assert _refs(found, Create) == [_CONFIG]
    assert corrects_drift(found.steps[0])


def test_child_of_a_new_generation_was_not_deleted() -> None:
    """Somebody asked for more peers."""
    world = settled()
    world.change({"replicas": 4})
    found = _plan(world.observe())

    assert _refs(found, Create) == [(SERVICE, "peer4")]
    assert not any(corrects_drift(step) for step in found.steps)


def test_child_that_could_not_be_made_was_not_deleted() -> None:
    """Other conditions of this generation may be true: only Reconciled says that all were there."""
    conditions = [
        {"type": "Reconciled", "status": "False", "observedGeneration": 1},
        {"type": "Progressing", "status": "True", "observedGeneration": 1},
    ]
    found = _plan(observed(cluster(status={"conditions": conditions})))

    assert _CONFIG in _refs(found, Create)
    assert not any(corrects_drift(step) for step in found.steps)


def test_peers_of_a_zone_run_on_its_nodes() -> None:
    """`nodeZone` may differ from the zone's name; a zone without it is bound to no node."""
    zones = [{"name": "a", "nodeZone": "eu-west-1a"}, {"name": "b"}]
    found = _plan(observed(cluster({"topology": {"zones": zones}})))
    pinned = {
        name_of(body): body["spec"]["template"]["spec"].get("nodeSelector")
        for body in found.objects
        if kind_of(body) is STATEFUL_SET
    }

    assert pinned == {
        "eureka-peer-a": {"topology.kubernetes.io/zone": "eu-west-1a"},
        "eureka-peer-b": None,
    }


def test_edited_field_is_put_right_and_named() -> None:
    """With whoever has it now."""
    world = settled()
    world.objects[_STS].edit(("f:spec", "f:minReadySeconds"), 0, "kubectl-edit")
    (step,) = _plan(world.observe()).steps

    assert isinstance(step, Apply)
    assert [str(each) for each in step.drift] == ["spec.minReadySeconds (by kubectl-edit)"]


def test_field_that_is_wanted_only_now_is_no_drift() -> None:
    """Nobody changed it: the spec did."""
    world = settled()
    world.change({"service": {"trafficDistribution": "PreferClose"}})
    (step,) = _plan(world.observe()).steps

    assert isinstance(step, Apply)
    assert step.drift == ()


def test_foreign_fields_are_left_alone() -> None:
    """Labels and annotations of people, cloud providers, other controllers."""
    world = settled()
    for managed in world.objects.values():
        managed.edit(("f:metadata", "f:labels", "f:team"), "a", "kubectl-label")
        managed.edit(("f:metadata", "f:annotations", "f:note"), "b", "kubectl-annotate")

    assert _plan(world.observe()).steps == ()


def test_edited_replicas_are_put_right_at_once() -> None:
    """Autoscalers have the EurekaCluster to scale."""
    world = settled()
    world.objects[_STS].edit(("f:spec", "f:replicas"), 1000, "kubectl")
    (step,) = _plan(world.observe()).steps

    assert isinstance(step, Apply)
    assert step.body["spec"]["replicas"] == 3
    assert [str(each) for each in step.drift] == ["spec.replicas (by kubectl)"]


def test_scale_down_that_waits_keeps_what_is_there() -> None:
    """The StatefulSet, and the alias Service of the peer that leaves."""
    world = settled()
    world.stuck |= {"eureka-peer-3"}
    world.change({"replicas": 2})
    found = world.reconcile()

    assert found.scales[0].now == 3
    assert (SERVICE, "peer3") not in _refs(found, Delete)
    assert "peer3" in found.peers.names.values()
    assert world.condition("Ready")["reason"] == "ScalingDown"


def test_scale_down_gives_up_waiting_after_a_minute() -> None:
    """And what belonged to the peer goes with it."""
    world = settled()
    world.stuck |= {"eureka-peer-3"}
    world.change({"replicas": 2})
    passes = world.settle(passes=80)

    assert passes > 60
    assert (SERVICE, "peer3") not in world.objects
    assert sorted(world.peers) == ["eureka-peer-1", "eureka-peer-2"]


def test_scale_to_zero_is_done_at_once() -> None:
    """There is nobody to wait for."""
    world = settled()
    world.stuck |= {"eureka-peer-3"}
    world.change({"replicas": 0})
    world.settle(passes=6)

    assert world.peers == {}
    assert world.status["phase"] == "Hibernated"
    assert (DISRUPTION_BUDGET, "eureka") not in world.objects


def test_foreign_object_is_no_child() -> None:
    """Nothing is planned for it, whatever label it has."""
    seen = observed(cluster(), foreign={(SERVICE, "peer2"): "it has no owner"})
    found = _plan(seen)

    assert (SERVICE, "peer2") not in [kind_and_name(step) for step in found.steps]
    assert "peer2" not in {each.name for each in found.peers.peers}


def test_child_that_is_not_wanted_any_more_is_deleted_by_uid() -> None:
    """Not one of the same name that somebody made in the meantime."""
    world = settled()
    uid = world.objects[DISRUPTION_BUDGET, "eureka"].uid
    world.change({"disruption": {"enabled": False}})

    assert _plan(world.observe()).steps == (Delete(DISRUPTION_BUDGET, "eureka", uid),)


def test_stateful_set_of_a_former_zone_goes_when_it_is_empty() -> None:
    """Its pods leave as in any scale-down; an orphan would keep running."""
    spec = {"replicas": 1, "topology": {"zones": [{"name": "a"}]}}
    running = observed(cluster(spec), stateful_set(0, "b", {"replicas": 1}))
    empty = observed(cluster(spec), stateful_set(0, "b", {"replicas": 0}))
    beginning = observed(cluster(spec), stateful_set(1, "b", {"replicas": 0}))

    assert (STATEFUL_SET, "eureka-peer-b") not in _refs(_plan(beginning), Delete)
    assert (STATEFUL_SET, "eureka-peer-b") not in _refs(_plan(running), Delete)
    assert (STATEFUL_SET, "eureka-peer-b") in _refs(_plan(empty), Delete)


def test_pods_are_nudged_once_for_each_configuration() -> None:
    """A changed annotation makes the kubelet look now; pods that go do not need it."""
    seen = observed(
        cluster({"replicas": 2}),
        pods=pods(pod("eureka-peer-1"), pod("eureka-peer-2", deleting_since=NOW)),
    )
    (step,) = (each for each in _plan(seen).steps if isinstance(each, Refresh))
    again = replace(seen, pods=pods(pod("eureka-peer-1", config_hash=step.hash)))

    assert step.pod == "eureka-peer-1"
    assert not _refs(_plan(again), Refresh)


def test_nudge_comes_after_the_configuration() -> None:
    """Else the kubelet would mount the old one, and look again after a minute."""
    world = settled()
    world.change({"logging": {"level": "DEBUG"}})
    found = [kind_and_name(step) for step in _plan(world.observe()).steps]

    assert found == [_CONFIG, *((POD, f"eureka-peer-{k}") for k in (1, 2, 3))]


def test_child_that_was_just_applied_is_not_applied_again() -> None:
    """What an API server prunes or fills in would be written for ever."""
    world = settled()
    world.objects[_STS].forget_managers()
    seen = world.observe()
    (step,) = _plan(seen).steps
    assert isinstance(step, Apply)
    metadata, mark = step.live["metadata"], step.body["metadata"]["annotations"]
    mark_now = {metadata["uid"]: (metadata["resourceVersion"], mark[names.DESIRED_HASH])}

    assert _plan(replace(seen, settled=mark_now)).steps == ()


@pytest.mark.parametrize(
    ("spec", "seconds", "abandoned"),
    [
        ({}, 31, True),
        ({}, 30, False),
        ({"snapshot": {"enabled": True, "volume": {}}}, 31, False),
    ],
)
def test_pod_on_a_lost_node_is_removed_half_a_minute_after_its_grace(
    spec: Any,  # noqa: ANN401 - JSON
    seconds: int,
    abandoned: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Not one with a volume: two pods must never have it at once."""
    leaving = pod("eureka-peer-1", deleting_since=NOW - timedelta(seconds=seconds))
    found = _plan(observed(cluster(spec), pods=pods(leaving)))

    assert (Abandon("eureka-peer-1", leaving.uid, "") in found.steps) is abandoned


def test_lost_node_costs_a_minute() -> None:
    """The peer comes back somewhere else, under its name."""
    world = settled()
    world.peers["eureka-peer-2"].lost = True
    world.kill("eureka-peer-2")
    world.settle(passes=80)

    assert "PeerAbandoned" in {event.reason for event in world.events}
    assert world.peers["eureka-peer-2"].own_name() == "peer2"
