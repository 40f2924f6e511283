"""Cables and routes of a cluster."""

from __future__ import annotations

from pathlib import Path

from cluster.network import control_lines, node_lines
from cluster.plan import Plan
from cluster.versions import Kubernetes

PLAN = Plan("one", Path("/work/one"), Kubernetes(1, 34, 4), 3)
PIDS = {place: number for number, place in enumerate(PLAN.places, start=100)}


def test_everybody_knows_the_way_to_the_pods_of_other_nodes() -> None:
    """The bridge joins the nodes, not the ranges of their pods."""
    ways = [control_lines(PLAN, PIDS), *(node_lines(PLAN, node) for node in PLAN.nodes)]
    wanted = {f"route add {node.pods} via {node.address}" for node in PLAN.nodes}

    for own, lines in zip((None, *PLAN.nodes), ways, strict=True):
        mine = {f"route add {own.pods} via {own.address}"} if own else set()
        assert wanted & set(lines) == wanted - mine


def test_each_node_gets_one_end_of_a_cable_of_its_own() -> None:
    """The other one stays at the bridge, where a fault can pull it."""
    text = "\n".join(control_lines(PLAN, PIDS))

    for node in PLAN.nodes:
        end = f"type veth peer name eth0 netns {PIDS[node.name]}"
        assert f"link add name {node.port} {end}" in text
        assert f"link set {node.port} master br0 up" in text


def test_without_nodes_there_is_no_way_to_services() -> None:
    """Nobody would translate their addresses."""
    alone = Plan("one", Path("/work/one"), Kubernetes(1, 34, 4), 0)

    assert not [line for line in control_lines(alone, PIDS) if "route" in line]
