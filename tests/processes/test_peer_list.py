"""`peers.json` is watched: peers come and go while everything runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from processes.cluster import LONG, Cluster, check_throughout, until
from processes.mount import Mount


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Four peers that will read one list; none is started."""
    with Cluster(4) as cluster:
        yield cluster


@pytest.fixture
def mount(cluster: Cluster) -> Mount:
    """The list of the first three."""
    directory = Mount(cluster.directory / "config")
    for peer in cluster.peers:
        peer.settings.update(peers=[], peers_file=str(directory.peers))
    directory.list(1, *cluster.peers[:3])
    return directory


def test_fourth_peer_joins_one_drains_one_leaves(cluster: Cluster, mount: Mount) -> None:
    """Nobody restarts. Each list names all peers, oneself included."""
    one, two, three, four = cluster.peers
    cluster.start([one, two, three])
    one.register("LISTED", "a", leaseInfo=LONG)
    until(lambda: two.ids() == three.ids() == {"a"})

    mount.list(2, *cluster.peers, peer4="joining")
    cluster.start([four])

    assert four.ids() == {"a"}
    until(lambda: all(peer.view["generation"] == 2 for peer in cluster.peers))
    two.register("LISTED", "b", leaseInfo=LONG)
    until(lambda: cluster.everywhere("LISTED", {"a", "b"}))
    until(lambda: [edge["self"] for edge in one.view["peers"]].count(True) == 1)

    mount.list(3, *cluster.peers, peer3="draining")

    until(lambda: one.edge(three)["state"] == "draining")
    until(lambda: all(peer.view["generation"] == 3 for peer in cluster.peers))
    three.register("LISTED", "c", leaseInfo=LONG)
    until(lambda: {"a", "b", "c"} == one.ids() == two.ids() == four.ids())

    mount.list(4, one, two, four)

    until(lambda: all(p.view["generation"] == 4 for p in (one, two, four)))
    assert all(str(three.port) not in peer.edges() for peer in (one, two, four))
    three.kill()
    one.register("LISTED", "d", leaseInfo=LONG)
    until(lambda: one.ids() == two.ids() == four.ids() == {"a", "b", "c", "d"})
    until(lambda: all(edge["available"] for p in (one, two, four) for edge in p.view["peers"]))


@pytest.mark.parametrize(
    "text",
    ['{"generation": 9', "", "[]", '{"generation": 9, "peers": [{"name": "x", "url": "ftp://x"}]}'],
)
def test_broken_list_changes_nothing_and_is_shown(
    cluster: Cluster, mount: Mount, text: str
) -> None:
    """The last good list stays; /peers says what is wrong until it is right again."""
    one, two, _, _ = cluster.peers
    mount.list(1, one, two)
    cluster.start([one, two])

    mount.write("peers.json", text)

    problem = until(lambda: one.view["problem"])
    assert str(mount.peers) in problem
    until(lambda: two.view["problem"])
    one.register("LISTED", "a", leaseInfo=LONG)
    until(lambda: two.ids() == {"a"})
    assert one.view["generation"] == 1
    mount.list(2, one, two)
    until(lambda: one.view["problem"] is None and one.view["generation"] == 2)


def test_list_that_vanishes_changes_nothing(cluster: Cluster, mount: Mount) -> None:
    """A mount that is gone for a moment is no reason to forget everybody."""
    one, two, _, _ = cluster.peers
    mount.list(1, one, two)
    cluster.start([one, two])

    mount.peers.unlink()

    assert "no such file" in until(lambda: one.view["problem"])
    one.register("LISTED", "a", leaseInfo=LONG)
    until(lambda: two.ids() == {"a"})


def test_peer_that_returns_to_the_list_gets_what_it_missed(cluster: Cluster, mount: Mount) -> None:
    """Taken out and listed again: comparison brings what replication did not."""
    one, two, _, _ = cluster.peers
    mount.list(1, one, two)
    cluster.start([one, two])
    mount.list(2)
    until(lambda: one.view["generation"] == two.view["generation"] == 2)
    one.register("LISTED", "a", leaseInfo=LONG)
    assert one.view["peers"] == []
    check_throughout(lambda: two.ids() == set(), 0.8)

    mount.list(3, one, two)

    until(lambda: two.ids() == {"a"})
