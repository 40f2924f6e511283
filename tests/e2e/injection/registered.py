"""What peers hold, and how the pods are whose applications those are."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cluster import namespaces, places
from cluster.plan import CONTROL, Plan
from e2e.operator.ekc import EkcCluster
from support.kubectl import Kubectl

UP: Final = "UP"
SIDECAR: Final = "eureka-sidecar"
STATUS: Final = "eurekube.io/status"
_PORT: Final = 8761
_TIMEOUT_S: Final = 10.0
_ACCEPT: Final = {"Accept": "application/json"}

Instance = dict[str, Any]


def instances(cluster: EkcCluster, app: str, peer: str = "eureka-peer-1") -> dict[str, Instance]:
    """The instances of an application at a peer, by id, asked through the API server."""
    namespace = cluster.kubectl.namespace
    path = f"/api/v1/namespaces/{namespace}/pods/{peer}:{_PORT}/proxy/eureka/apps/{app.upper()}"
    said = cluster.kubectl.run_unchecked("get", "--raw", path).stdout
    return _by_id(json.loads(said)) if said else {}


def ids_up(found: Mapping[str, Instance]) -> set[str]:
    """The ids of those that are UP."""
    return {name for name, each in found.items() if each["status"] == UP}


class Direct:
    """Peers asked in the cluster's own network, with no API server between."""

    def __init__(self, plan: Plan, addresses: Iterable[str]) -> None:
        self._pid = places.lifeline(plan, CONTROL).pid
        self._addresses = tuple(addresses)

    def everywhere(self, app: str) -> list[dict[str, Instance]]:
        """The instances of an application, by id, at each of the peers that answer."""
        answers = [self._ask(each, f"/eureka/apps/{app.upper()}") for each in self._addresses]
        return [_by_id(each) for each in answers if each is not None]

    def up_everywhere(self, app: str) -> set[str]:
        """The ids that each peer that answers has as UP; empty if none answers."""
        found = [ids_up(each) for each in self.everywhere(app)]
        return set.intersection(*found) if found else set()

    def is_absent(self, app: str) -> bool:
        """Whether all peers answer, and none has an instance of it."""
        return self.everywhere(app) == [{}] * len(self._addresses)

    def renewed_at_ms(self, app: str, instance_id: str) -> list[int]:
        """When a lease was last renewed, at each peer that answers and has it."""
        path = f"/eureka/apps/{app.upper()}/{instance_id}"
        answers = [self._ask(each, path) for each in self._addresses]
        return [int(_lease(each)["lastRenewalTimestamp"]) for each in answers if each]

    def _ask(self, address: str, path: str) -> dict[str, Any] | None:
        """A document; empty for what is not there, `None` from a peer that does not answer."""

        def asked() -> dict[str, Any] | None:
            connection = http.client.HTTPConnection(address, _PORT, timeout=_TIMEOUT_S)
            try:
                connection.request("GET", path, headers=_ACCEPT)
                response = connection.getresponse()
                body = response.read()
            except (OSError, http.client.HTTPException):
                return None
            finally:
                connection.close()
            if response.status == http.client.NOT_FOUND:
                return {}
            found: dict[str, Any] | None = None
            if response.status == http.client.OK:
                found = json.loads(body)
            return found

        return namespaces.in_network(self._pid, asked)


def pods_of(kubectl: Kubectl, app: str) -> dict[str, dict[str, Any]]:
    """The pods with the label `app`, by name, but for those that are being deleted."""
    items = kubectl.get("pods", f"--selector=app={app}")["items"]
    return {
        each["metadata"]["name"]: each
        for each in items
        if "deletionTimestamp" not in each["metadata"]
    }


def status_of(pod: Mapping[str, Any]) -> dict[str, Any]:
    """What the injector has noted on a pod; empty: nothing."""
    found: dict[str, Any] = json.loads(pod["metadata"].get("annotations", {}).get(STATUS, "{}"))
    return found


def result_of(pod: Mapping[str, Any]) -> str:
    """`injected`, or why it is not, by the annotation; empty: nothing is noted."""
    status = status_of(pod)
    skipped = status.get("result") == "skipped"
    return str(status["reasons"][0]) if skipped else str(status.get("result", ""))


def has_sidecar(pod: Mapping[str, Any]) -> bool:
    """Whether it comes first in `initContainers`."""
    containers = pod["spec"].get("initContainers", [])
    return bool(containers) and containers[0]["name"] == SIDECAR


def restarts(pod: Mapping[str, Any], container: str = SIDECAR) -> int:
    """How often a container of it was started again."""
    statuses = pod["status"].get("initContainerStatuses", []) + pod["status"]["containerStatuses"]
    return sum(each["restartCount"] for each in statuses if each["name"] == container)


def _by_id(document: Mapping[str, Any]) -> dict[str, Instance]:
    listed = document.get("application", {}).get("instance", [])
    return {each["instanceId"]: each for each in listed}


def _lease(document: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = document["instance"]["leaseInfo"]
    return found
