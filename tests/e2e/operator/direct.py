"""Peers asked in the cluster's own network, with no API server between."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable

from cluster import namespaces, places
from cluster.plan import CONTROL, Plan
from processes.cluster import document

_PORT = 8761
_TIMEOUT_S = 20.0
_PATH = "/eureka/apps/HELD"
_LEASE = {"renewalIntervalInSecs": 30, "durationInSecs": 3600}


class HeldLease:
    """An instance with a lease that outlives any test, at peers with these addresses."""

    def __init__(self, plan: Plan, addresses: Iterable[str]) -> None:
        self._pid = places.lifeline(plan, CONTROL).pid
        self._addresses = tuple(addresses)

    def register(self) -> None:
        """Register it at the first peer."""
        body = json.dumps(document("HELD", "held", leaseInfo=_LEASE))
        assert self._ask(self._addresses[0], "POST", _PATH, body) == http.client.NO_CONTENT

    @property
    def everywhere(self) -> bool:
        """Whether every peer answers that it has it."""
        path = f"{_PATH}/held"
        return all(self._ask(each, "GET", path) == http.client.OK for each in self._addresses)

    def _ask(self, address: str, method: str, path: str, body: str | None = None) -> int:
        def asked() -> int:
            connection = http.client.HTTPConnection(address, _PORT, timeout=_TIMEOUT_S)
            try:
                connection.request(method, path, body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                response.read()
                return response.status
            finally:
                connection.close()

        return namespaces.in_network(self._pid, asked)
