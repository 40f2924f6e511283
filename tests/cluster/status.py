"""What of a cluster is healthy, for people and for programs."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from . import components, node, places
from .api import Api
from .errors import ClusterError
from .plan import Plan


@dataclass(frozen=True)
class Health:
    """One part of a cluster and how it does."""

    label: str
    well: bool
    words: str
    """`running`, `stopped`, `gone`, `ready`, `not ready`."""


def health(plan: Plan) -> list[Health]:
    """All programs of a cluster, its API and its nodes."""
    seen = [_program(plan, component) for component in components.components(plan)]
    api = Api(plan.kubeconfig) if plan.kubeconfig.exists() else None
    is_ready = api is not None and api.ready()
    seen.append(Health("API", is_ready, "ready" if is_ready else "not ready"))
    ready: set[str] = set()
    if api is not None and is_ready:
        with contextlib.suppress(ClusterError):
            ready = node.ready_nodes(api)
    for each in plan.nodes:
        well = each.name in ready
        seen.append(Health(each.name, well, "ready" if well else "not ready"))
    return seen


def _program(plan: Plan, component: components.Component) -> Health:
    process = places.running(plan, component)
    if process is None:
        return Health(component.label, well=False, words="gone")
    words = "stopped" if process.stopped else f"running, process {process.pid}"
    return Health(component.label, not process.stopped, words)
