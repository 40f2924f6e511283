"""The stand-in kubelet before a real API server and its controllers."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any, Final

import pytest

from cluster import namespaces, places
from cluster.faults import Faults
from cluster.plan import CONTROL, Plan
from processes.cluster import until
from support.kubectl import Kubectl
from support.standin.crowd import create_pods
from support.standin.documents import Situation
from support.standin.standin import StandIn

PATIENCE_S: Final = 90.0
LABELS: Final = {"eurekube.io/cluster": "eureka"}
NAMES: Final = {f"eureka-peer-{number}": f"peer{number}" for number in (1, 2, 3)}


@pytest.fixture(scope="module")
def standin(cluster: Plan) -> Iterator[StandIn]:
    """The kubelet of the cluster."""
    with StandIn(cluster) as standin:
        yield standin


@pytest.fixture
def peers(standin: StandIn, kubectl: Kubectl) -> Kubectl:  # noqa: ARG001 - must be there
    """A namespace with three peers that run."""
    kubectl.apply(json.dumps(_config_map(listed=3)))
    kubectl.apply(json.dumps(_stateful_set()))
    until(lambda: len(ready(kubectl)) == 3, PATIENCE_S)
    return kubectl


@pytest.mark.usefixtures("standin")
def test_peers_are_ready_once_they_are_listed(kubectl: Kubectl) -> None:
    """Each has an address of its own from the start, by which the operator lists it."""
    kubectl.apply(json.dumps(_config_map(listed=1)))
    kubectl.apply(json.dumps(_stateful_set()))
    until(lambda: len({*addresses(kubectl).values()} - {""}) == 3, PATIENCE_S)
    until(lambda: ready(kubectl) == {"eureka-peer-1"}, PATIENCE_S)

    kubectl.apply(json.dumps(_config_map(listed=3)))

    until(lambda: ready(kubectl) == set(NAMES), PATIENCE_S)
    slices = kubectl.get("endpointslices")["items"]
    assert len([each for one in slices for each in one["endpoints"]]) == 3


def test_page_of_each_peer_says_that_all_agree(cluster: Plan, peers: Kubectl) -> None:
    """At its own address in the cluster's network."""
    for pod, address in addresses(peers).items():
        page = fetch(cluster, address)

        assert (page["name"], page["generation"]) == (NAMES[pod], 3)
        others = [peer for peer in page["peers"] if not peer["self"]]
        assert [(each["available"], each["agreement"]) for each in others] == [
            (True, "agreed"),
            (True, "agreed"),
        ]


def test_situation_lasts_as_long_as_its_block(
    cluster: Plan, standin: StandIn, peers: Kubectl
) -> None:
    """Also for the pod that takes the place of the one that was there."""
    first, second = addresses(peers)["eureka-peer-1"], addresses(peers)["eureka-peer-2"]
    with standin.situation(peers.namespace, "eureka-peer-2", Situation.NOT_READY):
        until(lambda: ready(peers) == {"eureka-peer-1", "eureka-peer-3"}, PATIENCE_S)
    until(lambda: ready(peers) == set(NAMES), PATIENCE_S)

    with standin.situation(peers.namespace, "eureka-peer-2", Situation.UNREACHABLE):
        with pytest.raises(TimeoutError):
            fetch(cluster, second, timeout_s=0.5)
        assert fetch(cluster, first)["peers"][1]["available"] is False
    assert fetch(cluster, second)["name"] == "peer2"


def test_deleted_pod_ends_and_its_successor_has_another_address(peers: Kubectl) -> None:
    """Scaling down ends pods for good."""
    before = addresses(peers)["eureka-peer-3"]

    peers("delete", "pod", "eureka-peer-3", "--wait=false")
    until(lambda: addresses(peers).get("eureka-peer-3", before) not in ("", before), PATIENCE_S)
    peers("scale", "statefulset", "eureka-peer", "--replicas=0")

    until(lambda: not addresses(peers), PATIENCE_S)


def test_kubelet_goes_on_after_the_api_server_was_away(cluster: Plan, peers: Kubectl) -> None:
    """What changed meanwhile is listed again."""
    before = addresses(peers)["eureka-peer-1"]
    with Faults(cluster).without_api():
        pass

    peers("delete", "pod", "eureka-peer-1", "--wait=false")

    until(lambda: addresses(peers).get("eureka-peer-1", before) not in ("", before), PATIENCE_S)
    until(lambda: ready(peers) == set(NAMES), PATIENCE_S)


@pytest.mark.usefixtures("standin")
def test_crowd_is_there_and_nobody_runs_it(cluster: Plan, kubectl: Kubectl) -> None:
    """Pods of others fill a cluster; the stand-in leaves them alone."""
    create_pods(cluster, kubectl.namespace, 50)

    pods = kubectl.get("pods")["items"]

    assert len(pods) == 50
    assert {pod["status"]["phase"] for pod in pods} == {"Pending"}
    assert not [pod for pod in pods if "nodeName" in pod["spec"]]


def fetch(cluster: Plan, address: str, timeout_s: float = 5.0) -> Any:  # noqa: ANN401 - JSON
    """The page `/peers` of a pod."""

    def get() -> bytes:
        with urllib.request.urlopen(f"http://{address}:8763/peers", timeout=timeout_s) as answer:
            return bytes(answer.read())

    return json.loads(namespaces.in_network(places.lifeline(cluster, CONTROL).pid, get))


def addresses(kubectl: Kubectl) -> dict[str, str]:
    """The address of each pod, empty before it has one."""
    pods = kubectl.get("pods")["items"]
    return {pod["metadata"]["name"]: pod["status"].get("podIP", "") for pod in pods}


def ready(kubectl: Kubectl) -> set[str]:
    """The pods that are ready."""
    return {
        pod["metadata"]["name"]
        for pod in kubectl.get("pods")["items"]
        for condition in pod["status"].get("conditions", [])
        if (condition["type"], condition["status"]) == ("Ready", "True")
    }


def _config_map(listed: int) -> dict[str, Any]:
    names = list(NAMES.values())[:listed]
    peers = [
        {"name": name, "url": f"http://{name}:8761/eureka/", "zone": "", "state": "active"}
        for name in names
    ]
    document = {"generation": listed, "names": NAMES, "peers": peers}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "eureka-config", "labels": LABELS},
        "data": {"config.json": "{}", "peers.json": json.dumps(document)},
    }


def _stateful_set() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "eureka-peers"},
                "spec": {
                    "clusterIP": "None",
                    "publishNotReadyAddresses": True,
                    "selector": LABELS,
                    "ports": [{"port": 8761}],
                },
            },
            {
                "apiVersion": "apps/v1",
                "kind": "StatefulSet",
                "metadata": {"name": "eureka-peer"},
                "spec": {
                    "replicas": 3,
                    "ordinals": {"start": 1},
                    "serviceName": "eureka-peers",
                    "podManagementPolicy": "Parallel",
                    "selector": {"matchLabels": LABELS},
                    "template": {
                        "metadata": {"labels": LABELS},
                        "spec": {"containers": [{"name": "registry", "image": "none:1"}]},
                    },
                },
            },
        ],
    }
