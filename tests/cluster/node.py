"""A node comes up: containerd with the pause image, then kubelet and kube-proxy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from . import components, places, processes
from .api import Api
from .components import Component
from .containers import CTR
from .errors import ClusterError
from .plan import Node, Plan

_SOCKET_S: Final = 120.0
_NODES_READY_S: Final = 240.0


def start_runtime(plan: Plan, node: Node, holder: int, pause: Path) -> tuple[Component, int]:
    """Start containerd on a node and give it the image of every pod.

    Raises:
        ClusterError: it does not come up.
    """
    component = components.node_components(node)[0]
    pid = places.start(plan, component, holder)
    socket = plan.work / node.name / components.CONTAINERD_SOCKET.lstrip("/")

    def there() -> bool:
        places.check_alive(plan, [(component, pid)])
        return socket.exists()

    if not processes.wait(there, _SOCKET_S):
        raise ClusterError(f"{component.label} offers no socket after {_SOCKET_S:g} s")
    load(plan, node, pause)
    return component, pid


def start_agents(plan: Plan, node: Node, holder: int) -> list[tuple[Component, int]]:
    """Start kubelet and kube-proxy on a node."""
    agents = components.node_components(node)[1:]
    return [(component, places.start(plan, component, holder)) for component in agents]


def load(plan: Plan, node: Node, archive: Path) -> None:
    """Import an image archive into a node's containerd.

    Raises:
        ClusterError: it is not an image, or containerd does not answer.
    """
    run = places.run_in(plan, node.name, [*CTR, "images", "import", "-"], archive)
    if run.returncode != 0:
        raise ClusterError(f"{archive} cannot be loaded on {node.name}: {run.stderr.strip()}")


def load_everywhere(plan: Plan, archive: Path) -> None:
    """Import an image archive on all nodes at once.

    Raises:
        ClusterError: as `load`; the other nodes may have it.
    """
    with ThreadPoolExecutor(max(1, len(plan.nodes))) as pool:
        for loaded in [pool.submit(load, plan, node, archive) for node in plan.nodes]:
            loaded.result()


def ready_nodes(api: Api) -> set[str]:
    """Names of the nodes that are `Ready`.

    Raises:
        ClusterError: the API server does not answer.
    """
    found = set()
    for item in api.get("/api/v1/nodes")["items"]:
        for condition in item["status"].get("conditions", []):
            if condition["type"] == "Ready" and condition["status"] == "True":
                found.add(item["metadata"]["name"])
    return found


def wait_ready(
    plan: Plan, api: Api, started: Sequence[tuple[Component, int]], also: Callable[[], bool]
) -> None:
    """Wait until all nodes are `Ready` and `also` holds.

    Raises:
        ClusterError: they are not after four minutes, or a program ended.
    """
    wanted = {node.name for node in plan.nodes}

    def ready() -> bool:
        places.check_alive(plan, started)
        return wanted <= ready_nodes(api) and also()

    if not processes.wait(ready, _NODES_READY_S):
        raise ClusterError(_not_ready(plan, wanted - ready_nodes(api)))


def _not_ready(plan: Plan, missing: Collection[str]) -> str:
    names = ", ".join(sorted(missing)) or "all nodes are, but the rest is not"
    logs = plan.work / "NODE" / "log" / "kubelet.log"
    return f"not ready after {_NODES_READY_S:g} s: {names}; see {logs}"
