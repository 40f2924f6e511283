"""By which names browsers may ask for a peer."""

from __future__ import annotations

import socket
from pathlib import Path

import aiohttp
import pytest

from eureka_registry.config.settings import Settings
from eureka_registry.http.hosts import Hosts, machine_names
from eureka_registry.http.node import Node
from eureka_registry.peers.discovery import Peer, PeerList


async def served_names(*names: str, machine: tuple[str, ...] = (), **settings: object) -> set[str]:
    """Those of `names` that a peer with such settings serves."""
    async with aiohttp.ClientSession() as session:
        node = Node(Settings(**settings), session)  # type: ignore[arg-type]
        hosts = Hosts(node, machine)
        return {name for name in names if hosts.is_served(name)}


async def test_addresses_and_localhost_need_no_setting() -> None:
    """No name server decides where they lead."""
    ours = {"127.0.0.1", "10.1.2.3", "::1", "fe80::1", "localhost", "peer1.localhost"}
    others = {
        "127.0.0.1.stranger.example",
        "localhost.stranger.example",
        "1.2.3",
        "notlocalhost",
        "",
    }

    assert await served_names(*ours, *others) == ours


async def test_own_names_are_those_of_the_settings_and_of_the_machine() -> None:
    """Where people already reach the peer."""
    settings = {
        "name": "peer1",
        "hostname": "{name}.corp.example",
        "my_url": "http://reg:1/eureka/",
    }
    ours = {"peer1", "peer1.corp.example", "reg", "laptop"}
    others = {"corp.example", "x.peer1.corp.example", "peer2.corp.example", "reg.example"}

    assert await served_names(*ours, *others, machine=("Laptop",), **settings) == ours


async def test_names_of_peers_are_ours_too() -> None:
    """One may stand behind a name of all, or take another's place; the list is the operator's."""
    peers = ["http://user:secret@Peer2.example:8761/eureka/", "https://all.example/eureka/"]

    assert await served_names("peer2.example", "all.example", "secret", "example", peers=peers) == {
        "peer2.example",
        "all.example",
    }


async def test_peers_of_a_watched_list_are_known_as_they_come() -> None:
    """`peers_file`: the names come while everything runs."""
    async with aiohttp.ClientSession() as session:
        node = Node(Settings(peers_file="peers.json"), session)
        hosts = Hosts(node)
        assert not hosts.is_served("peer7.example")
        node.mesh.update(PeerList((Peer("peer7", "http://peer7.example:8761/eureka/"),)))
        assert hosts.is_served("peer7.example")


async def test_services_of_our_namespace_are_ours() -> None:
    """A pod knows its own Service; clients' browsers use the one of all peers."""
    ours = {"eureka.prod.svc", "eureka.prod.svc.cluster.local", "peer1.prod.svc.cluster.local"}
    others = {
        "eureka.prod", "prod.svc.cluster.local", "eureka.dev.svc.cluster.local", "eureka.dev.svc",
        "a.b.prod.svc", "eureka.prod.svc.stranger.example", "eureka.prod.svc.cluster.local.x",
    }  # fmt: skip

    assert await served_names(*ours, *others, hostname="{name}.prod.svc.cluster.local") == ours


async def test_a_public_name_with_svc_in_it_is_no_namespace() -> None:
    """`svc` must be where Kubernetes has it."""
    names = {"stranger.svcs.example", "x.svc", "x.a.svcs"}

    assert await served_names(*names, hostname="peer1.a.svcs.example") == set()


async def test_allowed_hosts_are_patterns() -> None:
    """Names of proxies in front of a peer."""
    names = {"eureka.example", "a.apps.example", "b.a.apps.example", "apps.example", "x.example"}

    assert await served_names(*names, allowed_hosts=["EUREKA.example", "*.apps.example"]) == {
        "eureka.example",
        "a.apps.example",
        "b.a.apps.example",
    }
    assert await served_names(*names, allowed_hosts=["*"]) == names


def test_aliases_of_the_machine_come_from_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`127.0.0.1 peer1 peer2` is how Spring's guides make peers on one machine."""
    monkeypatch.setattr(socket, "gethostname", lambda: "Laptop")
    aliases = tmp_path / "hosts"
    aliases.write_text(
        "# a comment with stranger.example\n"
        "127.0.0.1 localhost peer1 Peer2 # and more.example\n"
        "::1 ip6-localhost\n\n"
        "10.0.0.7 laptop.corp.example laptop\n"
        "10.0.0.8 other.example\n"
        "garbage other2.example\n"
    )

    assert machine_names(aliases) == {
        "laptop", "laptop.corp.example", "localhost", "peer1", "peer2", "ip6-localhost",
    }  # fmt: skip
    assert machine_names(tmp_path / "none") == {"laptop"}
