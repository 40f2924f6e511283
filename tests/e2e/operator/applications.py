"""Applications with a hundred instances each that real clients hold, as Deployments."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cluster.images import REGISTRY
from e2e.clusters import Target
from e2e.operator.application import PORT
from e2e.operator.ekc import PATIENCE_S
from processes.cluster import until
from support.kubectl import Kubectl

SERVERS: Final = "EUREKA_CLIENT_SERVICEURL_DEFAULTZONE"
_PROGRAM: Final = Path(__file__).with_name("application.py")
_FOLDER: Final = "/program"


@dataclass(frozen=True)
class Report:
    """What an application's instances have met so far: see `application.py`."""

    renewals: int
    lost: list[str]
    lookups: int
    failed: list[dict[str, Any]]


class Applications:
    """Deployments in the namespace of a kubectl, each of one pod with all its instances."""

    def __init__(self, target: Target, kubectl: Kubectl, names: Iterable[str], count: int) -> None:
        self.names = [*names]
        self.count = count
        """Instances of each."""
        self._image = target.image(REGISTRY)
        self._kubectl = kubectl

    def start(self, urls: str) -> None:
        """Have them with these servers, and wait until each finds all its instances."""
        data = {_PROGRAM.name: _PROGRAM.read_text()}
        program = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "program"},
            "data": data,
        }
        objects = [program, *(self._deployment(name, urls) for name in self.names)]
        self._kubectl.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        for name in self.names:
            self.wait_ready(name)

    def wait_ready(self, name: str) -> None:
        """Wait until the newest pod finds all instances, and no other one is left."""
        status = ("rollout", "status", f"deployment/{name}", "--timeout=10s")
        until(lambda: self._kubectl.run_unchecked(*status).returncode == 0, PATIENCE_S)
        until(lambda: len(self._pods(name)) == 1, PATIENCE_S)

    def report(self, name: str) -> Report:
        """What its instances have met since their pod was started."""
        (pod,) = self._pods(name)
        text = until(
            lambda: self._kubectl.run_unchecked("logs", pod, "--tail=1").stdout, PATIENCE_S
        )
        return Report(**json.loads(text))

    def wait_renewed(self) -> None:
        """Wait until every instance has renewed its lease from now on."""
        before = {name: self.report(name).renewals for name in self.names}
        wanted = 2 * self.count
        until(
            lambda: all(self.report(n).renewals - before[n] >= wanted for n in self.names),
            PATIENCE_S,
        )

    def check(self) -> int:
        """Fail if a lease was not known, or a look-up failed twice; the number of look-ups."""
        found = {name: self.report(name) for name in self.names}
        assert {name: seen.lost for name, seen in found.items() if seen.lost} == {}
        assert {name: seen.failed for name, seen in found.items() if seen.failed} == {}
        return sum(seen.lookups for seen in found.values())

    @property
    def instances(self) -> dict[str, int]:
        """How many instances of each application there are to be."""
        return {name.upper(): self.count for name in self.names}

    def _pods(self, name: str) -> list[str]:
        found = self._kubectl.get("pods", f"--selector=app={name}")["items"]
        return [each["metadata"]["name"] for each in found]

    def _deployment(self, name: str, urls: str) -> dict[str, Any]:
        ready = {"tcpSocket": {"port": PORT}, "periodSeconds": 1}
        container = {
            "name": "application",
            "image": self._image,
            "imagePullPolicy": "IfNotPresent",
            "command": ["python3", "-u", f"{_FOLDER}/{_PROGRAM.name}", name.upper()],
            "args": [str(self.count)],
            "env": [{"name": SERVERS, "value": urls}],
            "volumeMounts": [{"name": "program", "mountPath": _FOLDER}],
            "readinessProbe": ready,
        }
        pod = {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
            "volumes": [{"name": "program", "configMap": {"name": "program"}}],
        }
        labels = {"app": name}
        template = {"metadata": {"labels": labels}, "spec": pod}
        spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
        metadata = {"name": name}
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
