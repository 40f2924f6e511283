"""Pods that the injector gives a sidecar, and what the peers of an EurekaCluster hold of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from cluster import namespaces, places
from cluster.images import REGISTRY
from cluster.plan import CONTROL, Plan
from e2e.clusters import Target
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from processes.cluster import Reply, ask, until
from support.kubectl import Kubectl

APP: Final = "ORDERS"
CONTAINER: Final = "orders"
SIDECAR: Final = "eureka-sidecar"
INJECTED: Final = "eurekube.io/injected"
PORT: Final = 8080

_REGISTRY: Final = 8761
_TIMEOUT_S: Final = 20.0
_GRACE_S: Final = 5
"""Too short for a hold at the end: these tests are about pods that do not end as they should."""
_PROGRAM: Final = """
import http.server, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
http.server.test(http.server.SimpleHTTPRequestHandler, port=8080)
"""

Object = dict[str, Any]


class PeerInstance(NamedTuple):
    """An instance at a peer."""

    id: str
    status: str
    override: str
    uid: str
    """Of its pod, as it says itself."""


class Holdings:
    """What peers hold of the application, asked in the cluster's network."""

    def __init__(self, plan: Plan, addresses: Iterable[str]) -> None:
        self._pid = places.lifeline(plan, CONTROL).pid
        self._addresses = tuple(addresses)

    @classmethod
    def of(cls, plan: Plan, cluster: EkcCluster) -> Holdings:
        """Those of the peers that are ready now."""
        return cls(plan, [pod.address for pod in cluster.pods.values() if pod.ready])

    @property
    def all(self) -> list[list[PeerInstance]]:
        """What each peer holds; `OSError` if one does not answer."""
        return [self.at(each) for each in self._addresses]

    def at(self, address: str) -> list[PeerInstance]:
        """What a peer holds."""
        found = self.ask("GET", f"/eureka/apps/{APP}", address=address)
        if found.status == 404:
            return []
        if found.status != 200:
            raise ConnectionError(f"{address} answers {found.status}")
        return [_instance(each) for each in found.json["application"]["instance"]]

    def uids(self) -> set[str]:
        """The pods that every peer has."""
        return set.intersection(*({each.uid for each in held} for held in self.all))

    def are(self, uid: str, status: str) -> bool:
        """Whether every peer shows a pod with this status, and this one alone."""
        return all(
            [each.status for each in held if each.uid == uid] == [status] for held in self.all
        )

    def lack(self, uids: Iterable[str]) -> bool:
        """Whether no peer has any of these pods."""
        gone = set(uids)
        return not any(each.uid in gone for held in self.all for each in held)

    def id_of(self, uid: str) -> str:
        """The id of a pod's instance."""
        return next(each.id for each in self.all[0] if each.uid == uid)

    def ask(self, method: str, path: str, body: object = None, address: str = "") -> Reply:
        """Ask a peer, the first one if none is named."""
        where = (address or self._addresses[0], _REGISTRY)
        return namespaces.in_network(
            self._pid, lambda: ask(where, method, path, body, timeout_s=_TIMEOUT_S)
        )


def pod(target: Target, name: str, node: str = "", **spec: object) -> Object:
    """A pod that asks for a sidecar itself; on any node if none is named."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": _labels(name)},
        "spec": {**_spec(target, node), **spec},
    }


def workload(target: Target, kind: str, name: str, replicas: int, node: str = "") -> Object:
    """A Deployment or StatefulSet of such pods."""
    labels = {"set": name}
    spec: Object = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": _labels(name)}, "spec": _spec(target, node)},
    }
    if kind == "StatefulSet":
        spec["serviceName"] = name
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def registration(name: str, metadata: Mapping[str, str], duration_s: int = 600) -> Object:
    """What the sidecar of a pod would register, for one that nobody has."""
    return {
        "instance": {
            "instanceId": f"{name}:orders:{PORT}",
            "hostName": "192.0.2.1",
            "app": APP,
            "ipAddr": "192.0.2.1",
            "status": "UP",
            "port": {"$": PORT, "@enabled": "true"},
            "securePort": {"$": 443, "@enabled": "false"},
            "vipAddress": "orders",
            "dataCenterInfo": {
                "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
                "name": "MyOwn",
            },
            "leaseInfo": {"renewalIntervalInSecs": 30, "durationInSecs": duration_s},
            "metadata": dict(metadata),
        }
    }


def listed(*objects: Object) -> str:
    """Objects for `kubectl apply`."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})


def uids(kubectl: Kubectl, name: str) -> set[str]:
    """The pods of this name, or of the workload of this name."""
    pods = kubectl.get("pods", f"--selector=set={name}")["items"]
    return {each["metadata"]["uid"] for each in pods}


def all_up(kubectl: Kubectl, holdings: Holdings, name: str, count: int) -> set[str]:
    """Wait until all peers show so many pods of a name as UP; their uids."""
    until(lambda: len(uids(kubectl, name)) == count, PATIENCE_S)
    found = uids(kubectl, name)
    until(lambda: all(holdings.are(each, "UP") for each in found), PATIENCE_S)
    return found


def _labels(name: str) -> dict[str, str]:
    return {"app": "orders", "set": name, "eurekube.io/inject": "enabled"}


def _spec(target: Target, node: str) -> Object:
    spec: Object = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _GRACE_S,
        "containers": [
            {
                "name": CONTAINER,
                "image": target.image(REGISTRY),
                "imagePullPolicy": "IfNotPresent",
                "command": ["python3", "-c", _PROGRAM],
                "ports": [{"containerPort": PORT}],
                "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
            }
        ],
    }
    return {**spec, "nodeSelector": {"kubernetes.io/hostname": node}} if node else spec


def _instance(document: Mapping[str, Any]) -> PeerInstance:
    return PeerInstance(
        document["instanceId"],
        document["status"],
        document.get("overriddenStatus", document.get("overriddenstatus", "UNKNOWN")),
        document.get("metadata", {}).get("pod-uid", ""),
    )


@contextmanager
def registered(holdings: Holdings, namespace: str, whose: Mapping[str, str]) -> Iterator[None]:
    """Have leases of pods that nobody has, while the block runs; the uid of each one's Kubernetes.

    One that is empty is left out.
    """
    try:
        for name, cluster_uid in whose.items():
            metadata = {"pod-name": name, "pod-uid": f"uid-of-{name}", "namespace": namespace}
            if cluster_uid:
                metadata["cluster-uid"] = cluster_uid
            answer = holdings.ask("POST", f"/eureka/apps/{APP}", registration(name, metadata))
            assert answer.status == 204
        yield
    finally:
        for name in whose:
            instance = registration(name, {})["instance"]["instanceId"]
            holdings.ask("DELETE", f"/eureka/apps/{APP}/{instance}")


def cluster_uid(target: Target) -> str:
    """Which Kubernetes this is."""
    uid: str = target.kubectl.get("namespace", "kube-system")["metadata"]["uid"]
    return uid


def unscheduled(target: Target, name: str) -> dict[str, Any]:
    """A pod that no scheduler looks at, and that looks injected."""
    document = pod(target, name, schedulerName="nobody")
    document["metadata"]["labels"] = {INJECTED: "true", "idle": "yes"}
    return document
