"""A peer that is as strict as the Java server's receiver and knows nothing of digests.

What it takes it judges by `docs/protocol/replication.md#batch-request`: an unknown key anywhere
refuses the batch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from processes.cluster import LONG, Cluster, PeerProcess, document, until
from processes.lying_peer import LyingPeer

ITEM = {"appName", "id", "lastDirtyTimestamp", "status", "overriddenStatus", "instanceInfo"}
INSTANCE = {
    *("instanceId", "hostName", "app", "ipAddr", "status", "overriddenStatus", "port"),
    *("securePort", "countryId", "dataCenterInfo", "leaseInfo", "metadata", "appGroupName"),
    *("homePageUrl", "statusPageUrl", "healthCheckUrl", "secureHealthCheckUrl", "vipAddress"),
    *("secureVipAddress", "isCoordinatingDiscoveryServer", "lastUpdatedTimestamp"),
    *("lastDirtyTimestamp", "actionType", "asgName"),
}
LEASE = {
    *("renewalIntervalInSecs", "durationInSecs", "registrationTimestamp"),
    *("lastRenewalTimestamp", "evictionTimestamp", "serviceUpTimestamp"),
}


class JavaLike:
    """Answers as the Java server does, and remembers what it would have refused."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Any]] = {}
        self.refused: list[object] = []
        self.conflict: dict[str, Any] | None = None
        """With it, heartbeats of that instance are answered 409 with this document."""

    async def answer(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        """E16 and the full list; 404 for everything else, as Jersey answers."""
        if request.path == "/eureka/apps/":
            return self._list()
        if request.path != "/eureka/peerreplication/batch/":
            return web.Response(status=404)
        batch = json.loads(body)
        items = batch.pop("replicationList")
        wrong = [item for item in items if not _is_strict(item)]
        if batch or wrong:
            self.refused.extend(wrong or [batch])
            return web.Response(status=400)
        replies = [self._do(item) for item in items]
        return web.json_response({"responseList": replies})

    def _do(self, item: dict[str, Any]) -> dict[str, object]:
        key = item["id"]
        match item["action"]:
            case "Register":
                self.held[key] = item["instanceInfo"]
            case "Cancel":
                return {"statusCode": 200 if self.held.pop(key, None) else 404}
            case "Heartbeat" if self.conflict is not None:
                return {"statusCode": 409, "responseEntity": self.conflict}
            case _ if key not in self.held:
                return {"statusCode": 404}
            case "StatusUpdate" | "DeleteStatusOverride":
                self.held[key]["status"] = item["status"]
        return {"statusCode": 200}

    def _list(self) -> web.StreamResponse:
        apps: dict[str, list[object]] = {}
        for instance in self.held.values():
            apps.setdefault(instance["app"], []).append(instance)
        listed = [{"name": name, "instance": instances} for name, instances in apps.items()]
        counts = f"UP_{len(self.held)}_" if self.held else ""
        document = {"versions__delta": "1", "apps__hashcode": counts, "application": listed}
        return web.json_response({"applications": document})


def _is_strict(item: dict[str, Any]) -> bool:
    """Whether Jackson, configured as the server does it, would read the item."""
    allowed = {"appName", "id", "action"} if item["action"] == "Cancel" else ITEM | {"action"}
    if not item.keys() <= allowed:
        return False
    if item["action"] != "Cancel" and type(item.get("lastDirtyTimestamp")) is not int:
        return False
    if item["action"] != "Register":
        return "instanceInfo" not in item
    instance = item["instanceInfo"]
    return (
        instance.keys() <= INSTANCE
        and instance["leaseInfo"].keys() == LEASE
        and isinstance(instance["lastDirtyTimestamp"], str)
        and "@class" in instance["dataCenterInfo"]
        and isinstance(instance["isCoordinatingDiscoveryServer"], str)
    )


@pytest.fixture
def java() -> JavaLike:
    """What the peer holds."""
    return JavaLike()


@pytest.fixture
def server(java: JavaLike) -> Iterator[LyingPeer]:
    """The server it answers through."""
    with LyingPeer(java.answer) as server:
        yield server


@pytest.fixture
def cluster(server: LyingPeer) -> Iterator[Cluster]:
    """Two peers of ours that have it in their lists, not started."""
    with Cluster(2) as cluster:
        cluster.wire(server.url)
        yield cluster


def test_story_of_an_instance_is_told_in_strict_batches(
    cluster: Cluster, server: LyingPeer, java: JavaLike
) -> None:
    """Every action once; only the peer whose client it is tells it."""
    one, two = cluster.start().peers
    one.register("TALE", "t", leaseInfo=LONG, metadata={"a": "b"})
    until(lambda: "t" in java.held)
    one.renew("TALE", "t")
    one.ask("PUT", "/apps/TALE/t/status?value=OUT_OF_SERVICE")
    until(lambda: java.held["t"]["status"] == "OUT_OF_SERVICE")
    one.renew("TALE", "t")
    until(lambda: any("overriddenStatus" in item for item in server.items()))
    one.ask("DELETE", "/apps/TALE/t/status?value=UP")
    one.ask("PUT", "/apps/TALE/t/metadata?c=d")
    until(lambda: java.held["t"]["metadata"].get("c") == "d")
    assert two.ask("DELETE", "/apps/TALE/t").status == 200
    until(lambda: "t" not in java.held)

    assert java.refused == []
    actions = [str(item["action"]) for item in server.items()]
    assert {"Register", "Heartbeat", "StatusUpdate", "Cancel"} <= set(actions)
    assert actions.count("Cancel") == 1
    for headers in server.headers:
        assert headers["DiscoveryIdentity-Name"] == "DefaultServer"
        assert headers["Content-Type"] == "application/json"
        assert "x-netflix-discovery-replication" not in {name.lower() for name in headers}


def test_peer_is_shown_as_java_and_available(cluster: Cluster, server: LyingPeer) -> None:
    """No digest is no failure: agreement stays unknown, and nothing is repaired."""
    one, _ = cluster.start().peers

    edge = until(lambda: _java_edge(cluster, server))

    assert edge["available"], edge
    assert edge["agreement"] == "unknown"
    one.register("TALE", "t", leaseInfo=LONG)
    until(lambda: one.edges()[str(server.port)]["lastDeliveredMsAgo"] is not None)


def test_register_follows_when_it_lost_the_lease(
    cluster: Cluster, server: LyingPeer, java: JavaLike
) -> None:
    """A Java peer that restarted or evicted says 404 to a renewal."""
    one, _ = cluster.start().peers
    one.register("TALE", "t", leaseInfo=LONG)
    until(lambda: "t" in java.held)
    java.held.clear()
    before = len(server.items())

    assert one.renew("TALE", "t") == 200

    until(lambda: "t" in java.held)
    actions = [item["action"] for item in server.items()[before:]]
    assert actions == ["Heartbeat", "Register"]
    assert java.refused == []


def test_newer_document_of_a_conflict_is_adopted(cluster: Cluster, java: JavaLike) -> None:
    """The client went to the Java peer meanwhile; ours learns of it at the next renewal."""
    one, two = cluster.start().peers
    one.register("TALE", "t", leaseInfo=LONG)
    until(lambda: "t" in java.held)
    newer = document(
        "TALE", "t", leaseInfo=LONG, metadata={"v": "2"}, lastDirtyTimestamp="1700000009000"
    )
    java.conflict = newer["instance"]

    one.renew("TALE", "t")

    until(lambda: _version(one) == _version(two) == "2")


def test_start_copies_what_it_holds(cluster: Cluster, java: JavaLike) -> None:
    """Its list is a complete copy; leases begin now, because it does not say how old they are."""
    for number in range(3):
        instance: Any = document("OLD", f"o{number}", leaseInfo=LONG)["instance"]
        java.held[f"o{number}"] = instance
    one, two = cluster.peers

    cluster.start([one])

    assert one.ids() == {"o0", "o1", "o2"}
    cluster.start([two])
    assert two.ids() == {"o0", "o1", "o2"}


def _version(peer: PeerProcess) -> object:
    instance = peer.instance("TALE", "t") or {"metadata": {}}
    return instance["metadata"].get("v")


def _java_edge(cluster: Cluster, server: LyingPeer) -> dict[str, Any] | None:
    edge = cluster.peers[0].edges()[str(server.port)]
    return edge if edge["kind"] == "java" else None
