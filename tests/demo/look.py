"""How peers and services are: read from one peer's dashboard, and from the services' logs."""

from __future__ import annotations

import http.client
import json
import urllib.request
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from support.kubectl import Kubectl

_TIMEOUT_S: Final = 3.0
_LABEL: Final = "part-of=demo"


@dataclass(frozen=True)
class Peer:
    """A peer, as one of them sees it."""

    name: str
    state: str
    """`ready`, or `available`, as another peer sees it; else why it is not."""
    agreement: str = ""
    """With the one that was asked; empty for itself."""

    @property
    def well(self) -> bool:
        """Whether it serves, and holds what the one that was asked holds."""
        return self.state in ("ready", "available") and self.agreement in ("", "agreed")


@dataclass
class Calls:
    """What a service has called so far."""

    count: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Look:
    """All of it at one moment; no peers: none could be asked."""

    peers: list[Peer] = field(default_factory=list)
    instances: Mapping[str, Counter[str]] = field(default_factory=dict)
    """How many instances have which status, by application."""
    calls: Mapping[str, Calls] = field(default_factory=dict)
    """By service in lower case."""

    @property
    def well(self) -> bool:
        """Whether all peers agree, and each service has called the other with success."""
        return (
            bool(self.peers)
            and all(peer.well for peer in self.peers)
            and bool(self.calls)
            and all(each.count > each.failed for each in self.calls.values())
        )


class Watch:
    """Looks again and again. Counts of pods that are gone are kept."""

    def __init__(self, kubectl: Kubectl, port: int, services: Iterable[str]) -> None:
        self._kubectl = kubectl
        self._url = f"http://127.0.0.1:{port}/"
        self._services = [*services]
        self._counts: dict[str, tuple[str, Calls]] = {}

    def look(self) -> Look:
        """Look once."""
        logs = ("logs", f"--selector={_LABEL}", "--container=service", "--tail=1", "--prefix")
        self._counts |= counts(self._kubectl.run_unchecked(*logs, "--ignore-errors").stdout)
        calls = {name: Calls() for name in self._services}
        for name, each in self._counts.values():
            calls[name].count += each.count
            calls[name].failed += each.failed
        try:
            state, apps = self._read("dashboard/state"), self._read("eureka/apps")
        except (OSError, http.client.HTTPException, ValueError):
            return Look(calls=calls)
        return Look(peers(state), instances(apps), calls)

    def _read(self, path: str) -> dict[str, Any]:
        request = urllib.request.Request(self._url + path, headers={"Accept": "application/json"})
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            found: dict[str, Any] = json.load(answer)
            return found


def peers(state: Mapping[str, Any]) -> list[Peer]:
    """Of what a dashboard shows: the peer that was asked, and the others as it sees them."""
    own = state["peer"]
    others = (
        Peer(each["name"], "available" if each["available"] else each["why"], each["agreement"])
        for each in state["peers"]
    )
    return sorted([Peer(own["name"], own["state"]), *others], key=lambda each: each.name)


def instances(apps: Mapping[str, Any]) -> dict[str, Counter[str]]:
    """Of a registry's document."""
    return {
        each["name"]: Counter(instance["status"] for instance in each["instance"])
        for each in apps["applications"]["application"]
    }


def counts(logs: str) -> dict[str, tuple[str, Calls]]:
    """Service and calls by pod, of `kubectl logs --prefix`; other lines are passed over."""
    found = {}
    for line in logs.splitlines():
        pod, _, text = line.partition(" ")
        try:
            said = json.loads(text)
            found[pod] = (str(said["app"]), Calls(int(said["calls"]), int(said["failed"])))
        except (ValueError, KeyError, TypeError):
            continue
    return found
