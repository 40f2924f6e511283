"""The processes in pods' containers: found by their pod on a node, and signalled."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from typing import Final

from . import places
from .components import CONTAINERD_SOCKET
from .errors import ClusterError
from .plan import Node, Plan

CTR: Final = ("ctr", "--address", CONTAINERD_SOCKET, "--namespace", "k8s.io")
"""The start of a command line on a node: the rest is about the kubelet's containers."""
_POD: Final = "io.kubernetes.pod"
_CONTAINER: Final = "io.kubernetes.container.name"


@dataclass(frozen=True)
class Task:
    """A container that runs; it has one process, or one that stands for all."""

    plan: Plan
    node: Node
    container: str
    """Its id."""

    def send(self, number: signal.Signals) -> None:
        """Send its process a signal.

        Raises:
            ClusterError: it does not run any more.
        """
        words = ("tasks", "kill", "--signal", number.name, self.container)
        _run(self.plan, self.node, *words)


def tasks(plan: Plan, node: Node, pod: tuple[str, str]) -> dict[str, Task]:
    """The containers of a pod, named by namespace and name, that run on a node, by their names.

    Raises:
        ClusterError: containerd does not answer.
    """
    namespace, name = pod
    wanted = {f"{_POD}.namespace": namespace, f"{_POD}.name": name}
    alike = ",".join(f'labels."{label}"=={value}' for label, value in wanted.items())
    running = {line.split()[0] for line in _run(plan, node, "tasks", "ls") if "RUNNING" in line}
    found = {}
    for container in _run(plan, node, "containers", "ls", "--quiet", alike):
        if container in running:
            label = _label(plan, node, container)
            if label:
                found[label] = Task(plan, node, container)
    return found


def _label(plan: Plan, node: Node, container: str) -> str:
    """The name that a pod has for a container; empty for what holds the pod's namespaces."""
    words = ("containers", "info", container)
    labels = json.loads("\n".join(_run(plan, node, *words)))["Labels"]
    return str(labels.get(_CONTAINER, ""))


def _run(plan: Plan, node: Node, *words: str) -> list[str]:
    """The lines that a command prints."""
    done = places.run_in(plan, node.name, [*CTR, *words])
    if done.returncode != 0:
        raise ClusterError(f"`ctr {' '.join(words)}` on {node.name}: {done.stderr.strip()}")
    return done.stdout.splitlines()
