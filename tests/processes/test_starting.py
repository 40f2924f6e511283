"""Peers begin in any order, alone, together, and from what they had on disk."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from processes.cluster import (
    LONG,
    PATIENCE_S,
    Cluster,
    PeerProcess,
    document,
    free_port,
    until,
)
from processes.fleet import Fleet

LARGE = 50_000
"""Instances; a client that reads at most so many bytes as Java's list has, sees a part of them."""
ITEMS_AT_ONCE = 5_000


def test_peers_may_start_in_any_order() -> None:
    """Each is ready without those that come later, and each later one has everything at once."""
    with Cluster() as cluster:
        one, two, three = cluster.peers
        cluster.start([three])
        three.register("FIRST", "a", leaseInfo=LONG)
        cluster.start([one])
        assert one.ids() == {"a"}
        one.register("FIRST", "b", leaseInfo=LONG)
        cluster.start([two])

        assert two.ids() == {"a", "b"}
        until(cluster.agreed)


def test_two_that_start_together_do_not_wait_for_each_other() -> None:
    """Neither has anything to give; both are ready long before the time-out."""
    with Cluster(2, sync_timeout_s=90) as cluster:
        for peer in cluster.peers:
            peer.start()

        for peer in cluster.peers:
            peer.ready(within_s=50)
        until(lambda: all(peer.view["peers"][0]["available"] for peer in cluster.peers))


def test_large_registry_is_copied_whole_before_a_peer_is_ready() -> None:
    """A copy of this size takes many pages; whoever fetches first sees all of it."""
    with Cluster(2, sync_timeout_s=PATIENCE_S) as cluster:
        one, two = cluster.peers
        cluster.start([one])
        _fill(one, LARGE)

        cluster.start([two])

        listed = two.ask("GET", "/peerreplication/digest", timeout_s=PATIENCE_S).json
        assert listed["instances"] == LARGE
        until(cluster.agreed)


def test_lone_peer_is_ready_within_a_bound_when_the_others_refuse() -> None:
    """Nobody listens there: one second of grace, not the time-out."""
    gone = [f"http://127.0.0.1:{free_port()}/eureka/" for _ in range(2)]
    with Cluster(1, sync_timeout_s=90) as cluster:
        (one,) = cluster.peers
        one.settings["peers"] = gone
        one.start()

        one.ready(within_s=50)

        until(lambda: all(edge["why"] for edge in one.edges().values()))
        assert "refused" in one.view["peers"][0]["why"]


def test_silent_peer_delays_the_start_by_no_more_than_the_time_out() -> None:
    """It accepts connections and says nothing; look-ups get 503 until the peer is ready."""
    with socket.create_server(("127.0.0.1", 0)) as silent, Cluster(1) as cluster:
        (one,) = cluster.peers
        port = silent.getsockname()[1]
        one.settings.update(
            peers=[f"http://127.0.0.1:{port}/eureka/"], sync_timeout_s=1.5, peer_read_timeout_s=90
        )
        one.start()

        assert until(lambda: one.ask("GET", "/apps").status) == 503
        one.ready(within_s=50)
        assert "gave up after 1.5 s" in one.log


def test_all_restarted_at_once_with_snapshots_start_warm() -> None:
    """A power cut: nobody has anything in memory, and no client has to come first."""
    with Cluster() as cluster:
        for peer in cluster.peers:
            peer.settings["snapshot_path"] = str(cluster.directory / f"{peer.name}.snapshot")
        cluster.start()
        for number in range(9):
            cluster.peers[number % 3].register("WARM", f"w{number}", leaseInfo=LONG)
        cluster.peers[0].ask("PUT", "/apps/WARM/w0/status?value=OUT_OF_SERVICE")
        until(cluster.agreed)
        written = time.time()
        until(lambda: all(_changed_after(peer, written) for peer in cluster.peers))
        for peer in cluster.peers:
            peer.kill()

        cluster.start()

        assert cluster.everywhere("WARM", {f"w{number}" for number in range(9)})
        instance = cluster.peers[2].instance("WARM", "w0")
        assert instance is not None
        assert instance["status"] == instance["overriddenStatus"] == "OUT_OF_SERVICE"
        assert cluster.peers[2].ask("DELETE", "/apps/WARM/w0/status?value=UP").status == 200


def test_all_restarted_without_snapshots_are_filled_by_their_clients() -> None:
    """Each renewal is answered 404, upon which clients register again."""
    with Cluster() as cluster:
        cluster.start()
        with Fleet(cluster.peers, "ORDERS", 5) as fleet:
            until(lambda: cluster.everywhere("ORDERS", fleet.ids))
            for peer in cluster.peers:
                peer.kill()
            for peer in cluster.peers:
                peer.start()

            until(lambda: cluster.everywhere("ORDERS", fleet.ids))

            assert fleet.lost >= 5


def test_stop_during_the_start_leaves_the_snapshot_alone() -> None:
    """A peer told to stop before it was ready has nothing to save but half a registry."""
    with socket.create_server(("127.0.0.1", 0)) as silent, Cluster(1) as cluster:
        (one,) = cluster.peers
        path = cluster.directory / "one.snapshot"
        one.settings.update(snapshot_path=str(path), snapshot_interval_s=60)
        cluster.start()
        one.register("KEPT", "a", leaseInfo=LONG)
        assert one.terminate() == 0
        before = path.read_bytes()
        port = silent.getsockname()[1]
        one.settings.update(peers=[f"http://127.0.0.1:{port}/eureka/"], sync_timeout_s=60)
        one.start()
        until(lambda: one.ask("GET", "/apps").status == 503)

        assert one.terminate() == 0

        assert path.read_bytes() == before


def _fill(peer: PeerProcess, count: int) -> None:
    """Register so many instances as another peer would, who tells of many at once."""
    for start in range(0, count, ITEMS_AT_ONCE):
        items = [
            {
                "appName": f"APP-{number % 100}",
                "id": f"i{number}",
                "lastDirtyTimestamp": 1_700_000_000_000,
                "status": "UP",
                "action": "Register",
                "instanceInfo": document(f"APP-{number % 100}", f"i{number}", leaseInfo=LONG)[
                    "instance"
                ],
            }
            for number in range(start, start + ITEMS_AT_ONCE)
        ]
        body = {"replicationList": items}
        reply = peer.ask("POST", "/peerreplication/batch/", body, timeout_s=PATIENCE_S)
        assert {each["statusCode"] for each in reply.json["responseList"]} == {200}


def _cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _flip(path: Path, at: Callable[[bytes], int]) -> None:
    content = bytearray(path.read_bytes())
    content[at(bytes(content))] ^= 1
    path.write_bytes(content)


def _make_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut off": (_cut_off, "is cut off"),
    "a byte of the copy": (lambda path: _flip(path, lambda text: len(text) - 40), "is damaged"),
    "a byte of its moment": (
        lambda path: _flip(path, lambda text: text.index(b'saved_ms":') + 12),
        "is damaged",
    ),
    "another format": (
        lambda path: path.write_bytes(path.read_bytes().replace(b'shot":2', b'shot":9', 1)),
        "has format 9, this program reads 1 and 2",
    ),
    "empty": (lambda path: path.write_bytes(b""), "is not a snapshot"),
    "something else": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n"), "is not a snapshot"),
    "a byte of its head": (
        lambda path: path.write_bytes(b"\xff" + path.read_bytes()[1:]),
        "is not a snapshot",
    ),
    "a directory": (_make_directory, "snapshot not used"),
}


def test_damaged_snapshot_is_refused_as_a_whole() -> None:
    """The peer says why, starts empty, and is never half filled. One peer, damaged in turn."""
    with Cluster(1) as cluster:
        (one,) = cluster.peers
        path = cluster.directory / "one.snapshot"
        one.settings.update(snapshot_path=str(path), snapshot_interval_s=60)
        cluster.start()
        for number in range(20):
            one.register("DISK", f"d{number}", leaseInfo=LONG)
        assert one.terminate() == 0
        whole = path.read_bytes()
        for damage, told in DAMAGE.values():
            path.write_bytes(whole)
            damage(path)
            before = len(one.log)

            cluster.start()

            assert one.ids() == set()
            assert told in one.log[before:]
            one.kill()
            if path.is_dir():
                path.rmdir()
        path.write_bytes(whole)
        cluster.start()
        assert len(one.ids()) == 20


@pytest.mark.parametrize("first", [0, 1])
def test_newcomer_takes_over_from_whoever_is_ready(first: int) -> None:
    """With one peer gone, the copy comes from the other."""
    with Cluster() as cluster:
        pair = cluster.peers[:2]
        cluster.start(pair)
        for peer, number in zip(itertools.cycle(pair), range(10), strict=False):
            peer.register("COPY", f"c{number}", leaseInfo=LONG)
        until(lambda: pair[0].ids() == pair[1].ids() and len(pair[0].ids()) == 10)
        pair[first].kill()

        cluster.start(cluster.peers[2:])

        assert len(cluster.peers[2].ids()) == 10


def _changed_after(peer: PeerProcess, moment: float) -> bool:
    path = Path(str(peer.settings["snapshot_path"]))
    return path.exists() and path.stat().st_mtime > moment
