"""An EurekaCluster and what belongs to it, asked through the API server, as anybody could."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from processes.cluster import until
from support.kubectl import Kubectl

LABEL: Final = "eurekube.io/cluster"
PATIENCE_S: Final = 150.0
"""Peers start in a few seconds on an idle machine; this one may be busy with another cluster."""
_POD: Final = "statefulset.kubernetes.io/pod-name"
_REGISTRY: Final = 8761
_MANAGEMENT: Final = 8763


@dataclass(frozen=True)
class Pod:
    """A peer's pod."""

    uid: str
    restarts: int
    ready: bool
    """Also false for one that is being deleted."""
    node: str
    address: str


class EkcCluster:
    """An EurekaCluster in the namespace of a kubectl; nothing is made before `apply`."""

    def __init__(self, kubectl: Kubectl, name: str = "eureka") -> None:
        self.kubectl = kubectl
        self.name = name
        self._ref = f"eurekacluster/{name}"

    def apply(self, spec: Mapping[str, object] | None = None) -> None:
        """Have it with this spec; what an earlier `apply` said beside is gone."""
        document = {
            "apiVersion": "eurekube.io/v1alpha1",
            "kind": "EurekaCluster",
            "metadata": {"name": self.name},
            "spec": spec or {},
        }
        self.kubectl.apply(json.dumps(document))

    def start(self, spec: Mapping[str, object] | None = None) -> float:
        """Apply it and wait until it is Ready; seconds from one to the other."""
        begin = time.monotonic()
        self.apply(spec)
        self.wait_ready()
        return time.monotonic() - begin

    def change(self, spec: Mapping[str, object]) -> None:
        """Change some fields of its spec; `None` removes one."""
        patch = json.dumps({"spec": spec})
        self.kubectl("patch", self._ref, "--type=merge", f"--patch={patch}")

    def scale(self, replicas: int) -> float:
        """Scale it and wait until it is Ready again; seconds from one to the other."""
        begin = time.monotonic()
        self.kubectl("scale", self._ref, f"--replicas={replicas}")
        self.wait_ready()
        return time.monotonic() - begin

    def wait_ready(self, within_s: float = PATIENCE_S) -> None:
        """Wait as people do; the condition must be about the newest spec."""
        wait = ("wait", "--for=condition=Ready", self._ref, "--timeout=10s")
        until(lambda: self.kubectl.run_unchecked(*wait).returncode == 0, within_s)

    @property
    def document(self) -> dict[str, Any]:
        """The object."""
        found: dict[str, Any] = self.kubectl.get(self._ref)
        return found

    @property
    def status(self) -> dict[str, Any]:
        """Its status; empty before the first one was written."""
        found: dict[str, Any] = self.document.get("status", {})
        return found

    def condition(self, kind: str) -> dict[str, Any]:
        """A condition if it is about the newest spec; empty if it is not, or not there."""
        document = self.document
        generation = document["metadata"]["generation"]
        for each in document.get("status", {}).get("conditions", []):
            if each["type"] == kind and each["observedGeneration"] == generation:
                found: dict[str, Any] = each
                return found
        return {}

    def is_so(self, kind: str, status: str = "True", reason: str = "") -> bool:
        """Whether a condition about the newest spec has this status, and this reason if given."""
        found = self.condition(kind)
        return found.get("status") == status and reason in ("", found["reason"])

    @property
    def why_degraded(self) -> str:
        """The message of its condition Degraded; empty if it is not."""
        return str(self.condition("Degraded")["message"]) if self.is_so("Degraded") else ""

    def events(self, reason: str) -> list[str]:
        """The messages of its events with this reason, the newest last."""
        about = f"involvedObject.name={self.name},reason={reason}"
        items = self.kubectl.get("events", f"--field-selector={about}")["items"]
        return [each["message"] for each in sorted(items, key=lambda each: each["lastTimestamp"])]

    @property
    def pods(self) -> dict[str, Pod]:
        """Its pods by name."""
        items = self.kubectl.get("pods", f"--selector={LABEL}={self.name}")["items"]
        return {each["metadata"]["name"]: _pod(each) for each in items}

    @property
    def restart_counts(self) -> dict[str, tuple[str, int]]:
        """Uid and restarts of each pod: equal at two times if nothing was restarted between."""
        return {name: (pod.uid, pod.restarts) for name, pod in self.pods.items()}

    def peers(self, pod: str) -> dict[str, Any]:
        """A pod's `/peers`; empty if it does not answer."""
        return self._answer(pod, _MANAGEMENT, "/peers")

    def apps(self, pod: str) -> dict[str, set[str]]:
        """The instance ids of each application at a pod; empty if it does not answer."""
        return {
            each["name"]: {instance["instanceId"] for instance in each["instance"]}
            for each in self.listed(pod)
        }

    def listed(self, pod: str) -> list[dict[str, Any]]:
        """All applications at a pod, as they are written; none if it does not answer."""
        found = self._answer(pod, _REGISTRY, "/eureka/apps").get("applications", {})
        return list(found.get("application", []))

    @property
    def alias_pods(self) -> dict[str, str]:
        """The pod that each peer's alias Service leads to; the peers themselves say the same."""
        services = self.kubectl.get("services", f"--selector={LABEL}={self.name}")["items"]
        selectors = {each["metadata"]["name"]: each["spec"]["selector"] for each in services}
        found = {name: each[_POD] for name, each in selectors.items() if _POD in each}
        until(
            lambda: (
                {name: self.peers(pod).get("name") for name, pod in found.items()}
                == {name: name for name in found}
            ),
            PATIENCE_S,
        )
        return found

    def urls(self, *numbers: int) -> str:
        """The URLs of these peers, as `status.endpoints` has them."""
        domain = f"{self.kubectl.namespace}.svc.cluster.local:8761"
        return ",".join(f"http://peer{number}.{domain}/eureka/" for number in numbers)

    @property
    def agrees(self) -> bool:
        """Whether each ready peer says itself that it agrees with every other, by one list."""
        ready = [name for name, pod in self.pods.items() if pod.ready]
        documents = [self.peers(name) for name in ready]
        generations = {each.get("generation") for each in documents}
        return len(generations) == 1 and all(
            sum(map(is_agreed, each.get("peers", []))) == len(ready) - 1 for each in documents
        )

    def wait_agreed(self) -> None:
        """Wait until they do: with each new lease peers differ for a moment."""
        until(lambda: self.agrees, PATIENCE_S)

    def delete(self) -> None:
        """Delete it and wait until it is gone."""
        self.kubectl("delete", self._ref, "--timeout=150s")

    @property
    def title(self) -> str:
        """What it is called when something has failed."""
        return f"{self.name} in {self.kubectl.namespace}"

    def explanation(self) -> str:
        """What a person would look at first."""
        return self.kubectl.describe_all(
            ("describe", self._ref),
            ("get", "pods,services,statefulsets", "-o", "wide"),
            ("get", "events", "--sort-by=.lastTimestamp"),
            ("get", "configmap", f"{self.name}-config", "-o", "jsonpath={.data}"),
            ("logs", f"--selector={LABEL}={self.name}", "--tail=20", "--prefix"),
        )

    def _answer(self, pod: str, port: int, path: str) -> dict[str, Any]:
        where = f"/api/v1/namespaces/{self.kubectl.namespace}/pods/{pod}:{port}/proxy"
        text = self.kubectl.run_unchecked("get", "--raw", where + path).stdout
        found: dict[str, Any] = json.loads(text) if text else {}
        return found


def is_agreed(view: Mapping[str, Any]) -> bool:
    """Whether a peer's view of another one is that they hold the same."""
    return view["available"] and view["agreement"] == "agreed" and not view["self"]


def _pod(document: Mapping[str, Any]) -> Pod:
    metadata, status = document["metadata"], document.get("status", {})
    containers = status.get("containerStatuses", [])
    ready = any(
        each["type"] == "Ready" and each["status"] == "True"
        for each in status.get("conditions", [])  # none at all when it was just made
    )
    return Pod(
        uid=metadata["uid"],
        restarts=sum(each["restartCount"] for each in containers),
        ready=ready and "deletionTimestamp" not in metadata,
        node=document["spec"].get("nodeName", ""),
        address=status.get("podIP", ""),
    )
