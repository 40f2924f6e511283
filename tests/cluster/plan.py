"""Names, addresses and files of one cluster. Pure: nothing here touches the machine.

Rules:

* A *place* is a set of namespaces (network, mounts, processes, host name) held by one process:
  `control`, with the control plane and the bridge that joins all, and one per node.
* Every cluster has the same addresses. Its networks are its own namespaces, which nothing joins to
  the machine or to another cluster, so two of them cannot meet (`docs/test-cluster.md#network`).
* A place sees the work folder's `PLACE/run`, `PLACE/lib` and `PLACE/log` as its /run, /var/lib and
  /var/log. All programs run with their usual paths, and several nodes share nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from .versions import Kubernetes

CONTROL: Final = "control"
CONTROL_ADDRESS: Final = "172.30.0.1"
NODE_NETWORK: Final = "172.30.0.0/24"
POD_NETWORK: Final = "10.244.0.0/16"
SERVICE_NETWORK: Final = "10.96.0.0/16"
API_SERVICE_ADDRESS: Final = "10.96.0.1"
DNS_SERVICE_ADDRESS: Final = "10.96.0.10"
DOMAIN: Final = "cluster.local"
API_PORT: Final = 6443
BRIDGE: Final = "br0"
UPLINK: Final = "eth0"
ZONES: Final = 3
MOST_NODES: Final = 20

HOME_IN_PLACE: Final = "/run/eurekube"
"""Where a place finds its own configuration, keys and programs."""
LIFELINE: Final = "init"
"""The part of a place that holds its namespaces: process 1 in it."""

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
_SEEN_IN_PLACE: Final = {"run": "/run", "log": "/var/log", "lib": "/var/lib"}
"""`lib` comes last: it may hide the work folder itself."""


@dataclass(frozen=True)
class Node:
    """One node, counted from 1."""

    number: int

    @property
    def name(self) -> str:
        """Its name in Kubernetes, and as a place."""
        return f"node-{self.number}"

    @property
    def zone(self) -> str:
        """Its zone: three, in turn."""
        return f"zone-{(self.number - 1) % ZONES + 1}"

    @property
    def address(self) -> str:
        """Its address on the bridge."""
        return f"172.30.0.{10 + self.number}"

    @property
    def pods(self) -> str:
        """The range of its pods' addresses."""
        return f"10.244.{self.number}.0/24"

    @property
    def port(self) -> str:
        """The bridge's end of its cable."""
        return f"v{self.number}"


@dataclass(frozen=True)
class Plan:
    """One cluster: what it is called, where its files are, how many nodes it has."""

    name: str
    work: Path
    kubernetes: Kubernetes
    node_count: int
    by_kind: bool = False
    """Made by kind: it has the nodes' names and networks that kind gives, none of those below."""

    def __post_init__(self) -> None:
        """Refuse what no file or host name could be made of.

        Raises:
            ValueError: the name or the number of nodes is out of bounds.
        """
        check_name(self.name)
        if not 0 <= self.node_count <= MOST_NODES:
            raise ValueError(f"{self.node_count} nodes: from 0 to {MOST_NODES} are possible")

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes."""
        return tuple(Node(number + 1) for number in range(self.node_count))

    @property
    def places(self) -> tuple[str, ...]:
        """All places, the control plane's first."""
        return (CONTROL, *(node.name for node in self.nodes))

    @property
    def kubeconfig(self) -> Path:
        """For clients on this machine; they reach the API server through a relay."""
        return self.work / "kubeconfig"

    @property
    def kubeconfig_inside(self) -> Path:
        """For clients inside the cluster's network."""
        return self.work / "kubeconfig-inside"

    def node(self, name: str) -> Node:
        """The node called so.

        Raises:
            ValueError: there is none.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        names = ", ".join(node.name for node in self.nodes) or "none"
        raise ValueError(f"cluster {self.name} has no node {name!r}; its nodes: {names}")

    def home(self, place: str) -> Path:
        """What a place sees as `HOME_IN_PLACE`."""
        return self.work / place / "run" / "eurekube"

    def log(self, place: str, part: str) -> Path:
        """What a part of a place prints."""
        return self.work / place / "log" / f"{part}.log"

    def seen(self, place: str) -> tuple[tuple[Path, str], ...]:
        """Folders of the work folder and where the place sees them, in the order to mount."""
        return tuple((self.work / place / folder, path) for folder, path in _SEEN_IN_PLACE.items())

    def cgroup(self, place: str) -> str:
        """The parent of a node's pods' cgroups, in every controller."""
        return f"/eurekube/{self.name}/{place}"


def check_name(name: str) -> str:
    """Give `name` back.

    Raises:
        ValueError: no cluster can be called so.
    """
    if _NAME.fullmatch(name) is None:
        raise ValueError(
            f"{name!r} cannot be a cluster's name: small letters, digits and dashes, up to 32"
        )
    return name
