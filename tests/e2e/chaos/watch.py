"""Looks at a cluster while it meets faults: whether it is calm, and what must never happen."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from cluster.api import Api
from cluster.errors import ClusterError
from cluster.plan import Plan
from e2e.chaos.invariants import Departures, Violation, out_of_memory, sighting, unsettled
from e2e.operator.ekc import LABEL, EkcCluster
from e2e.operator.installed import Operator
from support.kubectl import Kubectl

_EVERY_S: Final = 0.5
_RESIDENT: Final = re.compile(r"^process_resident_memory_bytes ([0-9.e+]+)$", re.MULTILINE)
_MANAGEMENT: Final = 8763
_OPERATOR: Final = 8080
_MIB: Final = 1 << 20


class Watch:
    """An EurekaCluster without zones and its operator, looked at through the API server."""

    def __init__(
        self,
        plan: Plan,
        cluster: EkcCluster,
        operator: Operator,
        victims: Callable[[], frozenset[str]],
    ) -> None:
        self.wanted = 0
        """How many peers are wanted."""
        self.fault = ""
        """What is under way."""
        self.breaches: list[Violation] = []
        self._api = Api(plan.kubeconfig)
        self._cluster = cluster
        self._operator = operator
        self._victims = victims
        self._departures = Departures()
        self._ended = threading.Event()

    def broken(self, what: str) -> None:
        """Note that an invariant does not hold; once for each fault."""
        if all((each.fault, each.what) != (self.fault, what) for each in self.breaches):
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            self.breaches.append(Violation(at, self.fault, what))

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look at the pods all the time while the block lasts."""
        thread = threading.Thread(target=self._look, name="watch")
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    @property
    def unrest(self) -> list[str]:
        """What is not yet as it should be, in sentences; none: it is calm."""
        try:
            return [*self._nodes, *self._peers, *self._operators] or self._disagreement
        except (AssertionError, ClusterError) as error:
            return [str(error)]

    @property
    def memory_mib(self) -> dict[str, dict[str, float]]:
        """The memory that each peer and each replica of the operator occupies now."""
        peers = [(self._cluster.kubectl, name, _MANAGEMENT) for name in self._names]
        replicas = [
            (self._operator.kubectl, each["metadata"]["name"], _OPERATOR)
            for each in self._operator.pods
        ]
        return {"peer": _memory_mib(peers), "operator": _memory_mib(replicas)}

    @property
    def _names(self) -> list[str]:
        name = self._cluster.name
        return [f"{name}-peer-{number}" for number in range(1, self.wanted + 1)]

    @property
    def _pods(self) -> list[dict[str, Any]]:
        path = f"/api/v1/namespaces/{self._cluster.kubectl.namespace}/pods"
        selector = quote(f"{LABEL}={self._cluster.name}")
        found: list[dict[str, Any]] = self._api.get(f"{path}?labelSelector={selector}")["items"]
        return found

    @property
    def _peers(self) -> list[str]:
        namespace = self._cluster.kubectl.namespace
        path = f"/apis/apps/v1/namespaces/{namespace}/statefulsets/{self._cluster.name}-peer"
        return unsettled(self._pods, self._names, self._api.get(path))

    @property
    def _nodes(self) -> list[str]:
        return [
            f"{each['metadata']['name']} takes no pods"
            for each in self._api.get("/api/v1/nodes")["items"]
            if each["spec"].get("unschedulable") or not sighting(each).ready
        ]

    @property
    def _operators(self) -> list[str]:
        pods = {each["metadata"]["name"]: sighting(each) for each in self._operator.pods}
        found = [
            f"{name} is not ready" for name, pod in pods.items() if pod.leaving or not pod.ready
        ]
        leader = self._operator.leader
        return found if leader in pods else [*found, f"nobody leads: {leader!r} is gone"]

    @property
    def _disagreement(self) -> list[str]:
        ready = self._cluster.condition("Ready")
        if ready.get("status") != "True":
            return [f"the EurekaCluster is not Ready: {ready.get('message', 'of an older spec')}"]
        return [] if self._cluster.agrees else ["peers do not agree"]

    def _look(self) -> None:
        while not self._ended.wait(_EVERY_S):
            try:
                pods = self._pods
            except ClusterError:  # without the API server nobody takes anything away
                continue
            self._check(pods)

    def _check(self, pods: list[dict[str, Any]]) -> None:
        seen = {each["metadata"]["name"]: sighting(each) for each in pods}
        away = self._departures.over_limit(seen, self._names, self._victims())
        if away:
            self.broken(f"{' and '.join(away)} are away at the same time, and no fault took them")
        for each in filter(out_of_memory, pods):
            self.broken(f"{each['metadata']['name']} was killed for its memory")


def _memory_mib(processes: list[tuple[Kubectl, str, int]]) -> dict[str, float]:
    found = {}
    for kubectl, pod, port in processes:
        path = f"/api/v1/namespaces/{kubectl.namespace}/pods/{pod}:{port}/proxy/metrics"
        resident = _RESIDENT.search(kubectl("get", "--raw", path))
        assert resident is not None, f"{pod} does not tell its memory"
        found[pod] = float(resident.group(1)) / _MIB
    return found
