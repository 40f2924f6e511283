"""Names and addresses of a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.plan import Plan
from cluster.versions import Kubernetes


def plan(name: str = "one", nodes: int = 4) -> Plan:
    """A cluster that is not there."""
    return Plan(name, Path("/work") / name, Kubernetes(1, 34, 4), nodes)


def test_nodes_take_three_zones_in_turn_and_share_no_address() -> None:
    """The fourth node is in the first zone again."""
    nodes = plan().nodes

    assert [node.zone for node in nodes] == ["zone-1", "zone-2", "zone-3", "zone-1"]
    assert len({node.address for node in nodes}) == len({node.pods for node in nodes}) == 4


@pytest.mark.parametrize("name", ["", "Upper", "a b", "../x", "-a", "a-", "x" * 40])
def test_name_that_no_folder_or_host_could_have_is_refused(name: str) -> None:
    """It becomes part of paths that are deleted."""
    with pytest.raises(ValueError, match="name"):
        plan(name)


@pytest.mark.parametrize("nodes", [-1, 21])
def test_number_of_nodes_is_bounded(nodes: int) -> None:
    """None is possible: then there is only the API server."""
    with pytest.raises(ValueError, match="from 0 to 20"):
        plan(nodes=nodes)


def test_unknown_node_is_named_with_those_that_are_there() -> None:
    """What a person mistyped."""
    with pytest.raises(ValueError, match="no node 'node-9'; its nodes: node-1, node-2"):
        plan(nodes=2).node("node-9")
