"""Two Java servers and two of our peers as peers of each other: what is done at one is so at all.

Java tells peers apart by host name alone, so each server has a loopback address of its own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, Protocol

import pytest

from conformance.java.server import LIVE, JavaServer
from processes.cluster import (
    LONG,
    Cluster,
    PeerProcess,
    Reply,
    check_throughout,
    document,
    until,
)

APP: Final = "eureka-server"
PATIENCE_S: Final = 45.0
"""Java's own timers are in seconds, and a Java server may be starting."""

QUIET_S: Final = 6.0

SHORT: Final = {"renewalIntervalInSecs": 2, "durationInSecs": 5}
"""Java tells its peers after half a second, and of this lease it tells for two."""

RENEWAL_S: Final = 1.0
"""Not within 500 ms: a renewal takes the place of the one that waits, with an age of its own, so
Java, which waits for the first in its queue to be that old, would never tell its peers."""

JAVA: Final = {
    **LIVE,
    "spring.application.name": APP,
    "eureka.client.register-with-eureka": True,
    "eureka.client.fetch-registry": True,
    "eureka.client.registry-fetch-interval-seconds": 1,
    "eureka.client.filter-only-up-instances": False,
    "eureka.instance.lease-renewal-interval-in-seconds": 1,
    "eureka.server.enable-self-preservation": False,
    "eureka.server.eviction-interval-timer-in-ms": 500,
    "eureka.server.renewal-percent-threshold": 0.0,
    "eureka.server.peer-node-read-timeout-ms": 2000,
    "eureka.server.peer-node-connect-timeout-ms": 1000,
    "eureka.server.registry-sync-retry-wait-ms": 1000,
}
OURS: Final = {"app_name": APP.upper(), "register_with_eureka": True, "lease_expiry": "java"}


class Server(Protocol):
    """What both kinds of server can be asked."""

    @property
    def url(self) -> str:
        """Its service URL."""

    def ask(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> Reply:
        """Make a request below `/eureka`."""


class MixedCluster:
    """Four servers that list each other; none is started yet."""

    def __init__(self, jar: Path, cluster: Cluster) -> None:
        self.cluster = cluster
        self.java = [
            JavaServer(jar, JAVA, host=f"127.0.0.{number}", name=f"java{number}")
            for number in (2, 3)
        ]
        self.ours = [cluster.add(f"ours{n}", **_at(f"127.0.0.{n}"), **OURS) for n in (4, 5)]
        self._wire()

    @property
    def servers(self) -> list[Server]:
        """All of them, Java's first."""
        return [*self.java, *self.ours]

    def _wire(self) -> None:
        """List ours first, where Java servers then renew themselves.

        They do not get over a lost lease that another Java server tells them of: 404 with a body
        (`docs/protocol/clients.md#java-servers-as-a-client`).
        """
        everybody = [*(peer.url for peer in self.ours), *(server.url for server in self.java)]
        for server in self.java:
            server.settings |= {
                "eureka.instance.hostname": server.host,
                "eureka.client.service-url.defaultZone": _others(everybody, server.url),
            }
        for peer in self.ours:
            peer.settings["peers"] = [url for url in everybody if url != peer.url]

    def start(self, *kinds: str) -> None:
        """Start one kind after the other, each ready before the next."""
        for kind in kinds:
            group: Iterable[JavaServer | PeerProcess] = self.java if kind == "java" else self.ours
            for server in group:
                server.start()
            for server in group:
                server.ready()


@pytest.fixture
def mixed(java_jar: Path) -> Iterator[MixedCluster]:
    """Four servers for one test, ended afterwards."""
    with Cluster(size=0) as cluster:
        servers = MixedCluster(java_jar, cluster)
        try:
            yield servers
        finally:
            for server in servers.java:
                server.__exit__(None, None, None)


@pytest.mark.parametrize("order", [("ours", "java"), ("java", "ours")], ids=" then ".join)
def test_what_is_done_at_one_is_so_at_all(mixed: MixedCluster, order: tuple[str, str]) -> None:
    """Registration, renewal, override and cancellation in both directions, and the first copy."""
    first = mixed.ours[0] if order[0] == "ours" else mixed.java[0]
    mixed.start(order[0])
    _register(first, "EARLY", "e-up", leaseInfo=LONG)
    _register(first, "EARLY", "e-down", status="DOWN", leaseInfo=LONG)

    mixed.start(order[1])

    _all(mixed, lambda server: _statuses(server, "EARLY") == {"e-up": "UP", "e-down": "DOWN"})
    for number, server in enumerate(mixed.servers):
        _life_of_instance(mixed, server, f"LIFE{number}")
    _all_list_each_other(mixed)


def test_expiry_agrees(mixed: MixedCluster) -> None:
    """What nobody renews goes everywhere, what is renewed at one server stays everywhere."""
    mixed.start("ours", "java")
    for number, server in enumerate(mixed.servers):
        _register(server, "KEPT", f"k-{number}", leaseInfo=SHORT)
        _register(server, "LOST", f"l-{number}", leaseInfo=SHORT)
    kept = {f"k-{number}" for number in range(4)}
    _all(mixed, lambda server: _statuses(server, "KEPT").keys() == kept)

    renewed_at = 0.0

    def renewed_and_kept() -> bool:
        nonlocal renewed_at
        if time.monotonic() - renewed_at > RENEWAL_S:
            renewed_at = time.monotonic()
            for number, server in enumerate(mixed.servers):
                assert server.ask("PUT", f"/apps/KEPT/k-{number}?{_TIMED}").status == 200
        return all(_statuses(server, "KEPT").keys() == kept for server in mixed.servers)

    check_throughout(renewed_and_kept, QUIET_S)
    _all(mixed, lambda server: not _statuses(server, "LOST"))


@pytest.mark.parametrize("kind", ["java", pytest.param("ours", marks=pytest.mark.long)])
def test_one_is_killed_and_comes_back(mixed: MixedCluster, kind: str) -> None:
    """It copies what came meanwhile, and what it is told afterwards arrives."""
    mixed.start("ours", "java")
    group: list[JavaServer] | list[PeerProcess] = mixed.java if kind == "java" else mixed.ours
    victim, other = group
    witness = mixed.ours[0] if kind == "java" else mixed.java[0]
    _register(victim, "BEFORE", "b-1", leaseInfo=LONG)
    _all(mixed, lambda server: _statuses(server, "BEFORE").keys() == {"b-1"})
    victim.kill()
    _register(witness, "MEANWHILE", "m-1", leaseInfo=LONG)
    _register(other, "MEANWHILE", "m-2", leaseInfo=LONG)

    victim.start()
    victim.ready()

    _all(mixed, lambda server: _statuses(server, "BEFORE").keys() == {"b-1"})
    _all(mixed, lambda server: _statuses(server, "MEANWHILE").keys() == {"m-1", "m-2"})
    _life_of_instance(mixed, victim, "AFTER")


def test_nothing_goes_back_and_forth(mixed: MixedCluster) -> None:
    """So many renewals are told to each peer once; nobody passes on what a peer said."""
    mixed.start("ours", "java")
    _register(mixed.ours[0], "STILL", "s-1", leaseInfo=LONG)
    _register(mixed.java[0], "STILL", "s-2", leaseInfo=LONG)
    _all(mixed, lambda server: _statuses(server, "STILL").keys() == {"s-1", "s-2"})
    _all_list_each_other(mixed)
    before = [peer.counter("replicated_items") for peer in mixed.ours]
    versions = [_delta_of(server, "STILL") for server in mixed.servers]

    check_throughout(
        lambda: all(s.ask("GET", "/apps").status == 200 for s in mixed.servers), QUIET_S
    )

    # Each server renews itself about once a second at one other server, which tells the rest.
    bound = 4 * 2 * (QUIET_S + 2)
    for peer, heard in zip(mixed.ours, before, strict=True):
        assert peer.counter("replicated_items") - heard <= bound
    assert [_delta_of(server, "STILL") for server in mixed.servers] == versions


_TIMED: Final = "status=UP&lastDirtyTimestamp=1700000000000"


def _at(host: str) -> dict[str, object]:
    return {"host": host, "hostname": host, "management_host": "127.0.0.1"}


def _life_of_instance(mixed: MixedCluster, server: Server, app: str) -> None:
    """An instance that only this server is told of."""
    _register(server, app, f"{app}-1", leaseInfo=LONG)
    _all(mixed, lambda each: _statuses(each, app) == {f"{app}-1": "UP"})
    assert server.ask("PUT", f"/apps/{app}/{app}-1?{_TIMED}").status == 200
    assert server.ask("PUT", f"/apps/{app}/{app}-1/status?value=OUT_OF_SERVICE").status == 200
    _all(mixed, lambda each: _statuses(each, app) == {f"{app}-1": "OUT_OF_SERVICE"})
    assert server.ask("DELETE", f"/apps/{app}/{app}-1/status?value=UP").status == 200
    _all(mixed, lambda each: _statuses(each, app) == {f"{app}-1": "UP"})
    assert server.ask("DELETE", f"/apps/{app}/{app}-1").status == 200
    _all(mixed, lambda each: not _statuses(each, app))


def _all_list_each_other(mixed: MixedCluster) -> None:
    """Each shows the three others as available replicas, in Java's words."""
    _all(mixed, lambda server: len(_replicas(server, "available")) == 3)
    assert [_replicas(server, "unavailable") for server in mixed.servers] == [set()] * 4


def _replicas(server: Server, which: str) -> set[str]:
    text = server.ask("GET", "/status", headers={"Accept": "application/xml"}).body.decode()
    found = re.search(rf"<{which}-replicas>([^<]*)<", text)
    return {each.strip() for each in found.group(1).split(",") if each.strip()} if found else set()


def _all(mixed: MixedCluster, holds: Callable[[Server], bool]) -> None:
    until(lambda: all(holds(server) for server in mixed.servers), PATIENCE_S)


def _register(server: Server, app: str, instance_id: str, **fields: object) -> None:
    reply = server.ask("POST", f"/apps/{app}", document(app, instance_id, **fields))
    assert reply.status == 204, reply


def _statuses(server: Server, app: str) -> dict[str, str]:
    """The status of each instance that a server lists of an application."""
    reply = server.ask("GET", f"/apps/{app}")
    if reply.status == 404:
        return {}
    return {each["instanceId"]: each["status"] for each in reply.json["application"]["instance"]}


def _delta_of(server: Server, app: str) -> list[tuple[str, str]]:
    """What a server's delta says of an application: ids and when they changed."""
    listed = server.ask("GET", "/apps/delta").json["applications"]["application"]
    found = [each["instance"] for each in listed if each["name"] == app]
    return sorted((i["instanceId"], i["lastUpdatedTimestamp"]) for group in found for i in group)


def _others(urls: Iterable[str], own: str) -> str:
    return ",".join(url for url in urls if url != own)
