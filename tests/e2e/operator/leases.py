"""Leases that real clients hold all the time, in a pod beside an EurekaCluster."""

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

POD: Final = "leases"
_MOST_PEERS: Final = 5
_PROGRAM: Final = Path(__file__).with_name("holder.py")
_FOLDER: Final = "/program"


@dataclass(frozen=True)
class Report:
    """What the clients have met so far: see `holder.py`."""

    held: int
    lost: int
    losses: list[dict[str, Any]]
    complete: dict[str, bool]
    missing: list[dict[str, Any]]
    looks: int
    silence_s: float


class Leases:
    """Leases of one application at the peers of a cluster; each second there is one more."""

    def __init__(self, cluster: EkcCluster) -> None:
        self._kubectl = cluster.kubectl

    @property
    def report(self) -> Report:
        """All that was found up to now."""
        return Report(**json.loads(self._kubectl("logs", POD, "--tail=1")))

    def wait_complete(self, peers: int, within_s: float = PATIENCE_S) -> None:
        """Wait until so many peers are ready, and each lists every lease."""
        until(lambda: self._is_complete(peers), within_s)

    def check(self) -> None:
        """Fail if a ready peer has lacked a settled lease, or did not know one that was renewed."""
        seen = self.report
        assert seen.missing == []
        assert seen.losses == []

    def _is_complete(self, peers: int) -> bool:
        tried = self._kubectl.run_unchecked("logs", POD, "--tail=1").stdout
        if not tried:
            return False
        seen = Report(**json.loads(tried))
        return len(seen.complete) == peers and all(seen.complete.values())


@contextmanager
def hold_leases(
    target: Target, cluster: EkcCluster, count: int, node: str = ""
) -> Iterator[Leases]:
    """`count` leases at a cluster without zones, on any node if none is named.

    A client begins at the Service or at one of the first three peers, and fails over to the others.
    """
    names = [f"peer{number}" for number in range(1, _MOST_PEERS + 1)]
    urls = [f"http://{name}:8761/eureka/" for name in (cluster.name, *names[:3])]
    wanted = json.dumps({"count": count, "urls": urls, "peers": names})
    program = {"name": "program", "configMap": {"name": POD}}
    container = {
        "name": "holder",
        "image": target.image(REGISTRY),
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-u", f"{_FOLDER}/{_PROGRAM.name}", wanted],
        "volumeMounts": [{"name": "program", "mountPath": _FOLDER}],
        "resources": {"requests": {"cpu": "200m", "memory": "128Mi"}},
    }
    spec: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
        "volumes": [program],
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
        leases = Leases(cluster)
        until(lambda: _all_held(cluster, count), PATIENCE_S)
        yield leases
    finally:
        cluster.kubectl("delete", "pod,configmap", POD)


def _all_held(cluster: EkcCluster, count: int) -> bool:
    text = cluster.kubectl.run_unchecked("logs", POD, "--tail=1").stdout
    return bool(text) and int(json.loads(text)["held"]) >= count
