"""Three peers in a namespace, asked through the API server, as anybody could ask them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from cluster.images import REGISTRY
from e2e.clusters import Target
from processes.cluster import until
from support.kubectl import Kubectl

NAMES: Final = ("peer1", "peer2", "peer3")
URLS: Final = ",".join(f"http://{name}:8761/eureka/" for name in NAMES)
PATIENCE_S: Final = 120.0
"""A node that is cut off is noticed after 20 s, and images may have to be unpacked."""

_MANIFEST: Final = Path(__file__).with_name("peers.yaml")


class Peers:
    """The peers of `peers.yaml` in the namespace of a kubectl."""

    def __init__(self, target: Target, kubectl: Kubectl) -> None:
        self.kubectl = kubectl
        self._image = target.image(REGISTRY)

    def start(self) -> None:
        """Apply the manifest and wait until all are ready and agree."""
        self.kubectl.apply(_MANIFEST.read_text().replace(REGISTRY.name, self._image))
        self.agree()

    def agree(self) -> None:
        """Wait until all are ready, and each sees that the others hold what it holds."""
        until(lambda: self.ready == len(NAMES), PATIENCE_S)
        until(lambda: all(self._agrees(name) for name in NAMES), PATIENCE_S)

    @property
    def ready(self) -> int:
        """How many are ready."""
        status = self.kubectl.get("statefulset", "eureka")["status"]
        return int(status.get("readyReplicas", 0))

    def pod(self, name: str) -> dict[str, Any]:
        """The pod of a peer; empty if there is none."""
        found = self.kubectl.run_unchecked("get", "pod", pod_name(name), "-o", "json").stdout
        pod: dict[str, Any] = json.loads(found) if found else {}
        return pod

    def node(self, name: str) -> str:
        """The node a peer runs on."""
        return str(self.pod(name)["spec"]["nodeName"])

    def address(self, name: str) -> str:
        """A peer's own address."""
        return str(self.pod(name)["status"]["podIP"])

    def runs(self, name: str, program: str) -> str:
        """What a Python program prints in the container of a peer."""
        return self.kubectl("exec", pod_name(name), "--", "python3", "-c", program).strip()

    def apps(self, name: str) -> dict[str, dict[str, str]]:
        """What a peer lists, the peers themselves left out; nothing if it does not answer."""
        listed = self._answer(name, 8761, "/eureka/apps").get("applications", {})
        return {
            each["name"]: {i["instanceId"]: i["status"] for i in each["instance"]}
            for each in listed.get("application", [])
            if each["name"] != "EUREKA"
        }

    def everywhere(self, app: str) -> bool:
        """Whether every peer lists an application."""
        return all(app in self.apps(name) for name in NAMES)

    def is_absent(self, app: str) -> bool:
        """Whether every peer answers, and none lists an application."""
        return all(self._others(name) and app not in self.apps(name) for name in NAMES)

    def sees(self, name: str, other: str) -> dict[str, Any]:
        """How a peer sees another one; empty if it does not answer."""
        return self._others(name).get(other, {})

    def explain(self) -> None:
        """Print what a person would look at first."""
        for words in (("get", "pods", "-o", "wide"), ("get", "events"), ("describe", "pods")):
            said = self.kubectl.run_unchecked(*words).stdout[-4000:]
            print(f"--- kubectl {' '.join(words)}\n{said}")  # noqa: T201
        for name in NAMES:
            said = self.kubectl.run_unchecked("logs", pod_name(name), "--tail=20").stdout
            print(f"--- {name}\n{said}")  # noqa: T201

    def _agrees(self, name: str) -> bool:
        seen = [self.sees(name, other).get("agreement") for other in NAMES if other != name]
        return seen == ["agreed"] * (len(NAMES) - 1)

    def _others(self, name: str) -> dict[str, dict[str, Any]]:
        peers = self._answer(name, 8763, "/peers").get("peers", [])
        return {each["url"].split("//")[1].split(":")[0]: each for each in peers}

    def _answer(self, name: str, port: int, path: str) -> dict[str, Any]:
        where = f"/api/v1/namespaces/{self.kubectl.namespace}/pods/{pod_name(name)}:{port}/proxy"
        text = self.kubectl.run_unchecked("get", "--raw", where + path).stdout
        answer: dict[str, Any] = json.loads(text) if text else {}
        return answer


def pod_name(name: str) -> str:
    """The pod of peer1 is eureka-1."""
    return f"eureka-{name.removeprefix('peer')}"
