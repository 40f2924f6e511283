"""Names of objects on the command line, and facts of a pod that exists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from eureka_operator.core.injection import pods
from eureka_operator.core.injection.patches import CONTAINER
from eureka_operator.core.kinds import POD, STATEFUL_SET, Kind

_NAMES: Final = {
    POD: ("pod", "pods", "po"),
    Kind("apps/v1", "Deployment", "deployments"): ("deployment", "deployments", "deploy"),
    STATEFUL_SET: ("statefulset", "statefulsets", "sts"),
    Kind("apps/v1", "DaemonSet", "daemonsets"): ("daemonset", "daemonsets", "ds"),
    Kind("apps/v1", "ReplicaSet", "replicasets"): ("replicaset", "replicasets", "rs"),
    Kind("batch/v1", "Job", "jobs"): ("job", "jobs"),
    Kind("batch/v1", "CronJob", "cronjobs"): ("cronjob", "cronjobs", "cj"),
}
_KINDS: Final = {name: kind for kind, names in _NAMES.items() for name in names}


def parse_name(text: str) -> tuple[Kind, str] | None:
    """The kind and name of `NAME` (a pod) or `KIND/NAME`; `None`: it is neither."""
    kind, slash, name = text.rpartition("/")
    if not slash:
        return (POD, name) if name else None
    found = _KINDS.get(kind.lower())
    return (found, name) if found and name else None


def kinds() -> str:
    """The kinds that `parse_name` knows, as a text."""
    return ", ".join(names[0] for names in _NAMES.values())


def container_state(pod: Mapping[str, Any]) -> str:
    """The state of the sidecar's container, in words; empty: the pod's status has none."""
    found = pods.mapping(pod.get("status")).get("initContainerStatuses")
    for each in found if isinstance(found, list) else ():
        if isinstance(each, Mapping) and each.get("name") == CONTAINER:
            return ", ".join(_states(each))
    return ""


def _states(container: Mapping[str, Any]) -> Iterator[str]:
    state = pods.mapping(container.get("state"))
    for name, detail in state.items():
        found = pods.mapping(detail)
        if name == "running":
            yield f"running since {found.get('startedAt')}"
            yield "ready" if container.get("ready") else "not ready"
        elif name == "waiting":
            yield _because("waiting", found)
        elif name == "terminated":
            yield _because(f"ended with exit code {found.get('exitCode')}", found)
    restarts = container.get("restartCount") or 0
    yield "1 restart" if restarts == 1 else f"{restarts} restarts"


def _because(what: str, body: Mapping[str, Any]) -> str:
    message = ": ".join(each for each in (body.get("reason"), body.get("message")) if each)
    return f"{what} ({message})" if message else what
