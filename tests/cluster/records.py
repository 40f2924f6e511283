"""Which clusters there are on this machine: a work folder each, below one folder of root's.

A work folder holds `cluster.json` (what was asked for), the journal, and a folder per place.
A lock on it is held by whoever brings the cluster up or takes it down.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from .errors import CannotRunError, ClusterError
from .plan import Plan, check_name
from .versions import Kubernetes

_FILE: Final = "cluster.json"
_PRIVATE: Final = 0o700


def clusters_folder() -> Path:
    """Where work folders are: `$EUREKUBE_CLUSTERS`, or /var/lib/eurekube."""
    return Path(os.environ.get("EUREKUBE_CLUSTERS") or "/var/lib/eurekube")


def work_folder(name: str) -> Path:
    """The work folder of a cluster.

    Raises:
        ValueError: no cluster can be called so.
    """
    return clusters_folder() / check_name(name)


def names() -> list[str]:
    """Of the clusters that are there, or half there."""
    try:
        return sorted(entry.name for entry in clusters_folder().iterdir() if entry.is_dir())
    except FileNotFoundError:
        return []


def create(plan: Plan) -> None:
    """Make the work folder of a new cluster, and note what it is.

    Raises:
        CannotRunError: nothing can be written there.
        ClusterError: there is a cluster of this name.
    """
    try:
        plan.work.parent.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        plan.work.mkdir(mode=_PRIVATE)
    except FileExistsError:
        raise ClusterError(
            f"there is a cluster {plan.name} already, in {plan.work}; take it down first"
            f" (python -m tests.cluster down --name {plan.name}), or give this one another --name"
        ) from None
    except OSError as error:
        raise CannotRunError(f"no work folder can be made at {plan.work}: {error}") from error
    record = {
        "kubernetes": str(plan.kubernetes),
        "nodes": plan.node_count,
        "by_kind": plan.by_kind,
    }
    (plan.work / _FILE).write_text(json.dumps(record) + "\n")


def read(name: str) -> Plan:
    """The plan of a cluster that is there.

    Raises:
        ClusterError: there is none of this name.
    """
    work = work_folder(name)
    try:
        record = json.loads((work / _FILE).read_text())
    except (FileNotFoundError, ValueError):
        known = ", ".join(names()) or "none"
        raise ClusterError(f"there is no cluster {name}; clusters here: {known}") from None
    version = Kubernetes.parse(record["kubernetes"])
    return Plan(name, work, version, record["nodes"], by_kind=record.get("by_kind", False))


def read_own(name: str) -> Plan:
    """The plan of a cluster that is there and whose nodes are the tool's own.

    Raises:
        ClusterError: there is none of this name, or kind has made it.
    """
    plan = read(name)
    if plan.by_kind:
        raise ClusterError(f"kind has made {name}: use kubectl, KUBECONFIG={plan.kubeconfig}")
    return plan


@contextlib.contextmanager
def locked(work: Path, purpose: str) -> Iterator[None]:
    """Be the only one who changes a cluster as a whole.

    Raises:
        ClusterError: somebody else does at this moment.
    """
    try:
        handle = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ClusterError(f"there is no cluster in {work}") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise ClusterError(
            f"{purpose} {work.name}: another process brings it up or takes it down right now"
        ) from None
    finally:
        os.close(handle)
