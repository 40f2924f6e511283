from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from eureka_operator.api.check import Problem
from eureka_operator.core.conditions import Failure
from eureka_operator.core.kinds import DISRUPTION_BUDGET, SERVICE, Object
from eureka_operator.core.observed import Observed
from eureka_operator.core.plan import plan
from eureka_operator.core.pods import Node
from eureka_operator.core.status import invalid_status, is_paused, is_same, only_differs, status
from unit.operator.core.builders import (
    ENVIRONMENT,
    NOW,
    NOW_TEXT,
    ZONES,
    alias,
    cluster,
    observed,
    own,
    pod,
    pods,
    report,
    stateful_set,
    url,
    view,
)
from unit.operator.core.world import World, settled


def _status(seen: Observed, *failures: Failure) -> Any:  # noqa: ANN401 - JSON
    return status(seen, plan(seen, ENVIRONMENT), ENVIRONMENT, failures)


def _condition(found: Object, kind: str) -> Any:  # noqa: ANN401 - JSON
    return next(each for each in found["conditions"] if each["type"] == kind)


def _peer(seen: Observed) -> Any:  # noqa: ANN401 - JSON
    return _status(seen)["peers"][0]


def test_first_status_has_ready() -> None:
    """Tools take an object without it for one that is well."""
    world = World()
    world.reconcile()

    assert world.condition("Ready")["status"] == "False"
    assert world.condition("Ready")["observedGeneration"] == 1
    assert world.status["phase"] == "Creating"


def test_status_of_three_peers_that_agree() -> None:
    """What `kubectl get -o yaml` shows."""
    found = settled().status
    first = found["peers"][0]

    assert (found["phase"], found["replicas"], found["readyReplicas"]) == ("Ready", 3, 3)
    assert found["updatedReplicas"] == 3
    assert (found["version"], found["operatorVersion"]) == ("0.1.0", "0.1.0")
    assert found["selector"].endswith("eurekube.io/cluster=eureka")
    assert (first["name"], first["index"], first["state"]) == ("peer1", 1, "Ready")
    assert (first["url"], first["configHash"]) == (url(1), found["configHash"])


def test_ready_belongs_to_the_generation_that_it_is_about() -> None:
    """`kubectl wait` right after a change must not see the old one."""
    world = settled()
    world.change({"replicas": 5})
    world.reconcile()

    assert world.condition("Ready")["status"] == "False"
    assert world.condition("Ready")["observedGeneration"] == 2
    assert world.status["observedGeneration"] == 2


def test_ready_waits_for_the_wanted_list() -> None:
    """All pods are ready before all peers have read who is there."""
    world = settled()
    world.change({"replicas": 4})
    reasons = set()
    for _ in range(20):
        world.reconcile()
        if world.status["readyReplicas"] == 4:
            reasons.add(world.condition("Ready")["reason"])
        world.tick()

    assert reasons >= {"PeersDiffer", "Converged"}


def test_status_is_written_only_when_it_says_something_new() -> None:
    """Each write goes to etcd and to everybody who watches."""
    world = settled()
    before, writes = world.status, world.writes
    world.now += timedelta(days=1)
    world.reconcile()

    assert world.status is before
    assert world.writes == writes


def test_lists_of_a_status_have_no_order() -> None:
    """The API server may keep them in another one."""
    found = settled().status
    turned = {**found, "peers": found["peers"][::-1], "conditions": found["conditions"][::-1]}

    assert is_same(found, turned)
    assert not is_same(found, {**found, "phase": "Failed"})
    assert not is_same(found, {**found, "peers": found["peers"][1:]})
    assert is_same({}, {})


def _holding(instances: int, before: Object, seconds: float = 0.0) -> Any:  # noqa: ANN401 - JSON
    seen = observed(
        cluster({"replicas": 2}, status=before),
        pods=pods(pod("eureka-peer-1"), pod("eureka-peer-2")),
        reports={
            "eureka-peer-1": report(instances=instances, applications={"A": "1", "B": "2"}),
            "eureka-peer-2": report(instances=1, preserving=True),
        },
    )
    return _status(replace(seen, now=NOW + timedelta(seconds=seconds)))


def test_contents_are_sampled_at_most_every_half_minute() -> None:
    """Instances come and go all the time."""
    first = _holding(5, _holding(5, {}))

    assert first["registry"] == {
        "applications": 2,
        "instances": 5,
        "selfPreservation": True,
        "sampledAt": NOW_TEXT,
    }
    assert _holding(6, first, 29) == first
    assert _holding(6, first, 30)["registry"] == first["registry"] | {
        "instances": 6,
        "sampledAt": "2026-11-28T12:00:30Z",
    }


def test_contents_are_sampled_when_the_status_is_written_anyhow() -> None:
    """What is written with Ready is what the peers hold when they agree: no second write."""
    first = _holding(5, _holding(5, {}))

    assert _holding(6, {**first, "phase": "Hibernated"}, 1)["registry"]["instances"] == 6


def test_contents_that_did_not_change_are_not_sampled() -> None:
    """The time alone is no news."""
    first = _holding(5, _holding(5, {}))

    assert _holding(5, first, 3600) == first


def test_contents_stay_as_they_were_while_nobody_answers() -> None:
    """Zero instances would be wrong."""
    before = _holding(5, {})["registry"]
    seen = observed(cluster(status={"registry": before, "version": "0.1.0"}))

    assert _status(seen)["registry"] == before
    assert _status(seen)["version"] == "0.1.0"


@pytest.mark.parametrize(
    ("fields", "says", "expected"),
    [
        ({}, report(), "Ready"),
        ({}, "timed out", "Unreachable"),
        ({"ready": False}, report(), "Syncing"),
        ({"ready": False, "trouble": "CrashLoopBackOff"}, report(), "Failed"),
        ({"ready": False, "ip": ""}, None, "Pending"),
        ({"ready": False, "ip": "", "trouble": "no node fits"}, None, "Pending"),
        ({"ready": False, "ip": "", "trouble": "no image", "node": "n"}, None, "Failed"),
    ],
)
def test_state_of_a_peer(fields: dict[str, Any], says: Any, expected: str) -> None:  # noqa: ANN401
    """From its pod and from what it says."""
    seen = observed(
        cluster(),
        pods=pods(pod("eureka-peer-1", **fields)),
        reports={} if says is None else {"eureka-peer-1": says},
    )

    assert _peer(seen)["state"] == expected


def test_peer_without_a_pod_is_pending() -> None:
    """Its name and its URL are known before."""
    found = _peer(observed(cluster()))

    assert found == {
        "name": "peer1",
        "index": 1,
        "url": url(1),
        "state": "Pending",
        "since": NOW_TEXT,
    }


def test_peer_that_leaves_is_draining() -> None:
    """The time since when bounds how long it is waited for."""
    peers = [{"name": "peer1", "state": "Draining", "since": "2026-11-28T11:59:00Z"}]
    seen = observed(
        cluster({"replicas": 0}, status={"peers": peers}),
        alias(1, "eureka-peer-1"),
        pods=pods(pod("eureka-peer-1")),
    )

    assert (_peer(seen)["state"], _peer(seen)["since"]) == ("Draining", peers[0]["since"])


def test_time_of_a_state_stays_until_another_state() -> None:
    """It is not the time of the last look."""
    peers = [{"name": "peer1", "state": "Pending", "since": "earlier"}]
    running = pods(pod("eureka-peer-1", ready=False))
    owner = cluster(status={"peers": peers})

    assert _peer(observed(owner))["since"] == "earlier"
    assert _peer(observed(owner, pods=running))["since"] == NOW_TEXT


def test_backlog_counts_only_what_is_stuck() -> None:
    """Under load something is always on its way, and the status would never rest."""
    views = [
        {"url": view(2).url, "backlog": 5, "lagMs": 5000},
        {"url": view(3).url, "backlog": 7, "lagMs": 5001},
    ]
    seen = observed(
        cluster(),
        pods=pods(pod("eureka-peer-1")),
        reports={"eureka-peer-1": report(peers=views)},
    )

    assert _peer(seen)["replicationBacklog"] == 7


def test_endpoints_are_for_pasting() -> None:
    """`defaultZone` is what Spring's `eureka.client.serviceUrl.defaultZone` takes."""
    found = _status(observed(cluster({"replicas": 2, "peers": {"contextPath": "/a"}})))["endpoints"]
    host = "prod.svc.cluster.local:8761/a/eureka/"

    assert found == {
        "internal": f"http://eureka.{host}",
        "defaultZone": f"http://peer1.{host},http://peer2.{host}",
    }


def test_zones_have_their_own_peers_first() -> None:
    """A client tries the URLs in this order."""
    found = _status(observed(cluster({"replicas": 3} | ZONES)))["endpoints"]

    assert found["zones"] == {
        "a": f"{url(1)},{url(3)},{url(2)}",
        "b": f"{url(2)},{url(1)},{url(3)}",
    }


@pytest.mark.parametrize("ingress", [{"ip": "192.0.2.1"}, {"hostname": "192.0.2.1", "ip": "x"}])
def test_load_balancer_is_an_endpoint_once_it_has_an_address(ingress: Object) -> None:
    """Before, there is nothing that could be pasted."""
    ref, body = own(SERVICE, "eureka")
    balanced = {**body, "status": {"loadBalancer": {"ingress": [ingress]}}}

    assert _status(observed(cluster(), (ref, balanced)))["endpoints"]["external"] == (
        "http://192.0.2.1:8761/eureka/"
    )
    assert "external" not in _status(observed(cluster(), (ref, body)))["endpoints"]


def test_failure_is_said_and_what_runs_is_still_seen() -> None:
    """A taken name stops nobody."""
    found = _status(settled().observe(), Failure("NameTaken", "Service peer2 is there"))

    assert found["phase"] == "Failed"
    assert _condition(found, "Ready")["reason"] == "NameTaken"
    assert _condition(found, "Stalled")["status"] == "True"
    assert _condition(found, "Available")["status"] == "True"


def test_pods_that_cannot_be_made_are_explained() -> None:
    """A quota, Pod Security, a webhook: nobody looks at the StatefulSet's events by himself."""
    seen = observed(cluster(), stateful_set(3), pod_creation_error="exceeded quota")

    assert "peer1, peer2, peer3: exceeded quota" in _condition(_status(seen), "Ready")["message"]
    assert "exceeded quota" in _condition(_status(seen), "Available")["message"]


def test_peer_of_a_lost_node_is_unreachable_and_names_the_node() -> None:
    """It may well still run: nobody knows."""
    seen = observed(
        cluster({"replicas": 1}),
        stateful_set(1, status={"observedGeneration": 1}),
        pods=pods(pod("eureka-peer-1", ready=False, node="n1", trouble="Unknown")),
        nodes={"n1": Node(name="n1", ready=False)},
    )
    found = _status(seen)

    assert _peer(seen)["state"] == "Unreachable"
    assert _condition(found, "Degraded")["message"] == (
        "0 of 1 peers are ready; peer1: Unknown; node n1 is not ready; "
        "its pod is deleted if it stays so"
    )


def test_peer_that_is_not_ready_says_why() -> None:
    """Its own sentence, while it answers."""
    seen = observed(
        cluster({"replicas": 2}),
        stateful_set(2, status={"observedGeneration": 1}),
        pods=pods(pod("eureka-peer-1", ready=False), pod("eureka-peer-2", ready=False)),
        reports={"eureka-peer-1": report(why="copies the registry")},
    )
    found = _status(seen)

    assert _condition(found, "Degraded")["message"] == (
        "0 of 2 peers are ready; peer1: copies the registry; peer2: starting"
    )


def test_rolling_update_is_progress() -> None:
    """With how far it is."""
    world = settled()
    world.change({"image": {"tag": "2"}})
    phases, said = set(), set()
    for _ in range(120):
        world.reconcile()
        phases.add(world.status["phase"])
        said.add(world.condition("Progressing")["message"])
        world.tick()

    assert phases >= {"Updating", "Ready"}
    assert any(text.startswith("1 of 3 peers have the new template; ") for text in said)
    assert {each.revision for each in world.peers.values()} == {
        world.peers["eureka-peer-1"].revision
    }


@pytest.mark.parametrize("by_annotation", [True, False])
def test_paused_object_is_only_watched(by_annotation: bool) -> None:  # noqa: FBT001 - a parameter
    """Nothing is repaired until somebody says so; the status goes on."""
    world = settled()
    if by_annotation:
        world.annotate(paused="true")
    else:
        world.change({"paused": True})
    world.delete((DISRUPTION_BUDGET, "eureka"))
    world.kill("eureka-peer-1")
    world.reconcile()

    assert (DISRUPTION_BUDGET, "eureka") not in world.objects
    assert world.status["phase"] == "Paused"
    assert world.condition("Paused")["status"] == "True"
    assert world.status["readyReplicas"] == 2

    world.annotate(paused="false")
    world.change({"paused": False})
    world.settle()
    assert (DISRUPTION_BUDGET, "eureka") in world.objects
    assert world.condition("Paused") == {}


def test_pause_has_two_switches() -> None:
    """The annotation takes nothing but `true`."""
    assert is_paused(cluster({"paused": True}))
    assert is_paused(cluster(annotations={"eurekube.io/paused": "true"}))
    assert not is_paused(cluster(annotations={"eurekube.io/paused": "no"}))


def test_peers_out_of_reach_do_not_hold_up_ready_with_skip_convergence() -> None:
    """Somebody decided that a NetworkPolicy is to stay."""
    world = settled()
    world.silent |= world.peers.keys()
    world.reconcile()
    assert world.condition("Ready")["status"] == "Unknown"

    world.annotate(skip_convergence="true")
    world.reconcile()
    assert world.condition("Ready")["status"] == "True"


def test_repaired_child_leaves_ready_alone() -> None:
    """Peers did not notice; an alert on Ready would be a false one."""
    world = settled()
    world.delete((DISRUPTION_BUDGET, "eureka"))
    world.objects[SERVICE, "eureka"].edit(("f:spec", "f:type"), "NodePort", "kubectl")
    before = world.condition("Ready")
    world.reconcile()

    assert world.condition("Ready")["status"] == before["status"] == "True"


def test_object_that_cannot_be_read_keeps_what_was_said_of_its_peers() -> None:
    """They run on; only what is wrong is new."""
    world = settled()
    world.document["metadata"]["generation"] = 2
    problems = (Problem("spec.replicas", "write 9 or less"), Problem("spec.a", "b"))
    found = invalid_status(world.document, problems, NOW)
    said = _condition(found, "Ready")

    assert found["peers"] == world.status["peers"]
    assert (found["phase"], found["observedGeneration"]) == ("Failed", 2)
    assert (said["status"], said["reason"], said["observedGeneration"]) == (
        "False",
        "InvalidSpec",
        2,
    )
    assert said["message"].startswith("spec.replicas: write 9 or less; spec.a: b. Nothing was")
    assert _condition(found, "Stalled")["status"] == "True"
    assert _condition(found, "Available")["status"] == "True"
    assert "Reconciling" not in {each["type"] for each in found["conditions"]}


def test_object_that_was_never_read_has_a_status_too() -> None:
    """It was bad from the start."""
    found = invalid_status({"metadata": {"generation": 1}}, (Problem("spec", "missing"),), NOW)

    assert [each["type"] for each in found["conditions"]] == ["Ready", "Reconciled", "Stalled"]


def _with_ready(status: str, reason: str, generation: int = 1) -> Object:
    ready = {"type": "Ready", "status": status, "reason": reason, "observedGeneration": generation}
    return {"conditions": [ready]}


@pytest.mark.parametrize(
    ("before", "after", "may_pass"),
    [
        (_with_ready("True", "Converged"), _with_ready("False", "PeersDiffer"), True),
        (_with_ready("True", "Converged"), _with_ready("False", "PeersNotReady"), False),
        (_with_ready("True", "Converged"), _with_ready("False", "PeersDiffer", 2), False),
        (_with_ready("False", "ScalingUp"), _with_ready("False", "PeersDiffer"), False),
        ({}, _with_ready("False", "PeersDiffer"), False),
    ],
    ids=["load", "peer lost", "other spec", "not ready before", "first status"],
)
def test_only_peers_that_agreed_may_differ_for_moments(
    before: Object, after: Object, *, may_pass: bool
) -> None:
    """Under many registrations digests are behind; Ready would flap."""
    assert only_differs(before, after) is may_pass
