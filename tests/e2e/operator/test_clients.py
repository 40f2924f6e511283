"""Clients that nobody here wrote, in pods beside an EurekaCluster: Spring's and Python's.

Some know no server but peer2, as people write it who have only ever had one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from cluster.images import CLIENT
from e2e.clusters import Target
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from processes.cluster import until

PEER2: Final = "http://peer2:8761/eureka/"
SOON: Final = {
    "eureka.instance.prefer-ip-address": True,
    "eureka.instance.lease-renewal-interval-in-seconds": 1,
    "eureka.instance.lease-expiration-duration-in-seconds": 600,
    "eureka.client.registry-fetch-interval-seconds": 1,
    "eureka.client.instance-info-replication-interval-seconds": 1,
    "eureka.client.initial-instance-info-replication-interval-seconds": 0,
    "spring.cloud.loadbalancer.cache.enabled": False,
}
"""What takes half a minute by default happens every second; no lease ends within the test."""
PODS: Final = ("greeter", "caller", "inside")
IDS: Final = {name.upper(): {f"{name}:1"} for name in PODS}

Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def clients(target: Target, shared: EkcCluster, spring: str) -> Iterator[EkcCluster]:
    """A cluster with three clients: two know peer2 only, one has the URLs of the status."""
    everywhere = shared.status["endpoints"]["defaultZone"]
    pods = [
        _spring("greeter", spring, PEER2),
        _spring("caller", spring, everywhere),
        _pod("inside", target.image(CLIENT), {"args": ["INSIDE", PEER2]}),
    ]
    shared.kubectl.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": pods}))
    yield shared
    shared.kubectl("delete", "pods", *PODS, "--ignore-not-found", "--wait=false")


def test_all_are_seen_at_every_peer_and_by_each_other(clients: EkcCluster) -> None:
    """Whichever peer they know, and whatever they are written in."""
    until(lambda: _everywhere(clients), PATIENCE_S)
    until(lambda: _call_each_other(clients), PATIENCE_S)
    until(lambda: IDS.keys() <= _python_client_view(clients).keys(), PATIENCE_S)


@pytest.mark.long
def test_loss_of_the_only_peer_they_know_does_not_last(
    clients: EkcCluster, record_property: Record
) -> None:
    """Another pod gets the name and copies the leases; clients renew there, and none restarts."""
    until(lambda: _everywhere(clients), PATIENCE_S)
    lost = clients.pods["eureka-peer-2"].uid

    begin = time.monotonic()
    clients.kubectl("delete", "pod", "eureka-peer-2", "--grace-period=0", "--force")
    until(lambda: _ready_uid(clients) not in ("", lost), PATIENCE_S)
    clients.wait_ready()

    renewed = _renewed_at(clients, "greeter")
    until(lambda: _renewed_at(clients, "greeter") > renewed, PATIENCE_S)
    record_property("Spring renews at peer2's next pod", f"{time.monotonic() - begin:.0f} s")
    until(lambda: _everywhere(clients), PATIENCE_S)
    until(lambda: _call_each_other(clients), PATIENCE_S)
    assert _restarts(clients) == dict.fromkeys(PODS, 0)


def test_those_that_leave_are_gone_at_every_peer(clients: EkcCluster) -> None:
    """They deregister when their pods are deleted; their leases would last for minutes."""
    until(lambda: _everywhere(clients), PATIENCE_S)

    clients.kubectl("delete", "pods", *PODS, "--wait=false")

    until(lambda: _is_absent(clients), PATIENCE_S)


def _spring(name: str, image: str, urls: str) -> dict[str, Any]:
    settings = {
        **SOON,
        "spring.application.name": name,
        "eureka.instance.instance-id": f"{name}:1",
        "eureka.client.service-url.defaultZone": urls,
    }
    environment = [{"name": "SPRING_APPLICATION_JSON", "value": json.dumps(settings)}]
    ready = {"httpGet": {"path": "/hello", "port": 8080}, "periodSeconds": 1}
    return _pod(name, image, {"env": environment, "readinessProbe": ready})


def _pod(name: str, image: str, container: dict[str, Any]) -> dict[str, Any]:
    named = {"name": "client", "image": image, "imagePullPolicy": "IfNotPresent", **container}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [named], "enableServiceLinks": False},
    }


def _everywhere(cluster: EkcCluster) -> bool:
    """Whether each of three peers lists all clients."""
    pods = cluster.pods
    return len(pods) == 3 and all(IDS.items() <= cluster.apps(pod).items() for pod in pods)


def _is_absent(cluster: EkcCluster) -> bool:
    """Whether each of three peers answers, and lists no client."""
    listed = [cluster.apps(pod).keys() for pod in cluster.pods]
    return len(listed) == 3 and all(each and not each & IDS.keys() for each in listed)


def _call_each_other(cluster: EkcCluster) -> bool:
    """Whether the Spring applications reach each other by name."""
    pods = f"/api/v1/namespaces/{cluster.kubectl.namespace}/pods"
    pairs = (("greeter", "caller"), ("caller", "greeter"))
    paths = [f"{pods}/{one}:8080/proxy/call/{other}" for one, other in pairs]
    return all(
        cluster.kubectl.run_unchecked("get", "--raw", each).stdout == "hello" for each in paths
    )


def _python_client_view(cluster: EkcCluster) -> dict[str, Any]:
    """What the Python client sees: its last line that is a document."""
    lines = cluster.kubectl("logs", "inside", "--tail=20").splitlines()
    seen: list[dict[str, Any]] = [json.loads(line) for line in lines if line.startswith("{")]
    return seen[-1] if seen else {}


def _ready_uid(cluster: EkcCluster) -> str:
    """The pod of peer2; empty as long as it is not ready."""
    found = cluster.pods.get("eureka-peer-2")
    return found.uid if found is not None and found.ready else ""


def _renewed_at(cluster: EkcCluster, name: str) -> int:
    """When a client last renewed its lease, as peer2 has it; milliseconds. Lists do not show it."""
    pods = f"/api/v1/namespaces/{cluster.kubectl.namespace}/pods"
    path = f"/eureka/apps/{name.upper()}/{name}:1"
    found = cluster.kubectl.raw(f"{pods}/eureka-peer-2:8761/proxy{path}")
    return int(found["instance"]["leaseInfo"]["lastRenewalTimestamp"])


def _restarts(cluster: EkcCluster) -> dict[str, int]:
    """How often each client was started again."""
    found = cluster.kubectl.get("pods", *PODS)["items"]
    return {
        each["metadata"]["name"]: each["status"]["containerStatuses"][0]["restartCount"]
        for each in found
    }
