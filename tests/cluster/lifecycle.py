"""A cluster comes up and goes down."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from . import cgroups, control, debian, limits, network, node, parts, places, processes, records
from .api import Api
from .components import Component, files
from .errors import CannotRunError, ClusterError
from .journal import Journal, to_undo
from .plan import CONTROL, Plan

_Started = list[tuple[Component, int]]
_UNSTACKABLE: Final = ("overlayfs", "overlay")
_NAMESPACES: Final = ("net", "mnt", "pid", "uts", "ipc")


def why_impossible() -> str:
    """Why this machine can have no cluster; an empty text when nothing is known against it."""
    if sys.platform != "linux":
        return "a cluster needs Linux"
    if os.geteuid() != 0:
        return "a cluster needs root (namespaces, mounts and control groups)"
    lacking = [kind for kind in _NAMESPACES if not Path(f"/proc/self/ns/{kind}").exists()]
    if lacking:
        return f"the kernel has no {', '.join(lacking)} namespaces"
    trial = ["unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "true"]
    run = subprocess.run(trial, capture_output=True, text=True, check=False)
    return f"no namespaces can be made here: {run.stderr.strip()}" if run.returncode else ""


def bring_up(plan: Plan) -> None:
    """Bring a cluster up; what goes wrong takes it down again.

    Raises:
        CannotRunError: it cannot be had on this machine.
        ClusterError: it does not come up, or is there already.
    """
    reason = why_impossible()
    if reason:
        raise CannotRunError(reason)
    debian.provide()
    wanted = parts.needed(plan.kubernetes, nodes=bool(plan.nodes))
    programs = {part.name: parts.build(part) for part in wanted}
    limits.allow_watchers()
    records.create(plan)
    with records.locked(plan.work, "bringing up"):
        try:
            _bring_up(plan, programs)
        except BaseException as error:
            clear(plan.work, keep_logs=isinstance(error, ClusterError))
            raise


def take_down(work: Path) -> None:
    """Leave nothing of a cluster behind, in whatever state it is.

    Raises:
        ClusterError: something does not go, or somebody else is at it.
    """
    with records.locked(work, "taking down"):
        clear(work, keep_logs=False)


def native_snapshots(work: Path) -> bool:
    """Whether the file system of the work folder is itself stacked: then nothing stacks on it."""
    run = subprocess.run(
        ["stat", "-f", "-c", "%T", str(work)], capture_output=True, text=True, check=False
    )
    return run.stdout.strip() in _UNSTACKABLE


def _bring_up(plan: Plan, programs: dict[str, Path]) -> None:
    native = native_snapshots(plan.work)
    for place in plan.places:
        texts = files(plan, place, native_snapshots=native)
        places.prepare(plan, place, texts, programs)
    control.write_identities(plan)
    pids = {CONTROL: places.create_namespaces(plan, CONTROL, programs)}
    for one in plan.nodes:
        pids[one.name] = places.create_namespaces(plan, one.name, programs)
    network.wire(plan, pids)
    started = control.start_api(plan, pids[CONTROL])
    control.start_relay(plan, pids[CONTROL])
    started += _start_runtimes(plan, pids, programs["pause"] / "image.tar")
    api = control.wait_ready(plan, started)
    started += control.start_clients(plan, pids[CONTROL])
    if plan.nodes:
        _start_nodes(plan, pids, api, started)


def _start_runtimes(plan: Plan, pids: dict[str, int], pause: Path) -> _Started:
    """Start containerd everywhere at once, while the API server starts."""
    if not plan.nodes:
        return []
    journal = Journal(plan.work)
    for one in plan.nodes:
        cgroups.make(journal, plan.cgroup(one.name))
    with ThreadPoolExecutor(len(plan.nodes)) as pool:
        coming = [
            pool.submit(node.start_runtime, plan, one, pids[one.name], pause) for one in plan.nodes
        ]
        return [future.result() for future in coming]


def _start_nodes(plan: Plan, pids: dict[str, int], api: Api, started: _Started) -> None:
    control.announce_dns(api)
    for one in plan.nodes:
        started += node.start_agents(plan, one, pids[one.name])
    node.wait_ready(plan, api, started, lambda: _has_default_account(api))


def _has_default_account(api: Api) -> bool:
    """Whether pods can be made: the controller manager has given `default` its account."""
    with contextlib.suppress(ClusterError):
        api.get("/api/v1/namespaces/default/serviceaccounts/default")
        return True
    return False


def clear(work: Path, *, keep_logs: bool) -> None:
    """Undo everything, in the order: processes (and with them namespaces), journal, folder.

    For who holds the cluster's lock; `keep_logs`: beside the builds.

    Raises:
        ClusterError: something does not go.
    """
    try:
        processes.kill_all(work)
    except TimeoutError as error:
        raise ClusterError(f"cluster {work.name}: {error}") from error
    for entry in to_undo(Journal(work).entries()):
        cgroups.undo(entry)
    if keep_logs:
        _keep_logs(work)
    shutil.rmtree(work)
    with contextlib.suppress(OSError):
        work.parent.rmdir()


def _keep_logs(work: Path) -> None:
    """Keep the logs of a cluster that did not come up, beside the builds."""
    kept = parts.cache() / "failed" / work.name
    shutil.rmtree(kept, ignore_errors=True)
    for log in work.glob("*/log/*.log"):
        target = kept / log.relative_to(work)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(log, target)
