"""Volumes that outlive pods, as an administrator makes them by hand where nobody provisions any."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cluster import places
from cluster.plan import Plan
from support.kubectl import Kubectl


@contextmanager
def local_volumes(
    plan: Plan, kubectl: Kubectl, *, size: str, storage_class: str = ""
) -> Iterator[None]:
    """An empty volume on each node while the block lasts; of no class if none is named."""
    name = kubectl.namespace
    folder = f"/var/lib/volumes/{name}"
    for node in plan.nodes:
        made = places.run_in(plan, node.name, ["mkdir", "-p", folder])
        assert made.returncode == 0, made.stderr
    spec = {
        "capacity": {"storage": size},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": storage_class,
        "local": {"path": folder},
    }
    volumes = [_volume(f"{name}-{node.name}", spec, node.name) for node in plan.nodes]
    try:
        kubectl.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": volumes}))
        yield
    finally:
        names = [each["metadata"]["name"] for each in volumes]
        kubectl("delete", "persistentvolume", *names, "--wait=false")


def _volume(name: str, spec: dict[str, Any], node: str) -> dict[str, Any]:
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    affinity = {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {**spec, "nodeAffinity": affinity},
    }
