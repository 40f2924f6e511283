from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pytest

from eureka_operator.core.nodes import force_time, is_lost, node_sentence
from eureka_operator.core.observed import Observed, Pod
from eureka_operator.core.pods import Node
from unit.operator.core.builders import NOW, cluster, observed, pod

_VOLUME: Final = {"snapshot": {"enabled": True, "volume": {}}}
_AT: Final = f"{NOW:%H:%M:%S} UTC"
_FORCED: Final = f"{NOW + timedelta(seconds=30):%H:%M:%S} UTC"
_DOWN: Final = Node(name="n1", ready=False, since=NOW)


def _peer(**fields: Any) -> Pod:  # noqa: ANN401 - fields of different types
    return pod("eureka-peer-1", **{"ready": False, "node": "n1", **fields})


def _observed(*nodes: Node, gone: str = "", spec: object = None) -> Observed:
    found: dict[str, Node | None] = {node.name: node for node in nodes}
    return observed(cluster(spec), nodes={**found, gone: None} if gone else found)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "its pod is deleted if it stays so"),
        ({"deleting_since": NOW}, f"its pod is removed by force at {_FORCED}"),
        (
            {"deleting_since": NOW, "finalizers": ("example.com/a",)},
            "its pod waits for it, and for its finalizers: example.com/a",
        ),
    ],
)
def test_peer_of_a_lost_node_says_what_follows(fields: Any, said: str) -> None:  # noqa: ANN401
    """And when, so that nobody takes a matter of a minute in hand."""
    found = node_sentence(_observed(_DOWN), _peer(**fields))

    assert found == f"node n1 is not ready since {_AT}; {said}"


def test_peer_with_a_volume_on_a_lost_node_says_what_people_have_to_do() -> None:
    """Only they know whether the node is off; the commands can be copied."""
    found = node_sentence(_observed(_DOWN, spec=_VOLUME), _peer(deleting_since=NOW))

    assert "has a volume" in found
    assert "kubectl taint node n1 node.kubernetes.io/out-of-service=nodeshutdown:NoExecute" in found
    assert "kubectl delete node n1" in found


def test_node_that_people_said_is_off_needs_nothing_more() -> None:
    """Kubernetes removes its pods, volume or not (KEP-2268)."""
    off = Node(name="n1", ready=False, out_of_service=True)

    assert node_sentence(_observed(off, spec=_VOLUME), _peer(deleting_since=NOW)) == (
        "node n1 is not ready; it is marked as out of service, so Kubernetes removes its pod"
    )


def test_deleted_node_is_named() -> None:
    """The pod is still there until Kubernetes' garbage collector of pods has seen it."""
    seen = _observed(gone="n1")

    assert is_lost(seen, _peer())
    assert node_sentence(seen, _peer()) == (
        "node n1 was deleted; Kubernetes removes its pod within two minutes"
    )


def test_peer_that_leaves_a_cordoned_node_names_it() -> None:
    """That is how a drain looks."""
    seen = _observed(Node(name="n1", unschedulable=True))

    assert not is_lost(seen, _peer())
    assert node_sentence(seen, _peer(deleting_since=NOW)) == (
        "its pod is being stopped on node n1, which is cordoned"
    )


def test_peer_without_a_node_names_those_that_are_cordoned() -> None:
    """The scheduler only counts them."""
    many = [Node(name=f"n{number}", unschedulable=True) for number in range(5)]

    assert node_sentence(_observed(*many[:2]), _peer(node="")) == "cordoned: n0, n1"
    assert node_sentence(_observed(*many), _peer(node="")) == "cordoned: n0, n1, n2 and 2 more"
    assert node_sentence(_observed(Node(name="n9")), _peer(node="")) == ""


def test_nothing_is_said_of_a_node_that_is_well_or_not_known() -> None:
    """An operator of single namespaces may not read nodes."""
    assert node_sentence(_observed(Node(name="n1")), _peer()) == ""
    assert node_sentence(_observed(), _peer()) == ""
    assert not is_lost(_observed(), _peer())


def test_only_a_pod_that_can_be_removed_by_force_has_a_time_for_it() -> None:
    """A finalizer outlives any force: trying again would never end."""
    leaving = _peer(deleting_since=NOW)

    assert force_time(_observed(), leaving) == NOW + timedelta(seconds=30)
    assert force_time(_observed(), _peer()) is None
    assert force_time(_observed(spec=_VOLUME), leaving) is None
    assert force_time(_observed(), _peer(deleting_since=NOW, finalizers=("a/b",))) is None
