"""Peers whose files break while they run, and peers on IPv6, as processes."""

from __future__ import annotations

import os
import signal
import socket
import urllib.request
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from processes.cluster import Cluster, ask, until
from processes.test_up import PATIENCE_S, running, wait_until_agreed

DEEP = "[" * 200_000


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """One peer, not started."""
    with Cluster(1) as cluster:
        yield cluster


def test_a_peer_outlives_what_becomes_of_its_files(cluster: Cluster) -> None:
    """Its list nests without end, its users are dates, its settings a pipe: the last ones stay."""
    (peer,) = cluster.peers
    auth, peers = cluster.directory / "auth.yaml", cluster.directory / "peers.json"
    auth.write_text("anonymous: {read: true}")
    peers.write_text('{"generation": 7, "peers": []}')
    peer.settings.update(auth_file=str(auth), peers_file=str(peers), peers=[])
    cluster.start()

    peers.write_text(f'{{"generation": 8, "peers": [], "x": {DEEP}')
    auth.write_text("? 2024-01-01\n: {2024-01-01 10:00:00: !!timestamp 2024-01-01}")
    peer.file.unlink()
    os.mkfifo(peer.file)
    told = ("peers.json", "auth.yaml", "not a regular file")
    until(lambda: all(said in peer.log for said in told))

    assert peer.ask("GET", "/apps").status == 200
    assert peer.view["generation"] == 7
    assert "Traceback" not in peer.log
    peers.write_text('{"generation": 9, "peers": []}')
    until(lambda: peer.view["generation"] == 9)
    assert [peer.log.count(said) for said in ("auth.yaml", "not a regular file")] == [1, 1]


@pytest.mark.parametrize("host", ["*", "localhost"])
def test_a_peers_own_address_is_one(cluster: Cluster, host: str) -> None:
    """Clients that prefer addresses to names read it; the image listens on every network."""
    (peer,) = cluster.peers
    peer.settings.update(host=host, hostname="peer1.example", register_with_eureka=True)
    cluster.start()

    def listed() -> list[dict[str, str]]:
        found: dict[str, dict[str, list[dict[str, str]]]]
        found = ask(peer.port, "GET", "/eureka/apps/EUREKA").json
        return found["application"]["instance"]

    (own,) = until(listed)

    assert own["hostName"] == "peer1.example"
    assert ip_address(own["ipAddr"]).is_loopback == (host != "*")


def test_up_runs_a_spring_file_on_ipv6(tmp_path: Path) -> None:
    """With brackets in every URL, and Maven's placeholder in a text that is only shown."""
    ports = _free_ports(4)
    path = tmp_path / "application.yml"
    path.write_text(
        "spring.application.name: @project.artifactId@\nserver.address: '::1'\n"
        + "".join(
            f"---\nspring.profiles: peer{k}\nserver.port: {ports[k]}\n"
            f"management.server.port: {ports[k + 2]}\n"
            f"eureka.client.service-url.defaultZone: http://[::1]:{ports[1 - k]}/eureka/\n"
            for k in (0, 1)
        )
    )
    with running(path) as process:
        wait_until_agreed(process)
        url = f"http://[::1]:{ports[0]}/eureka/apps/EUREKA"
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            body = answer.read().decode()
        process.send_signal(signal.SIGINT)
        code = process.wait(PATIENCE_S)

    assert code == 0
    assert f"<homePageUrl>http://peer0:{ports[0]}/</homePageUrl>" in body
    assert "<ipAddr>::1</ipAddr>" in body


def _free_ports(count: int) -> list[int]:
    """Ports of the loopback's address of IPv6 that are free now."""
    sockets = []
    try:
        for _ in range(count):
            sockets.append(socket.socket(socket.AF_INET6))
            sockets[-1].bind(("::1", 0))
    except OSError as error:
        pytest.skip(f"not run: peers on IPv6: this machine has no ::1 ({error.strerror})")
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
