"""A pod learns from `peers.json` which peer it is, and waits to be in the list."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from processes.cluster import LONG, PATIENCE_S, Cluster, PeerProcess, ask, check_throughout, until
from processes.mount import Mount

NAMES = {"eureka-peer-1": "peer1", "eureka-peer-2": "peer2"}
"""What the list says of the pods."""


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Two peers in pods that do not know their names; none is started."""
    with Cluster(2, register_with_eureka=True) as cluster:
        yield cluster


@pytest.fixture
def mount(cluster: Cluster) -> Mount:
    """The list that both read; it is empty yet."""
    mount = Mount(cluster.directory / "config")
    for number, peer in enumerate(cluster.peers, 1):
        peer.environment["EUREKA_POD_NAME"] = f"eureka-peer-{number}"
        peer.settings.update(
            name="configured",
            hostname="{name}.test",
            peers=[],
            peers_file=str(mount.peers),
            sync_timeout_s=30,
        )
    return mount


def test_name_host_and_url_come_from_the_list(cluster: Cluster, mount: Mount) -> None:
    """The entry's host name and not the setting's, for the entry is what others use."""
    one, two = cluster.peers
    mount.list(1, one, two, names=NAMES)
    cluster.start()

    until(lambda: own_instances(one) == own_instances(two) == set(own_ids(cluster)))
    assert (one.view["name"], two.view["name"]) == ("peer1", "peer2")
    assert one.edge(two)["name"] == "peer2"
    state = ask(one.port, "GET", "/dashboard/state").json
    assert (state["peer"]["name"], state["peer"]["url"]) == ("peer1", one.url)


def test_own_entry_is_known_before_anybody_answers_there(cluster: Cluster, mount: Mount) -> None:
    """Its alias may still lead to the pod before it: a start must not wait for that one."""
    one, _ = cluster.peers
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mount.list(1, one, names=NAMES)
        elsewhere = f":{silent.getsockname()[1]}/"
        mount.write("peers.json", mount.peers.read_text().replace(f":{one.port}/", elsewhere))
        one.start()

        one.ready(within_s=PATIENCE_S)

        assert [edge["self"] for edge in one.view["peers"]] == [True]


def test_pod_without_a_name_is_not_ready_and_says_why(cluster: Cluster, mount: Mount) -> None:
    """The operator may be a moment late; until then it answers by its pod's name only."""
    one, two = cluster.peers
    mount.list(1, two, names={"eureka-peer-2": "peer2"})
    one.start()

    until(
        lambda: reason(one) == f"starting: pod eureka-peer-1 is not in names of {mount.peers} yet"
    )
    check_throughout(lambda: not one.is_ready and one.view["name"] == "eureka-peer-1", 0.5)
    mount.list(2, one, two, names=NAMES)
    cluster.start([two])

    one.ready()
    assert one.view["name"] == "peer1"


def test_pod_that_never_gets_a_name_goes_on_with_its_own(cluster: Cluster, mount: Mount) -> None:
    """A registry without an operator is better than none."""
    one, _ = cluster.peers
    mount.list(1, names={})
    one.settings.update(sync_timeout_s=0.5)

    cluster.start([one])

    assert one.view["name"] == "configured"
    assert "it goes on as configured" in one.log
    mount.list(2, one, names=NAMES)
    problem = until(lambda: one.view["problem"])
    assert problem.endswith(
        "calls pod eureka-peer-1 peer1 by now; it stays configured until it is restarted"
    )


def test_peer_copies_once_it_is_listed(cluster: Cluster, mount: Mount) -> None:
    """Others send changes to who is listed: what comes after the copy must not be missed."""
    one, two = cluster.peers
    mount.list(1, one, names=NAMES)
    cluster.start([one])
    one.register("EARLY", "a", leaseInfo=LONG)
    two.start()

    until(lambda: reason(two) == "starting: peer2 is not in the peer list yet")
    check_throughout(lambda: not two.is_ready, 0.5)
    mount.list(2, one, two, names=NAMES)

    two.ready()
    assert two.ids("EARLY") == {"a"}


def test_peer_that_is_never_listed_starts_by_its_setting(cluster: Cluster, mount: Mount) -> None:
    """Its host name is then made of the setting."""
    one, _ = cluster.peers
    mount.list(1, names=NAMES)
    one.settings.update(sync_timeout_s=0.5)

    cluster.start([one])

    assert own_instances(one) == {f"peer1.test:eureka:{one.port}"}
    assert one.view["problem"] is None


def test_another_name_needs_a_restart(cluster: Cluster, mount: Mount) -> None:
    """Another name would be another instance; both would be listed."""
    one, two = cluster.peers
    mount.list(1, one, names=NAMES)
    cluster.start([one])

    mount.list(2, one, names={"eureka-peer-1": "peer7"})

    assert "stays peer1 until it is restarted" in until(lambda: one.view["problem"])
    assert one.view["name"] == "peer1"
    mount.list(3, two, names={"eureka-peer-2": "peer2"})
    until(lambda: one.view["problem"] is None)


def test_list_without_names_is_as_ever(cluster: Cluster, mount: Mount) -> None:
    """Written by hand, or by an older operator."""
    one, two = cluster.peers
    for peer in (one, two):
        peer.settings.update(name=peer.name, hostname="")
    mount.list(1, one, two)

    cluster.start()

    assert [peer.view["name"] for peer in (one, two)] == ["peer1", "peer2"]
    until(lambda: [edge["self"] for edge in one.view["peers"]].count(True) == 1)


def own_ids(cluster: Cluster) -> list[str]:
    """The ids of the peers' own instances: all are listed under 127.0.0.1."""
    return [f"127.0.0.1:eureka:{peer.port}" for peer in cluster.peers]


def own_instances(peer: PeerProcess) -> set[str]:
    """Ids of the peers that a peer lists."""
    return peer.ids("EUREKA")


def reason(peer: PeerProcess) -> str:
    """Why a peer is not ready."""
    return ask(peer.management_port, "GET", "/readyz").body.decode().strip()
