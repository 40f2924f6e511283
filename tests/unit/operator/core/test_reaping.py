"""When a lease is removed for its pod, and above all when it is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import pytest

from eureka_operator.core.instances import Instance
from eureka_operator.core.pods import Node, Pod
from eureka_operator.core.reaping import (
    Budget,
    ClusterState,
    Reason,
    Removal,
    confirm,
    event,
    missing_nodes,
    removals,
)

NOW: Final = datetime(2026, 11, 28, 12, tzinfo=UTC)
OTHER: Final = Pod(uid="uid-other", namespace="shop", name="other", node="node-1")
"""A pod that is there, so that the list is not empty."""


def instance(number: int = 1, **rest: Any) -> Instance:  # noqa: ANN401 - fields of one type
    """What a sidecar has registered."""
    fields = {
        "app": "ORDERS",
        "id": f"orders-{number}.shop:orders:8080",
        "pod_uid": f"uid-{number}",
        "pod": f"orders-{number}",
        "namespace": "shop",
        "cluster_uid": "cluster-1",
        "status": "UP",
    }
    return Instance(**{**fields, **rest})


def pod(number: int = 1, **rest: Any) -> Pod:  # noqa: ANN401 - fields of different types
    """Its pod."""
    fields = {"uid": f"uid-{number}", "namespace": "shop", "name": f"orders-{number}"}
    return Pod(**{**fields, "phase": "Running", "node": "node-1", **rest})


def known(*pods: Pod, **rest: Any) -> ClusterState:  # noqa: ANN401 - fields of different types
    """A Kubernetes with these pods and one more, and a node that is ready."""
    fields = {
        "now": NOW,
        "cluster_uid": "cluster-1",
        "pods": {each.uid: each for each in (*pods, OTHER)},
        "nodes": {"node-1": Node(name="node-1")},
    }
    return ClusterState(**{**fields, **rest})


def reasons(*found: Removal) -> list[Reason]:
    """Why they are to be removed."""
    return [each.reason for each in found]


def test_lease_of_a_pod_that_is_gone_is_removed() -> None:
    """It was deleted by force, or its sidecar was killed before it could."""
    (found,) = removals([instance()], known())

    assert (found.reason, found.instance, found.node) == (Reason.POD_GONE, instance(), "")
    assert event(found).message == (
        "removed the lease of ORDERS/orders-1.shop:orders:8080:"
        " its pod shop/orders-1 (uid uid-1) is gone"
    )


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_lease_of_a_pod_that_has_ended_for_good_is_removed(phase: str) -> None:
    """A Job's pod, or one that was evicted: the object stays."""
    assert reasons(*removals([instance()], known(pod(phase=phase)))) == [Reason.POD_FINISHED]


@pytest.mark.parametrize("phase", ["Running", "Pending", "Unknown", ""])
@pytest.mark.parametrize("deleting", [False, True])
def test_pod_that_is_there_keeps_its_lease(phase: str, deleting: bool) -> None:  # noqa: FBT001
    """Also while the kubelet starts its containers again, and while it ends: its sidecar sees."""
    assert removals([instance()], known(pod(phase=phase, deleting=deleting))) == []


@pytest.mark.parametrize(
    "foreign",
    [
        instance(cluster_uid="cluster-2"),
        instance(cluster_uid=""),
    ],
)
def test_pod_of_another_kubernetes_is_not_ours_to_judge(foreign: Instance) -> None:
    """Several share a registry, and of those without a mark nobody knows where they run."""
    assert removals([foreign], known()) == []


@pytest.mark.parametrize(
    "nothing",
    [
        known(cluster_uid=""),
        known(pods={}),
    ],
)
def test_nothing_follows_from_what_was_not_read(nothing: ClusterState) -> None:
    """An empty list is what a failure looks like; an empty mark would match an empty mark."""
    assert removals([instance(), instance(2, cluster_uid="")], nothing) == []


def test_only_namespaces_that_are_watched_are_judged() -> None:
    """An operator of single namespaces sees no pods of others."""
    elsewhere = instance(2, namespace="other")
    found = removals([instance(), elsewhere], known(namespaces=frozenset({"shop"})))

    assert [each.instance for each in found] == [instance()]


def test_node_that_is_gone_has_to_be_away_for_a_while() -> None:
    """A kubelet whose node somebody deleted makes it anew, and its pods run on."""
    lost = pod(node="node-2")
    at_once = known(lost, missing={"node-2": NOW})
    since = {"node-2": NOW - timedelta(seconds=40)}

    assert removals([instance()], at_once) == []
    assert removals([instance()], known(lost)) == []
    assert reasons(*removals([instance()], known(lost, missing=since))) == [Reason.NODE_GONE]


def test_nodes_that_cannot_be_read_are_not_gone() -> None:
    """An operator of single namespaces may not read them."""
    since = {"node-2": NOW - timedelta(hours=1)}
    lost = pod(node="node-2")

    assert removals([instance()], known(lost, nodes=None, missing=since)) == []
    assert removals([instance()], known(pod(node=""), nodes={}, missing={"": NOW})) == []


@pytest.mark.parametrize(
    ("ready", "silent_s", "tainted", "removed"),
    [
        (False, 10, True, True),
        (False, 9, True, False),
        (False, 3600, False, False),
        (True, 3600, True, False),
        (False, None, True, False),
    ],
)
def test_node_is_lost_if_it_is_silent_and_people_say_it_is_off(
    ready: bool,  # noqa: FBT001
    silent_s: int | None,
    tainted: bool,  # noqa: FBT001
    removed: bool,  # noqa: FBT001
) -> None:
    """Cut off from the API server alone, its pods still serve."""
    since = None if silent_s is None else NOW - timedelta(seconds=silent_s)
    node = Node(name="node-1", ready=ready, since=since, out_of_service=tainted)
    found = removals([instance()], known(pod(), nodes={"node-1": node}))

    assert reasons(*found) == ([Reason.NODE_OUT_OF_SERVICE] if removed else [])


def test_what_is_still_called_is_removed_first() -> None:
    """There may be a limit before the others have their turn."""
    found = removals([instance(1, status="DOWN"), instance(3), instance(2)], known())

    assert [each.instance.pod for each in found] == ["orders-2", "orders-3", "orders-1"]


def test_second_look_that_finds_the_same_confirms() -> None:
    """With the name free, or held by a successor (a StatefulSet's) that cannot register."""
    (proposed,) = removals([instance()], known())
    waiting = pod(9, name="orders-1", node="")
    ended = pod(9, name="orders-1", phase="Failed")

    assert confirm(proposed, instance(), None, None, known()) == proposed
    assert confirm(proposed, instance(), waiting, None, known()) == proposed
    assert confirm(proposed, instance(), ended, None, known()) == proposed


def test_lease_that_a_successor_is_about_to_take_over_stays() -> None:
    """It registers under the same id: what we remove may be its lease by then."""
    (proposed,) = removals([instance()], known())

    assert confirm(proposed, instance(), pod(9, name="orders-1"), None, known()) is None


@pytest.mark.parametrize(
    ("record", "now"),
    [
        (None, None),
        (instance(pod_uid="uid-9"), None),
        (instance(cluster_uid="cluster-2"), None),
        (instance(), pod()),
        (instance(), pod(deleting=True)),
    ],
)
def test_second_look_that_finds_something_else_refutes(
    record: Instance | None, now: Pod | None
) -> None:
    """The lease is gone, or its pod's successor has it, or the pod is there and was not listed."""
    (proposed,) = removals([instance()], known())

    assert confirm(proposed, record, now, None, known()) is None


def test_second_look_at_a_node() -> None:
    """It may have come back in the meantime."""
    off = Node(name="node-1", ready=False, since=NOW - timedelta(minutes=1), out_of_service=True)
    seen = known(pod(), nodes={"node-1": off})
    (proposed,) = removals([instance()], seen)

    assert proposed.node == "node-1"
    assert confirm(proposed, instance(), pod(), off, seen) == proposed
    assert confirm(proposed, instance(), pod(), Node(name="node-1"), seen) is None
    assert confirm(proposed, instance(), pod(), None, seen) is None


def test_second_look_at_a_node_that_is_gone() -> None:
    """Not one request fewer than for a pod."""
    seen = known(pod(node="node-2"), missing={"node-2": NOW - timedelta(minutes=1)})
    (proposed,) = removals([instance()], seen)
    there = Node(name="node-2")

    assert confirm(proposed, instance(), pod(node="node-2"), None, seen) == proposed
    assert confirm(proposed, instance(), pod(node="node-2"), there, seen) is None


def test_second_look_goes_by_the_reason_of_that_moment() -> None:
    """The event says what is true."""
    (proposed,) = removals([instance()], known(pod(phase="Failed")))

    found = confirm(proposed, instance(), None, None, known())

    assert found is not None
    assert found.reason is Reason.POD_GONE


def test_missing_nodes_are_remembered_until_they_are_back() -> None:
    """By the pods that are on them."""
    pods = [pod(1), pod(2, node="node-2"), pod(3, node="")]
    nodes = {"node-1": Node(name="node-1")}
    before = missing_nodes({}, pods, nodes, NOW)
    later = NOW + timedelta(minutes=1)

    assert before == {"node-2": NOW}
    assert missing_nodes(before, pods, nodes, later) == {"node-2": NOW}
    assert missing_nodes(before, pods, nodes | {"node-2": Node(name="node-2")}, later) == {}


@pytest.mark.parametrize("nodes", [None, {}])
def test_no_node_is_missing_where_none_is_read(nodes: dict[str, Node] | None) -> None:
    """A list of none at all is a failure: pods are on some."""
    assert missing_nodes({}, [pod()], nodes, NOW) == {}


@pytest.mark.parametrize(("leases", "most"), [(0, 5), (6, 5), (39, 5), (40, 6), (100, 15)])
def test_share_of_a_minute(leases: int, most: int) -> None:
    """At least five: a node that is lost takes several pods of a small registry with it."""
    assert Budget().remaining(leases, 0.0) == most


def test_share_is_of_what_was_there_a_minute_ago() -> None:
    """Fifteen of a hundred, not fifteen and then twelve of what is left."""
    budget = Budget()
    removed = 0
    for second in range(1_000, 1_060):
        if budget.remaining(100 - removed, float(second)):
            budget.spend(float(second))
            removed += 1

    assert removed == 15
    assert budget.remaining(85, 1_059.9) == 0
    assert budget.remaining(85, 1_074.0) == 12


def test_what_was_removed_a_minute_ago_counts_no_more() -> None:
    """Whatever the clock says: it only never jumps."""
    budget = Budget()
    for _ in range(5):
        budget.spend(1_000.0)

    assert (budget.remaining(10, 1_059.9), budget.remaining(10, 1_060.0)) == (0, 5)


def test_known_is_not_changed_by_a_second_look() -> None:
    """The next proposal is confirmed with it."""
    seen = known()
    before = msgspec.structs.replace(seen)
    (proposed,) = removals([instance()], seen)
    confirm(proposed, instance(), pod(), None, seen)

    assert seen == before
