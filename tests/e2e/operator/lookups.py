"""Clients that fetch the registry all the time, in a pod beside an EurekaCluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cluster.images import REGISTRY
from e2e.clusters import Target
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from processes.cluster import until

POD: Final = "looker"
_CLIENTS: Final = 3
_PROGRAM: Final = Path(__file__).with_name("looker.py")
_FOLDER: Final = "/program"


@dataclass(frozen=True)
class LookUpResult:
    """What the clients have met so far: see `looker.py`."""

    looks: int
    retried: int
    failed: list[dict[str, Any]]


class LookUps:
    """Look-ups at the peers of a cluster, each with one retry."""

    def __init__(self, cluster: EkcCluster) -> None:
        self._kubectl = cluster.kubectl

    @property
    def report(self) -> LookUpResult:
        """All that was found up to now."""
        return LookUpResult(**json.loads(self._kubectl("logs", POD, "--tail=1")))

    @property
    def has_begun(self) -> bool:
        """Whether any client has looked."""
        return bool(self._kubectl.run_unchecked("logs", POD, "--tail=1").stdout)


@contextmanager
def run_lookups(target: Target, cluster: EkcCluster, node: str = "") -> Iterator[LookUps]:
    """Have clients of a running cluster, on any node if none is named, that know all its peers."""
    urls = cluster.status["endpoints"]["defaultZone"].split(",")
    wanted = json.dumps({"urls": urls, "clients": _CLIENTS})
    container = {
        "name": "looker",
        "image": target.image(REGISTRY),
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-u", f"{_FOLDER}/{_PROGRAM.name}", wanted],
        "volumeMounts": [{"name": "program", "mountPath": _FOLDER}],
    }
    spec: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
        "volumes": [{"name": "program", "configMap": {"name": POD}}],
    }
    if node:
        spec["nodeSelector"] = {"kubernetes.io/hostname": node}
    data = {_PROGRAM.name: _PROGRAM.read_text()}
    objects = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": POD}, "data": data},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD}, "spec": spec},
    ]
    cluster.kubectl.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    try:
        found = LookUps(cluster)
        until(lambda: found.has_begun, PATIENCE_S)
        yield found
    finally:
        cluster.kubectl("delete", "pod,configmap", POD)
