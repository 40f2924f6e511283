"""How peers come from plain HTTP to HTTPS, and back, and always reach each other."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from eureka_operator.core import transport
from eureka_operator.core.kinds import CONFIG_MAP, NETWORK_POLICY, SERVICE
from unit.operator.core.builders import cluster, observed, pod, pods, stateful_set
from unit.operator.core.world import World, settled

PERMISSIVE = {"tls": {"mode": "Permissive"}}
STRICT: dict[str, Any] = {"tls": {}}


def listed(world: World) -> list[str]:
    """The URLs by which peers know each other."""
    data = world.objects[CONFIG_MAP, "eureka-config"]["data"]
    return [each["url"] for each in json.loads(data["peers.json"])["peers"]]


def watched(world: World, passes: int = 300) -> list[set[str]]:
    """Settle; the schemes of the list after each change.

    At each moment every peer serves what the others have of it, and has a certificate if they ask
    for one: else it could not verify them.
    """
    schemes: list[set[str]] = []
    for _ in range(passes):
        planned = world.reconcile()
        urls = [urlsplit(url) for url in listed(world)]
        for name, peer in world.peers.items():
            if peer.ip and not peer.deleting_since:
                for url in urls:
                    assert world.serves(name).get(url.scheme) == url.port
        if not schemes or schemes[-1] != {url.scheme for url in urls}:
            schemes.append({url.scheme for url in urls})
        world.tick()
        if not planned.steps and world.condition("Ready").get("status") == "True":
            return schemes
    raise AssertionError(world.condition("Ready"))


def ports(world: World, name: str) -> dict[str, int]:
    """A Service's ports."""
    return {each["name"]: each["port"] for each in world.objects[SERVICE, name]["spec"]["ports"]}


def ports_of_peers(world: World) -> list[dict[str, int]]:
    """The ports of each peer."""
    return [world.serves(name) for name in sorted(world.peers)]


def test_new_cluster_begins_with_https() -> None:
    """Nobody has to be taken along."""
    world = World(STRICT)
    world.settle()

    assert {urlsplit(url).scheme for url in listed(world)} == {"https"}
    assert ports_of_peers(world) == [{"https": 8443, "management": 8763}] * 3
    assert ports(world, "eureka") == ports(world, "peer1") == {"https": 8443}
    assert world.status["endpoints"]["internal"].startswith("https://eureka.prod.svc")
    assert ":8443/eureka/" in world.status["endpoints"]["defaultZone"]
    (rule, _) = world.objects[NETWORK_POLICY, "eureka"]["spec"]["ingress"]
    assert [each["port"] for each in rule["ports"]] == ["https"]


def test_permissive_serves_both() -> None:
    """Peers themselves use HTTPS; whoever has not moved comes by plain HTTP."""
    world = World(PERMISSIVE)
    world.settle()

    assert {urlsplit(url).scheme for url in listed(world)} == {"https"}
    assert ports(world, "eureka") == {"http": 8761, "https": 8443}
    (rule, _) = world.objects[NETWORK_POLICY, "eureka"]["spec"]["ingress"]
    assert [each["port"] for each in rule["ports"]] == ["http", "https"]


def test_peers_speak_plain_http_until_each_has_a_certificate() -> None:
    """One that restarts later can verify nobody before."""
    world = settled()
    world.change(PERMISSIVE)

    assert watched(world) == [{"http"}, {"https"}]
    assert ports_of_peers(world) == [{"http": 8761, "https": 8443, "management": 8763}] * 3


def test_strict_passes_through_permissive_by_itself() -> None:
    """Two restarts of each peer, and at no moment two that cannot hear each other."""
    world = settled()
    world.change(STRICT)

    assert watched(world) == [{"http"}, {"https"}]
    assert ports_of_peers(world) == [{"https": 8443, "management": 8763}] * 3
    assert ports(world, "eureka") == {"https": 8443}


@pytest.mark.parametrize("mode", [PERMISSIVE, STRICT])
def test_way_from_one_mode_to_the_other_is_by_https(mode: dict[str, Any]) -> None:
    """Both serve it."""
    world = World(STRICT if mode is PERMISSIVE else PERMISSIVE)
    world.settle()
    world.change({"tls": None})
    world.change(mode)

    assert watched(world) == [{"https"}]


def test_peers_speak_plain_http_before_the_first_one_loses_its_certificate() -> None:
    """The way back, from `Permissive`."""
    world = World(PERMISSIVE)
    world.settle()
    del world.document["spec"]["tls"]
    world.document["metadata"]["generation"] += 1

    assert watched(world) == [{"http"}]
    assert ports_of_peers(world) == [{"http": 8761, "management": 8763}] * 3


def test_one_pod_without_a_certificate_holds_all_back() -> None:
    """Also one that is being deleted: it delivers what it has."""
    there = pods(pod("a", secure=True), pod("b"))
    seen = observed(cluster(STRICT), pods=there)

    assert not transport.is_secure(seen)
    assert transport.ports(transport.in_transition(seen)) == {"http": 8761, "https": 8443}


@pytest.mark.parametrize(("strategy", "expected"), [("Converged", False), ("OnDelete", True)])
def test_pod_that_is_lost_during_the_update_comes_back_without(
    strategy: str, *, expected: bool
) -> None:
    """By the former template, as long as the update is fenced."""
    plain = {"metadata": {}, "spec": {"containers": [{"ports": [{"name": "http"}]}]}}
    seen = observed(
        cluster({**STRICT, "updates": {"strategy": strategy}}),
        stateful_set(3, status={"currentRevision": "old", "updateRevision": "new"}),
        pods=pods(pod("a", secure=True), pod("b", secure=True)),
        templates={"old": plain, "new": {}},
    )

    assert transport.is_secure(seen) is expected


def test_cluster_without_tls_is_never_secure() -> None:
    """Though its pods still are."""
    seen = observed(cluster(), pods=pods(pod("a", secure=True)))

    assert not transport.is_secure(seen)
    assert transport.ports(transport.in_transition(seen)) == {"http": 8761}
