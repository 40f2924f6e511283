"""Peers are told apart by node id, whatever their URLs look like."""

from __future__ import annotations

import json
import socket

import pytest
from aiohttp import web

from processes.cluster import LONG, Cluster, check_throughout, until
from processes.lying_peer import NODE_HEADER, LyingPeer


def test_two_peers_on_one_host_replicate() -> None:
    """Java takes the same host name for itself, port or not, and never replicates."""
    with Cluster(2, hostname="localhost", register_with_eureka=True) as cluster:
        one, two = cluster.start().peers
        one.register("PORTS", "a", leaseInfo=LONG)

        until(lambda: cluster.everywhere("PORTS", {"a"}))
        own = {f"localhost:eureka:{peer.port}" for peer in cluster.peers}
        until(lambda: cluster.everywhere("EUREKA", own))
        assert not one.edge(two)["self"]


def test_own_url_under_any_alias_is_recognised() -> None:
    """A list usually names all peers, oneself by names one does not know."""
    with Cluster(2, host="0.0.0.0") as cluster:
        one, two = cluster.peers
        names = ["localhost", "127.0.0.1", "127.0.0.2", socket.gethostname()]
        aliases = [f"http://{name}:{one.port}/eureka" for name in names]
        one.settings["peers"] = [*aliases, two.url]
        cluster.start()

        until(lambda: [e["self"] for e in one.view["peers"]] == [True] * len(aliases) + [False])

        one.register("ALIAS", "a", leaseInfo=LONG)
        until(lambda: cluster.everywhere("ALIAS", {"a"}))
        assert all(edge["backlog"] == 0 for edge in one.view["peers"])


def test_peer_that_knows_only_itself_is_ready_at_once() -> None:
    """Being one's own only peer is no reason to wait for the time-out."""
    with Cluster(1, sync_timeout_s=90) as cluster:
        (one,) = cluster.peers
        one.settings["peers"] = [one.url, f"http://localhost:{one.port}/eureka/"]
        one.start()

        one.ready(within_s=50)


def test_same_peer_under_two_urls_is_told_by_both() -> None:
    """The second is shown as an alias; a node id may be a lie, so neither is left out."""
    with Cluster(2, host="0.0.0.0") as cluster:
        one, two = cluster.peers
        one.settings["peers"] = [two.url, f"http://localhost:{two.port}/eureka/"]
        cluster.start()

        until(lambda: one.view["peers"][1]["aliasOf"] == "peer2")
        assert one.view["peers"][1]["name"] == "localhost"  # each name once

        one.register("TWICE", "a", leaseInfo=LONG)
        until(lambda: two.ids() == {"a"})
        until(lambda: all(edge["lastDeliveredMsAgo"] is not None for edge in one.view["peers"]))


def test_alias_takes_over_when_the_first_url_stops_working() -> None:
    """One of two addresses of a peer fails: renewals must go through the other."""
    with LyingPeer() as relay, Cluster(2) as cluster:
        one, two = cluster.peers
        relay.forward_to(two.port)
        one.settings["peers"] = [relay.url, two.url]
        two.settings["peers"] = []
        cluster.start()
        until(lambda: one.view["peers"][1]["aliasOf"] == "peer2")

        relay.close()

        until(lambda: one.view["peers"][1]["aliasOf"] is None)
        one.register("VIA", "a", leaseInfo=LONG)
        until(lambda: two.ids() == {"a"})


def test_url_that_led_to_ourselves_may_lead_to_another_later() -> None:
    """Addresses of pods are used again, names move: nobody is taken for oneself for ever."""
    with LyingPeer() as relay, Cluster(2) as cluster:
        one, two = cluster.peers
        relay.forward_to(one.port)
        one.settings["peers"] = [relay.url]
        two.settings["peers"] = []
        cluster.start()
        until(lambda: one.view["peers"][0]["self"])

        relay.forward_to(two.port)

        until(lambda: not one.view["peers"][0]["self"])
        one.register("MOVED", "a", leaseInfo=LONG)
        until(lambda: two.ids() == {"a"})
        # A task that nobody could end any more kept such a process from ever stopping.
        assert one.terminate() == 0


def test_url_that_leads_to_several_in_turn_is_told() -> None:
    """A Kubernetes Service in a list of peers: each change would reach only one of them."""
    with LyingPeer() as service, Cluster(3) as cluster:
        one, two, three = cluster.peers
        service.forward_in_turn(two.port, three.port)
        one.settings["peers"] = [service.url]
        two.settings["peers"] = three.settings["peers"] = []
        cluster.start()

        until(lambda: "leads to several processes in turn" in (one.view["peers"][0]["why"] or ""))
        assert not one.view["peers"][0]["available"]
        assert one.log.count("leads to several processes in turn") == 1


@pytest.mark.parametrize("first", [True, False])
def test_who_claims_the_node_id_of_another_does_not_make_him_vanish(*, first: bool) -> None:
    """He is told of changes all the same, wherever he stands in the list."""
    with LyingPeer() as liar, Cluster(2) as cluster:
        one, two = cluster.peers
        one.settings["peers"] = [liar.url, two.url] if first else [two.url, liar.url]
        two.settings["peers"] = []
        cluster.start([two])
        node = two.view["node"]

        async def claim(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
            told = {"node": node, "name": "peer2", "stage": "ready", "instances": 0}
            if request.method == "POST":
                count = len(json.loads(body).get("replicationList", []))
                told = {"responseList": [{"statusCode": 200}] * count}
            answer = json.dumps({**told, "applications": {}, "sees": {}})
            return web.Response(text=answer, headers={NODE_HEADER: node})

        liar.answer = claim
        cluster.start([one])
        until(lambda: [edge["node"] for edge in one.view["peers"]] == [node] * 2)
        one.register("TOLD", "a", leaseInfo=LONG)

        until(lambda: two.ids() == {"a"})
        assert len({edge["name"] for edge in one.view["peers"]}) == 2  # metrics are by name
        assert one.edge(two)["available"]


def test_peer_listed_under_a_path_it_does_not_serve_is_not_available() -> None:
    """It answers, but takes nothing: a Java peer would, and answers 404 to a digest only."""
    with Cluster(2) as cluster:
        one, two = cluster.peers
        one.settings["peers"] = [f"http://127.0.0.1:{two.port}/wrong/"]
        two.settings["peers"] = []
        cluster.start()

        why = "answers 404 below /wrong/: not a path it serves"
        until(lambda: one.edge(two)["why"] == why)
        one.register("LOST", "a", leaseInfo=LONG)
        check_throughout(lambda: not one.edge(two)["available"], 1.0)
        until(lambda: one.edge(two)["why"] == why)
