"""Cases 180 to 198 of `docs/protocol/cases.md`: what a server tells a peer of what it was told.

Not here: 194 and 195, for ours sends at once where Java waits for half a second and replaces what
waits (`tests/unit/registry/core/test_outbox.py`), and 196 (`tests/processes/test_identity.py`).

A Java server and one of ours each have a recorder as their peer. Both are asked the same, and what
the recorders took down must be equal, moments of the servers' own clocks aside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from conformance.java.server import ALONE, LIVE, JavaServer
from conformance.oracle.conftest import PATIENT
from conformance.oracle.recorder import Recorder
from conformance.oracle.servers import comparable
from processes.cluster import LONG, REPLICATION, Cluster, PeerProcess, document, until

D: Final = 1_700_000_000_000
PATIENCE_S: Final = 30.0
"""Java waits half a second before it sends, and a second before it sends again."""


class Pair(NamedTuple):
    """A server and the recorder that is its peer."""

    server: JavaServer | PeerProcess
    recorder: Recorder


class Request(NamedTuple):
    """A request, how it is answered, and which action a peer is told of, if any."""

    method: str
    path: str
    status: int
    told: str | None
    body: dict[str, Any] | None = None
    headers: Mapping[str, str] | None = None


@pytest.fixture(scope="module")
def java(java_jar: Path) -> Iterator[Pair]:
    """A Java server."""
    recorder = Recorder()
    with recorder.liar:
        peers = {"eureka.client.service-url.defaultZone": recorder.liar.url}
        with JavaServer(java_jar, {**ALONE, **LIVE, **peers}) as server:
            server.start()
            server.ready()
            yield Pair(server, recorder)


@pytest.fixture(scope="module")
def ours() -> Iterator[Pair]:
    """One of our peers."""
    recorder = Recorder()
    with recorder.liar, Cluster(size=1, **PATIENT) as cluster:
        cluster.wire(recorder.liar.url)
        yield Pair(cluster.start().peers[0], recorder)


def register(app: str, **fields: object) -> Request:
    """Register the instance of an application."""
    body = document(app, f"{app}-1", leaseInfo=LONG, metadata={"m": "x <&> y"}, **fields)
    return Request("POST", f"/apps/{app}", 204, "Register", body)


def renew(app: str, dirty: int = D, status: int = 200, told: str | None = "Heartbeat") -> Request:
    """Renew its lease."""
    query = f"status=UP&lastDirtyTimestamp={dirty}"
    return Request("PUT", f"/apps/{app}/{app}-1?{query}", status, told)


STORIES: Final = {
    "180-182 register, renew, cancel": lambda app: [
        register(app),
        renew(app),
        Request("DELETE", f"/apps/{app}/{app}-1", 200, "Cancel"),
    ],
    "183-184 override and back": lambda app: [
        register(app),
        Request(
            "PUT",
            f"/apps/{app}/{app}-1/status?value=OUT_OF_SERVICE&lastDirtyTimestamp={D}",
            200,
            "StatusUpdate",
        ),
        renew(app),
        Request(
            "DELETE",
            f"/apps/{app}/{app}-1/status?value=UP&lastDirtyTimestamp={D}",
            200,
            "DeleteStatusOverride",
        ),
    ],
    "185 what a peer says": lambda app: [
        register(app)._replace(told=None, headers=REPLICATION),
        renew(app, told=None)._replace(headers=REPLICATION),
        register(app, lastDirtyTimestamp=str(D + 1)),
    ],
    "186-187 what nobody knows": lambda app: [
        Request("DELETE", f"/apps/{app}/{app}-1", 404, None),
        renew(app, status=404, told=None),
        register(app),
    ],
    "197 metadata": lambda app: [
        register(app),
        Request("PUT", f"/apps/{app}/{app}-1/metadata?colour=blue", 200, "Register"),
    ],
    "198 a renewal of a newer document": lambda app: [
        register(app),
        renew(app, dirty=D + 1, status=404),
    ],
}


@pytest.mark.parametrize("name", STORIES)
def test_peers_are_told_the_same(java: Pair, ours: Pair, name: str) -> None:
    """The same items in the same order, with the same members."""
    app = f"S{list(STORIES).index(name)}"
    requests = STORIES[name](app)

    for request in requests:
        for pair in (java, ours):
            _ask(pair, app, request)

    expected = [request.told for request in requests if request.told]
    assert [item["action"] for item in java.recorder.items(app)] == expected
    assert _comparable(ours, app) == _comparable(java, app)


def test_who_has_lost_a_lease_is_sent_the_document(java: Pair, ours: Pair) -> None:
    """188: 404 to a Heartbeat makes a Register follow."""
    for pair in (java, ours):
        _ask(pair, "LOST", register("LOST"))
        pair.recorder.answer_items("LOST", [{"statusCode": 404}])
        _ask(pair, "LOST", renew("LOST"), settles=2)

    assert [item["action"] for item in java.recorder.items("LOST")][1:] == ["Heartbeat", "Register"]
    assert _comparable(ours, "LOST") == _comparable(java, "LOST")


def test_who_knows_better_is_believed(java: Pair, ours: Pair) -> None:
    """189: 409 with a newer document, which is taken over with its override."""
    newer = document(
        "BETTER", "BETTER-1", leaseInfo=LONG, lastDirtyTimestamp=str(D + 5), status="DOWN",
        overriddenStatus="DOWN", metadata={"m": "newer"},
    )["instance"]  # fmt: skip
    for pair in (java, ours):
        _ask(pair, "BETTER", register("BETTER"))
        pair.recorder.answer_items("BETTER", [{"statusCode": 409, "responseEntity": newer}])
        _ask(pair, "BETTER", renew("BETTER"))
    pairs = (java, ours)
    until(
        lambda: all(_instances(p, "BETTER")["metadata"] == {"m": "newer"} for p in pairs),
        PATIENCE_S,
    )

    assert _instances(ours, "BETTER") == _instances(java, "BETTER")
    assert _comparable(ours, "BETTER") == _comparable(java, "BETTER")


def test_busy_peer_is_told_again(java: Pair, ours: Pair) -> None:
    """190: 503 keeps the items, which come again until they are taken."""
    for pair in (java, ours):
        pair.recorder.answer_batches([503, 503])
        _ask(pair, "BUSY", register("BUSY"), settles=3)

    assert [item["action"] for item in java.recorder.items("BUSY")] == ["Register"] * 3
    assert _comparable(ours, "BUSY") == _comparable(java, "BUSY")


def test_peer_that_fails_is_told_of_what_comes_next(java: Pair, ours: Pair) -> None:
    """192: 500 drops a batch; digests, or the 404 to a later Heartbeat, repair what it held."""
    for pair in (java, ours):
        pair.recorder.answer_batches([500])
        _ask(pair, "FAILS", register("FAILS"))
        _ask(pair, "FAILS", renew("FAILS"))

    assert [item["action"] for item in java.recorder.items("FAILS")] == ["Register", "Heartbeat"]
    assert _comparable(ours, "FAILS") == _comparable(java, "FAILS")


def test_peer_that_listens_again_is_told(java: Pair, ours: Pair) -> None:
    """191: what was registered while nobody listened arrives."""
    for pair in (java, ours):
        port = pair.recorder.liar.port
        pair.recorder.liar.close()
        assert _send(pair, register("REFUSED")) == 204
        pair.recorder.liar.listen(port)
        _wait_until_settled(pair, "REFUSED", 1)

    assert _comparable(ours, "REFUSED")[-1] == _comparable(java, "REFUSED")[-1]


def test_big_batches_are_cut(java: Pair, ours: Pair) -> None:
    """193: a thousand registrations arrive in batches of 250 at the most, each once."""
    for pair in (java, ours):
        for number in range(1000):
            body = document("MANY", f"m-{number}", leaseInfo=LONG)
            assert pair.server.ask("POST", "/apps/MANY", body).status == 204
        _wait_until_settled(pair, "MANY", 1000)

    for pair in (java, ours):
        assert max(pair.recorder.sizes) <= 250
        ids = [item["id"] for item in pair.recorder.items("MANY")]
        assert sorted(ids) == sorted(f"m-{number}" for number in range(1000))


def _ask(pair: Pair, app: str, request: Request, settles: int = 1) -> None:
    """Send a request and wait until its peer has been told what it is to be told."""
    before = len(pair.recorder.items(app))
    assert _send(pair, request) == request.status, (pair.server.name, request)
    if request.told:
        _wait_until_settled(pair, app, before + settles)


def _send(pair: Pair, request: Request) -> int:
    return pair.server.ask(request.method, request.path, request.body, request.headers).status


def _wait_until_settled(pair: Pair, app: str, count: int) -> None:
    until(lambda: len(pair.recorder.items(app)) >= count, PATIENCE_S)


def _comparable(pair: Pair, app: str) -> Sequence[Any]:
    """Items without what may differ: when a lease began.

    Java passes on what the client said of that, which is nothing (0); ours says when it was.
    """
    items = [comparable(item) for item in pair.recorder.items(app)]
    for item in items:
        lease = item.get("instanceInfo", {}).get("leaseInfo", {})
        for name in ("registrationTimestamp", "lastRenewalTimestamp", "serviceUpTimestamp"):
            lease.pop(name, None)
    return items


def _instances(pair: Pair, app: str) -> Any:  # noqa: ANN401 - JSON
    return comparable(pair.server.ask("GET", f"/apps/{app}/{app}-1").json["instance"])
