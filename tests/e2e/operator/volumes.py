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
    plan: Plan, kubectl: Kubectl, *, size: str, storage_class: str = "", movable: bool = False
) -> Iterator[None]:
    """An empty volume for each node while the block lasts; of no class if none is named.

    One that is `movable` is taken for the same on every node, as one in a network would be; another
    node has it empty.
    """
    name = kubectl.namespace
    folder = f"/var/lib/volumes/{name}"
    for node in plan.nodes:
        folders = [f"{folder}/{number}" for number in range(len(plan.nodes))]
        made = places.run_in(plan, node.name, ["mkdir", "-p", *folders])
        assert made.returncode == 0, made.stderr
    spec = {
        "capacity": {"storage": size},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": storage_class,
    }
    everywhere = [node.name for node in plan.nodes]
    volumes = [
        _volume(
            f"{name}-{number}",
            {**spec, "local": {"path": f"{folder}/{number}"}},
            everywhere if movable else [each],
        )
        for number, each in enumerate(everywhere)
    ]
    try:
        kubectl.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": volumes}))
        yield
    finally:
        names = [each["metadata"]["name"] for each in volumes]
        kubectl("delete", "persistentvolume", *names, "--wait=false")


def _volume(name: str, spec: dict[str, Any], nodes: list[str]) -> dict[str, Any]:
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": nodes}
    affinity = {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {**spec, "nodeAffinity": affinity},
    }
