"""What tests of EurekaRegistrations share: an EurekaCluster whose peers are processes here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from kube.operator.objects import eureka_cluster
from processes.cluster import PeerProcess, until
from support.kubectl import Kubectl

LABELS: Final = {"eurekube.io/cluster": "eureka"}
PATIENCE_S: Final = 90.0
"""The machine is shared by many."""

STATEFUL_SET: Final[dict[str, Any]] = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "spec": {
        "serviceName": "eureka",
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": LABELS}, "spec": {}},
    },
}


def have_peers(kubectl: Kubectl, peers: Sequence[PeerProcess]) -> None:
    """Have an EurekaCluster, and a ready pod at 127.0.0.1 for each of its peers."""
    kubectl.apply(eureka_cluster("eureka"))
    for number, peer in enumerate(peers):
        name = f"eureka-peer-{number}"
        container = {
            "name": "registry",
            "image": "none",
            "ports": [{"name": "http", "containerPort": peer.port}],
        }
        document = {**STATEFUL_SET, "metadata": {"name": name}}
        document["spec"] = {
            **STATEFUL_SET["spec"],
            "replicas": 1,
            "selector": {"matchLabels": {**LABELS, "set": name}},
            "template": {
                "metadata": {"labels": {**LABELS, "set": name}},
                "spec": {"containers": [container], "automountServiceAccountToken": False},
            },
        }
        kubectl.apply(json.dumps(document))
    for number in range(len(peers)):
        set_ready(kubectl, f"eureka-peer-{number}-0")


def set_ready(kubectl: Kubectl, pod: str) -> None:
    """Say that a pod runs, as its kubelet would."""
    until(lambda: kubectl.run_unchecked("get", "pod", pod).returncode == 0, PATIENCE_S)
    status = {
        "phase": "Running",
        "podIP": "127.0.0.1",
        "podIPs": [{"ip": "127.0.0.1"}],
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    patch = json.dumps({"status": status})
    kubectl("patch", "pod", pod, "--subresource=status", "--type=merge", f"--patch={patch}")


def registration(name: str = "db", **spec: object) -> str:
    """An EurekaRegistration with the EurekaCluster of `have_peers`."""
    document = {
        "apiVersion": "eurekube.io/v1alpha1",
        "kind": "EurekaRegistration",
        "metadata": {"name": name},
        "spec": {"clusterRef": {"name": "eureka"}, **spec},
    }
    return json.dumps(document)


def service(name: str = "db") -> str:
    """A Service without a selector: its slices are made by hand."""
    document = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"ports": [{"name": "sql", "port": 5432}]},
    }
    return json.dumps(document)


def slices(name: str = "db", **ready: bool) -> str:
    """Its EndpointSlice: the last part of each address, and whether it is ready."""
    document = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": f"{name}-1", "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "ports": [{"name": "sql", "port": 5432, "protocol": "TCP"}],
        "endpoints": [
            {
                "addresses": [f"10.9.0.{address.removeprefix('a')}"],
                "conditions": {"ready": is_ready},
                "zone": "zone-1",
            }
            for address, is_ready in ready.items()
        ],
    }
    return json.dumps(document)


def instances_at(peer: PeerProcess, app: str = "DB") -> dict[str, str]:
    """Address and status of each instance of an application."""
    reply = peer.ask("GET", f"/apps/{app}")
    if reply.status == 404:
        return {}
    assert reply.status == 200, reply
    return {each["ipAddr"]: each["status"] for each in reply.json["application"]["instance"]}


def synced(kubectl: Kubectl, name: str = "db") -> tuple[str, str, str]:
    """Status, reason and message of the condition; empty if there is none yet."""
    conditions = kubectl.get("ekr", name).get("status", {}).get("conditions", [])
    return next(
        ((each["status"], each["reason"], each["message"]) for each in conditions), ("", "", "")
    )
