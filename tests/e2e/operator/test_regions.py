"""Remote regions that are other EurekaClusters, in another namespace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, Final

import pytest

from e2e.clusters import Target
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from processes.cluster import ask, document, until

PEERS: Final = ("eureka-peer-1", "eureka-peer-2")
OWN: Final = "WEST-PEERS"
ORDERS: Final = {"renewalIntervalInSecs": 30, "durationInSecs": 3600}
REACHED: Final = "RemoteRegionsAvailable"

Record = Callable[[str, object], None]


@pytest.fixture
def west(target: Target, cluster: EkcCluster) -> Iterator[EkcCluster]:  # noqa: ARG001 - beside it
    """A cluster in another namespace that is yet to be started."""
    with target.kubectl.in_a_namespace("west") as kubectl:
        yield EkcCluster(kubectl)


def test_other_cluster_is_a_remote_region(
    cluster: EkcCluster, west: EkcCluster, record_property: Record
) -> None:
    """It comes, is seen in part and in whole, is scaled, goes, and comes back with another URL.

    The cluster that names it says what is missing, and none of its peers restarts.
    """
    cluster.start({"replicas": 2, "registry": _region(west)})
    lives = cluster.restart_counts
    until(lambda: cluster.is_so(REACHED, "False", "ClusterNotFound"), PATIENCE_S)
    assert f"{west.kubectl.namespace}/eureka" in cluster.condition(REACHED)["message"]
    until(lambda: cluster.is_so("Ready"), PATIENCE_S)

    west.start(_west(port=8762, contextPath="/west"))
    _register(west, "ORDERS", 8762, "/west/eureka/")
    seconds = _wait_for(cluster, {OWN: 1, "ORDERS": 1})
    record_property("a remote region's instances, after it is Ready", seconds)
    until(lambda: cluster.is_so(REACHED), PATIENCE_S)

    cluster.change({"registry": _region(west, apps=["ORDERS"])})
    record_property("a remote region's applications chosen", _wait_for(cluster, {"ORDERS": 1}))
    cluster.change({"registry": _region(west)})
    west.scale(2)
    record_property("a remote region scaled", _wait_for(cluster, {OWN: 2, "ORDERS": 1}))

    west.delete()
    record_property("a remote region that is gone", _wait_for(cluster, {}))
    until(lambda: cluster.is_so(REACHED, "False", "ClusterNotFound"), PATIENCE_S)
    west.start(_west(contextPath="/other"))
    record_property("a remote region with another URL", _wait_for(cluster, {OWN: 1}))
    until(lambda: cluster.is_so(REACHED), PATIENCE_S)
    assert cluster.restart_counts == lives


def test_policy_of_the_other_cluster_lets_peers_of_any_namespace_in(west: EkcCluster) -> None:
    """They come as clients, and clients are not restricted unless the spec says so."""
    west.apply(_west())
    policy = until(lambda: _policies(west), PATIENCE_S)[0]

    (rule,) = (each for each in policy["spec"]["ingress"] if _ports(each) == {"http"})
    assert "from" not in rule


def _region(west: EkcCluster, **fields: object) -> dict[str, Any]:
    """`spec.registry` with the other cluster as the region `west`."""
    reference = {"name": west.name, "namespace": west.kubectl.namespace}
    region = {"name": "west", "clusterRef": reference, **fields}
    return {"remoteRegions": [region], "remoteRegionFetchIntervalSeconds": 5}


def _west(**peers: object) -> dict[str, Any]:
    """The spec of the other cluster: one peer, known by an application of its own."""
    return {"replicas": 1, "peers": peers, "registry": {"appName": OWN}}


def _register(cluster: EkcCluster, app: str, port: int, path: str) -> None:
    """Register an instance at the first peer, whose lease outlives the test."""
    body = document(app, f"{app.lower()}:1", leaseInfo=ORDERS)
    with cluster.kubectl.forwarded("pod/eureka-peer-1", port) as local:
        assert ask(local, "POST", f"{path}apps/{app}", body).status == HTTPStatus.NO_CONTENT


def _wait_for(cluster: EkcCluster, wanted: dict[str, int]) -> str:
    """Wait until every peer shows these applications of the region, and only these; how long."""
    begin = time.monotonic()
    until(lambda: all(_instance_counts(cluster, peer) == wanted for peer in PEERS), PATIENCE_S)
    return f"{time.monotonic() - begin:.1f} s"


def _instance_counts(cluster: EkcCluster, peer: str) -> dict[str, int] | None:
    """How many instances of each application that is not its own a peer shows, if it answers."""
    found = cluster.apps(peer)
    return {name: len(ids) for name, ids in found.items() if name != "EUREKA"} if found else None


def _policies(cluster: EkcCluster) -> list[Any]:
    items: list[Any] = cluster.kubectl.get("networkpolicies")["items"]
    return items


def _ports(rule: dict[str, Any]) -> set[str]:
    return {str(each["port"]) for each in rule.get("ports", [])}
