"""Cases 141, 142, 156, 158 of `docs/protocol/cases.md`: leases that end, self-preservation off.

How many are evicted at a time, and when none is, is our own (`docs/protocol/differences.md`): cases
143 to 155 and 157 are the arithmetic of Java; the unit tests of eviction have both.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.java.server import ALONE, LIVE, JavaServer
from conformance.oracle.conftest import PATIENT
from conformance.oracle.recorder import Recorder
from processes.cluster import Cluster, PeerProcess, check_throughout, document, until

SHORT = {"renewalIntervalInSecs": 1, "durationInSecs": 2}
QUICK = {
    "eureka.server.enable-self-preservation": False,
    "eureka.server.eviction-interval-timer-in-ms": 300,
}
SLOW = {**QUICK, "eureka.server.eviction-interval-timer-in-ms": 3_600_000}
QUERY = "status=UP&lastDirtyTimestamp=1700000000000"

Servers = list[JavaServer | PeerProcess]


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    """The peer of all servers here that evict."""
    recorder = Recorder()
    with recorder.liar:
        yield recorder


@pytest.fixture(scope="module")
def evicting(java_jar: Path, recorder: Recorder) -> Iterator[Servers]:
    """A Java server and one of ours that count leases as Java does and evict at once."""
    with Cluster(size=1, lease_expiry="java") as cluster:
        cluster.wire(recorder.liar.url)
        peers = {"eureka.client.service-url.defaultZone": recorder.liar.url}
        with JavaServer(java_jar, {**ALONE, **LIVE, **QUICK, **peers}) as java:
            java.start()
            cluster.start()
            java.ready()
            yield [java, *cluster.peers]


@pytest.fixture(scope="module")
def patient(java_jar: Path) -> Iterator[Servers]:
    """The same, but they do not get round to evicting."""
    with (
        Cluster(size=1, lease_expiry="java", **PATIENT) as cluster,
        JavaServer(java_jar, {**ALONE, **LIVE, **SLOW}) as java,
    ):
        java.start()
        cluster.start()
        java.ready()
        yield [java, *cluster.peers]


def test_lease_that_nobody_renews_ends(evicting: Servers, recorder: Recorder) -> None:
    """141, 158: it goes, its application with it, and no peer is told."""
    for server in evicting:
        _register(server, "ENDS")

    until(lambda: not any(_listed(server, "ENDS") for server in evicting))

    assert {item["action"] for item in recorder.items("ENDS")} == {"Register"}


def test_renewed_lease_lasts_twice_its_duration(evicting: Servers) -> None:
    """142: counted from its last renewal."""
    for server in evicting:
        _register(server, "TWICE")
        assert server.ask("PUT", f"/apps/TWICE/TWICE-1?{QUERY}").status == 200

    check_throughout(lambda: all(_listed(server, "TWICE") for server in evicting), 2.6)

    until(lambda: not any(_listed(server, "TWICE") for server in evicting))


def test_ended_lease_that_is_still_there(patient: Servers) -> None:
    """156: not found by its id, but listed, and a renewal brings it back."""
    for server in patient:
        _register(server, "ENDED")

    here = "/apps/ENDED/ENDED-1"
    until(lambda: all(server.ask("GET", here).status == 404 for server in patient))
    for server in patient:
        assert _listed(server, "ENDED")
        assert server.ask("PUT", f"{here}?{QUERY}").status == 200
        assert server.ask("GET", here).status == 200


def _register(server: JavaServer | PeerProcess, app: str) -> None:
    body = document(app, f"{app}-1", leaseInfo=SHORT)
    assert server.ask("POST", f"/apps/{app}", body).status == 204


def _listed(server: JavaServer | PeerProcess, app: str) -> bool:
    return f"{app}-1" in server.ids(app)
