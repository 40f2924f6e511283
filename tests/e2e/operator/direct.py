"""Peers asked in the cluster's own network, with no API server between."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable
from dataclasses import dataclass

from cluster import namespaces, places
from cluster.plan import CONTROL, Plan
from processes.cluster import document

_PORT = 8761
_TIMEOUT_S = 20.0
_PATH = "/eureka/apps/HELD"
_LEASE = {"renewalIntervalInSecs": 30, "durationInSecs": 3600}


class PermanentLease:
    """An instance with a lease that outlives any test, at peers with these addresses."""

    def __init__(self, plan: Plan, addresses: Iterable[str]) -> None:
        self._plan = plan
        self._addresses = tuple(addresses)

    def register(self) -> None:
        """Register it at the first peer."""
        body = json.dumps(document("HELD", "held", leaseInfo=_LEASE))
        assert self._ask(self._addresses[0], "POST", _PATH, body) == http.client.NO_CONTENT

    def cancel(self, number: int) -> None:
        """Cancel it at one of them, counted from 0."""
        assert self._ask(self._addresses[number], "DELETE", f"{_PATH}/held") == http.client.OK

    @property
    def everywhere(self) -> bool:
        """Whether every peer answers that it has it."""
        return all(self._is_at(each) for each in self._addresses)

    @property
    def is_anywhere(self) -> bool:
        """Whether a peer has it."""
        return any(self._is_at(each) for each in self._addresses)

    def _is_at(self, address: str) -> bool:
        return self._ask(address, "GET", f"{_PATH}/held") == http.client.OK

    def _ask(self, address: str, method: str, path: str, body: str | None = None) -> int:
        return answer_of(self._plan, CONTROL, address, (method, path, body)).status


@dataclass(frozen=True)
class Answer:
    """What a peer answers."""

    status: int
    body: bytes


def answer_of(plan: Plan, place: str, address: str, request: tuple[str, str, str | None]) -> Answer:
    """What the peer at an address answers to method, path and body, asked at a place.

    A node's own network reaches its pods when nobody else does. Raises `OSError` or
    `HTTPException` when nobody answers.
    """
    method, path, body = request

    def answer() -> Answer:
        connection = http.client.HTTPConnection(address, _PORT, timeout=_TIMEOUT_S)
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.read())
        finally:
            connection.close()

    return namespaces.in_network(places.lifeline(plan, place).pid, answer)
