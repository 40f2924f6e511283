"""What kind is asked for: its configuration file, as data. Pure."""

from __future__ import annotations

import json
from typing import Any, Final

from ..plan import ZONES
from ..versions import Kubernetes

API_PORT: Final = 6443
"""Of the API server on 127.0.0.1 of the engine's network, where nobody else listens."""
_ZONE: Final = "topology.kubernetes.io/zone"


def config(nodes: int, version: Kubernetes | None, port: int = 0) -> str:
    """One node that is control plane and all, or a control plane and `nodes` in three zones.

    `version` is None where kind takes its own image; `port` 0 is any that is free. JSON is YAML.
    """
    document: dict[str, Any] = {
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "kind": "Cluster",
        "networking": {"apiServerAddress": "127.0.0.1", "apiServerPort": port},
        "nodes": _nodes(nodes),
        "kubeadmConfigPatches": _patches(version),
    }
    return json.dumps(document, indent=1) + "\n"


def _nodes(count: int) -> list[dict[str, Any]]:
    control: dict[str, Any] = {"role": "control-plane"}
    if count == 1:
        return [{**control, "labels": {_ZONE: "zone-1"}}]
    workers = ({"role": "worker", "labels": {_ZONE: zone}} for zone in _zones(count))
    return [control, *workers]


def _zones(count: int) -> list[str]:
    return [f"zone-{number % ZONES + 1}" for number in range(count)]


def _patches(version: Kubernetes | None) -> list[str]:
    """Since 1.35 a kubelet refuses control groups of version 1, which our nodes' kubelets get."""
    if version is None or not version.fails_on_cgroup_v1:
        return []
    return [json.dumps({"kind": "KubeletConfiguration", "failCgroupV1": False})]
