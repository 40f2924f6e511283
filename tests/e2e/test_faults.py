"""What goes wrong on a cluster: the peers go on, and agree again afterwards.

Only on a cluster of tests.cluster's own: another one's nodes are not ours to hurt.
"""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from cluster.errors import CannotRunError
from cluster.faults import Faults
from conformance.realclient import not_run
from e2e.clusters import Target
from e2e.outside import outside_client
from e2e.peers import NAMES, PATIENCE_S, Peers
from processes.cluster import check_throughout, until
from support.kubectl import Kubectl

CONNECTS = """
import socket
try:
    socket.create_connection(({address!r}, 8761), 1.0).close()
    print('yes')
except OSError:
    print('no')
"""
RESOLVES = """
import socket
try:
    print(bool(socket.getaddrinfo('peer3.{namespace}.svc.cluster.local', 8761)))
except OSError:
    print(False)
"""


def test_cut_off_node_comes_back_and_agrees(faults: Faults, peers: Peers) -> None:
    """The others go on and say who is missing; afterwards all hold what came meanwhile."""
    with ExitStack() as meanwhile:
        with faults.cut_off(peers.node("peer1")):
            until(lambda: peers.sees("peer2", "peer1").get("available") is False, PATIENCE_S)
            meanwhile.enter_context(outside_client(peers, "peer2"))
            until(lambda: "OUTSIDE" in peers.apps("peer3"))
            check_throughout(lambda: "OUTSIDE" in peers.apps("peer3"), 5.0)

        peers.agree()
        until(lambda: peers.everywhere("OUTSIDE"))


def test_two_pods_apart(faults: Faults, peers: Peers) -> None:
    """No packet between the two, all others as before; what one is told reaches the other."""
    one, two = peers.address("peer1"), peers.address("peer2")
    with faults.apart(one, two):
        assert peers.runs("peer1", CONNECTS.format(address=two)) == "no"
        assert peers.runs("peer2", CONNECTS.format(address=one)) == "no"
        until(lambda: peers.runs("peer3", CONNECTS.format(address=one)) == "yes", PATIENCE_S)
        until(lambda: peers.sees("peer1", "peer2").get("available") is False, PATIENCE_S)

    until(lambda: peers.runs("peer1", CONNECTS.format(address=two)) == "yes", PATIENCE_S)
    peers.agree()


def test_network_that_loses_packets(faults: Faults, peers: Peers) -> None:
    """Peers agree all the same."""
    with faults.slow(peers.node("peer1"), loss_percent=5), outside_client(peers, "peer1"):
        until(lambda: peers.everywhere("OUTSIDE"), PATIENCE_S)


def test_slow_network(faults: Faults, peers: Peers) -> None:
    """A tenth of a second more for every packet of a node."""
    slow = faults.slow(peers.node("peer1"), delay_ms=100)
    try:
        with slow, outside_client(peers, "peer1"):
            until(lambda: peers.everywhere("OUTSIDE"), PATIENCE_S)
    except CannotRunError as error:
        not_run("e2e on a slow network", str(error))


def test_api_server_stands_still_and_nobody_minds(
    target: Target, faults: Faults, peers: Peers
) -> None:
    """Peers need it for nothing; without an answer there is none, and afterwards there is."""
    before = {name: peers.pod(name)["metadata"]["uid"] for name in NAMES}
    with faults.stopped("control/kube-apiserver"):
        assert not _answers(target.kubectl)

    until(lambda: _answers(target.kubectl), PATIENCE_S)
    peers.agree()
    assert {name: peers.pod(name)["metadata"]["uid"] for name in NAMES} == before


@pytest.mark.parametrize("part", ["kubelet", "kube-proxy"])
def test_killed_agent_of_a_node_leaves_its_peer_alone(
    faults: Faults, peers: Peers, part: str
) -> None:
    """Containers outlive the kubelet, and connections kube-proxy."""
    with faults.killed(f"{peers.node('peer1')}/{part}"):
        until(lambda: peers.sees("peer2", "peer1").get("available"), PATIENCE_S)

    peers.agree()


def test_peers_go_on_while_names_do_not_resolve(faults: Faults, peers: Peers) -> None:
    """They know each other's addresses; afterwards names resolve again."""
    resolves = RESOLVES.format(namespace=peers.kubectl.namespace)
    with faults.killed("control/coredns"):
        assert peers.runs("peer1", resolves) == "False"
        with outside_client(peers, "peer1"):
            until(lambda: peers.everywhere("OUTSIDE"))

    until(lambda: peers.runs("peer1", resolves) == "True", PATIENCE_S)
    peers.agree()


def test_drained_node_gives_its_peer_away(target: Target, faults: Faults, peers: Peers) -> None:
    """The peer is evicted, starts on another node, and has everything."""
    node = peers.node("peer1")
    with outside_client(peers, "peer2"):
        until(lambda: peers.everywhere("OUTSIDE"))
        with faults.drained(node, target.kubectl.program):
            until(
                lambda: peers.pod("peer1").get("spec", {}).get("nodeName", node) != node, PATIENCE_S
            )
            peers.agree()
            until(lambda: peers.everywhere("OUTSIDE"))


def _answers(kubectl: Kubectl) -> bool:
    return kubectl.run_unchecked("get", "namespaces", "--request-timeout=2s").returncode == 0
