"""go-kit's sd/eureka, which registers, renews and follows an application by itself.

It asks through fargo: a random server for every request. It follows whole applications, whatever
the status of their instances, and knows neither deltas nor virtual addresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.realclient import RealClient
from processes.cluster import LONG, Cluster, check_throughout, until


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Three peers."""
    with Cluster() as cluster:
        yield cluster.start()


def client(cluster: Cluster, programs: Path, app: str, follow: str) -> RealClient:
    """A client that knows all peers."""
    urls = [peer.url.removesuffix("/") for peer in cluster.peers]
    settings = {"urls": urls, "app": app, "id": f"{app.lower()}:1", "follow": follow}
    return RealClient([str(programs / "gokit")], settings)


def test_whole_life(cluster: Cluster, programs: Path) -> None:
    """It renews by itself, follows what others do, and leaves when it is told to."""
    one, two, _ = cluster.peers
    one.register("KITOTHER", "o-1", leaseInfo=LONG)
    until(lambda: cluster.everywhere("KITOTHER", {"o-1"}))
    with client(cluster, programs, "KIT", "KITOTHER") as real:
        assert real.ask("register") == "done"
        until(lambda: cluster.everywhere("KIT", {"kit:1"}))
        until(lambda: len(real.ask("followed") or []) == 1)

        check_throughout(lambda: cluster.everywhere("KIT", {"kit:1"}), 4.0)  # longer than its lease

        two.register("KITOTHER", "o-2", leaseInfo=LONG)
        until(lambda: len(real.ask("followed") or []) == 2)
        two.ask("DELETE", "/apps/KITOTHER/o-1")
        until(lambda: len(real.ask("followed") or []) == 1)

        assert real.ask("deregister") == "done"
        until(lambda: cluster.everywhere("KIT", ()))
        real.stop()


def test_registers_again_when_all_peers_have_lost_everything(
    cluster: Cluster, programs: Path
) -> None:
    """404 to its renewal makes it register."""
    with client(cluster, programs, "KITLOST", "KITLOST") as real:
        assert real.ask("register") == "done"
        until(lambda: cluster.everywhere("KITLOST", {"kitlost:1"}))
        for peer in cluster.peers:
            peer.kill()

        cluster.start()

        until(lambda: cluster.everywhere("KITLOST", {"kitlost:1"}))
