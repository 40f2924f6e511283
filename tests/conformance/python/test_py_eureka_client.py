"""py_eureka_client against three peers: each client a process of its own, renewing every second."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from conformance.realclient import RealClient, not_run
from processes.cluster import LONG, Cluster, PeerProcess, check_throughout, until
from processes.secured import PASSWORD, TOKEN, USER, Secured

CLIENT = Path(__file__).with_name("client.py")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three peers for the module; each test has applications of its own."""
    if find_spec("py_eureka_client") is None:
        not_run("python conformance", "py_eureka_client is not installed")
    with Cluster() as cluster:
        yield cluster.start()


def client(cluster: Cluster, app: str, **settings: object) -> RealClient:
    """A client that knows all peers."""
    urls = ",".join(peer.url for peer in cluster.peers)
    return RealClient([sys.executable, str(CLIENT)], _settings(urls, app, **settings))


def _settings(urls: str, app: str, **settings: object) -> dict[str, object]:
    return {
        "eureka_server": urls,
        "app_name": app,
        "instance_id": f"{app.lower()}:1",
        "instance_ip": "10.1.2.3",
        "instance_host": "client.example",
        "instance_port": 9090,
        "renewal_interval_in_secs": 1,
        "duration_in_secs": 3,
        **settings,
    }


def test_registers_renews_and_deregisters(cluster: Cluster) -> None:
    """Its lease outlives its duration at every peer, and is gone everywhere after `stop`."""
    with client(cluster, "PYLIFE", metadata={"colour": "red", "a_b": "1"}) as real:
        until(lambda: cluster.everywhere("PYLIFE", {"pylife:1"}))
        instance: dict[str, Any] = cluster.peers[2].instance("PYLIFE", "pylife:1") or {}
        assert instance["port"] == {"$": 9090, "@enabled": "true"}
        assert instance["metadata"]["colour"] == "red"

        check_throughout(lambda: cluster.everywhere("PYLIFE", {"pylife:1"}), 4.0)

        real.stop()
        until(lambda: cluster.everywhere("PYLIFE", ()))
        assert "Traceback" not in real.log()


def test_status_change_and_back_show_at_every_peer(cluster: Cluster) -> None:
    """It sends a status override, which its next renewals do not undo, and takes it back."""
    with client(cluster, "PYSTATUS") as real:
        until(lambda: cluster.everywhere("PYSTATUS", {"pystatus:1"}))

        real.ask("status", status="OUT_OF_SERVICE")

        until(lambda: _statuses(cluster, "PYSTATUS", "pystatus:1") == {"OUT_OF_SERVICE"})
        check_throughout(
            lambda: _statuses(cluster, "PYSTATUS", "pystatus:1") == {"OUT_OF_SERVICE"}, 1.5
        )
        real.ask("back")
        until(lambda: _statuses(cluster, "PYSTATUS", "pystatus:1") == {"UP"})


def test_sees_others_come_change_and_go(cluster: Cluster) -> None:
    """A full fetch in XML, then deltas: its own copy of the registry follows."""
    one = cluster.peers[0]
    one.register("PYOTHER", "o-1", leaseInfo=LONG, hostName="o-1.example", metadata={"a_b": "x"})
    until(lambda: cluster.everywhere("PYOTHER", {"o-1"}))
    with client(cluster, "PYSEES") as real:
        until(lambda: real.ask("apps").get("PYOTHER") == {"o-1": "UP"})
        assert real.ask("call", app="PYOTHER").startswith("http://o-1.example:")

        one.register("PYOTHER", "o-2", leaseInfo=LONG)
        until(lambda: real.ask("apps").get("PYOTHER") == {"o-1": "UP", "o-2": "UP"})
        one.ask("PUT", "/apps/PYOTHER/o-2/status?value=OUT_OF_SERVICE")
        until(lambda: real.ask("apps")["PYOTHER"]["o-2"] == "OUT_OF_SERVICE")
        one.ask("DELETE", "/apps/PYOTHER/o-1")

        until(lambda: real.ask("apps").get("PYOTHER") == {"o-2": "OUT_OF_SERVICE"})
        assert "Traceback" not in real.log()


def test_follows_by_deltas_alone() -> None:
    """Its hash agrees with the server's after each delta: it never fetches everything again.

    Peers of its own: it fetches everything when an application is new to it, and stumbles over
    departures of one that it does not know.
    """
    with Cluster() as cluster:
        one, two, _ = cluster.start().peers
        one.register("PYDELTA", "d-1", leaseInfo=LONG, metadata={"a_b": "x & y"})
        until(lambda: cluster.everywhere("PYDELTA", {"d-1"}))
        with client(cluster, "PYALONE") as real:
            until(lambda: real.ask("apps").keys() == {"PYDELTA", "PYALONE"})
            assert real.ask("metadata", app="PYDELTA", id="d-1")["a__b"] == "x & y"
            full, deltas = cluster.counter("get_all"), cluster.counter("get_all_delta")

            two.register("PYDELTA", "d-2", leaseInfo=LONG)
            until(lambda: real.ask("apps")["PYDELTA"] == {"d-1": "UP", "d-2": "UP"})
            two.ask("PUT", "/apps/PYDELTA/d-2/status?value=DOWN")
            until(lambda: real.ask("apps")["PYDELTA"]["d-2"] == "DOWN")
            one.ask("DELETE", "/apps/PYDELTA/d-1")
            until(lambda: real.ask("apps")["PYDELTA"] == {"d-2": "DOWN"})

            assert cluster.counter("get_all") == full
            assert cluster.counter("get_all_delta") > deltas
            assert real.ask("vip", vip="pydelta") == {"d-2": "DOWN"}


def test_goes_on_with_the_next_server_when_its_own_is_killed(cluster: Cluster) -> None:
    """The lease stays at the peers that live, for longer than it lasts."""
    with client(cluster, "PYKILL") as real:
        until(lambda: cluster.everywhere("PYKILL", {"pykill:1"}))
        used = _peer_of(cluster, real.ask("server"))
        others = [peer for peer in cluster.peers if peer is not used]
        used.kill()

        check_throughout(lambda: all(p.ids("PYKILL") == {"pykill:1"} for p in others), 4.0)

        until(lambda: real.ask("server") in [peer.url for peer in others])
        used.start()
        used.ready()
        assert used.ids("PYKILL") == {"pykill:1"}
        real.stop()
        until(lambda: cluster.everywhere("PYKILL", ()))


def test_registers_again_when_all_peers_have_lost_everything(cluster: Cluster) -> None:
    """404 to its renewal makes it register.

    This client does not fetch. py_eureka_client locks itself out for ever if a delta disagrees
    after all servers were down: it fetches everything while it still holds the lock of the delta.
    """
    with client(cluster, "PYLOST", should_discover=False):
        until(lambda: cluster.everywhere("PYLOST", {"pylost:1"}))
        for peer in cluster.peers:
            peer.kill()

        cluster.start()

        until(lambda: cluster.everywhere("PYLOST", {"pylost:1"}))


@pytest.mark.parametrize("by", ["url", "settings", "token"])
def test_registers_and_looks_up_over_tls(closed: Secured, by: str) -> None:
    """User and password in the URL or beside it, or a token by an `HttpClient` of one's own."""
    if find_spec("py_eureka_client") is None:
        not_run("python conformance", "py_eureka_client is not installed")
    app = f"ORDERS-{by.upper()}"
    url = closed.place(USER, PASSWORD) if by == "url" else closed.url
    more = {
        "settings": {"eureka_basic_auth_user": USER, "eureka_basic_auth_password": PASSWORD},
        "token": {"bearer": TOKEN},
    }.get(by, {})
    trust = {"SSL_CERT_FILE": closed.authority.path}
    command = [sys.executable, str(CLIENT)]
    with RealClient(command, _settings(url, app, **more), variables=trust) as real:
        until(lambda: closed.status(app, f"{app.lower()}:1") == "UP")
        until(lambda: real.ask("apps").get(app) == {f"{app.lower()}:1": "UP"})
        real.stop()
        until(lambda: not closed.status(app, f"{app.lower()}:1"))


def _statuses(cluster: Cluster, app: str, instance_id: str) -> set[object]:
    return {(peer.instance(app, instance_id) or {}).get("status") for peer in cluster.peers}


def _peer_of(cluster: Cluster, url: str) -> PeerProcess:
    return next(peer for peer in cluster.peers if peer.url == url)
