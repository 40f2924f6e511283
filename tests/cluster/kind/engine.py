"""Docker's engine in namespaces of its own, where this machine has none.

It is one place of a plan, as a node of the other clusters is: a process holds its namespaces, what
it writes is in the work folder, its control groups are in the journal.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from .. import cgroups, parts, places, processes
from ..components import Component
from ..errors import ClusterError
from ..journal import Journal
from ..plan import HOME_IN_PLACE, Plan
from . import capabilities, programs

PLACE: Final = "engine"
SOCKET: Final = "docker.sock"
_WRAPPER: Final = "runc"
_RUNTIME: Final = "here"
_UP_S: Final = 180.0
_WRITTEN: Final = ("/etc", "/opt")
"""Of the machine's folders those where the engine and its containerd make files."""


def start(plan: Plan) -> None:
    """Start it.

    Raises:
        CannotRunError: it cannot be had on this machine.
        ClusterError: it does not come up.
    """
    built = {"pause": parts.build(parts.pause()), "docker": parts.build(programs.engine())}
    lacking = capabilities.lacking(Path("/proc/self/status").read_text())
    texts = {_WRAPPER: capabilities.runc_without(lacking)}
    places.prepare(plan, PLACE, texts, built)
    (plan.home(PLACE) / _WRAPPER).chmod(0o755)
    cgroups.make(Journal(plan.work), plan.cgroup(PLACE))
    holder = places.create_namespaces(plan, PLACE, built, _overlays(plan))
    component = dockerd(plan)
    pid = places.start(plan, component, holder)

    def answers() -> bool:
        places.check_alive(plan, [(component, pid)])
        return (_run_folder(plan) / SOCKET).exists() and not _docker(plan, ["version"]).returncode

    if not processes.wait(answers, _UP_S):
        raise ClusterError(f"{component.label} does not answer after {_UP_S:g} s")


def dockerd(plan: Plan) -> Component:
    """How the engine is started.

    Its containers' files are stacked, which the work folder's file system must allow.
    """
    root = f"{HOME_IN_PLACE}/docker/root/usr"
    flags = {
        "data-root": "/var/lib/docker",
        "exec-root": "/run/docker",
        "pidfile": "/run/docker.pid",
        "host": f"unix:///run/{SOCKET}",
        "storage-driver": "overlay2",
        "exec-opt": "native.cgroupdriver=cgroupfs",
        "cgroup-parent": plan.cgroup(PLACE),
        "oom-score-adjust": "0",
        "userland-proxy-path": f"{root}/sbin/docker-proxy",
        "add-runtime": f"{_RUNTIME}={HOME_IN_PLACE}/{_WRAPPER}",
        "default-runtime": _RUNTIME,
    }
    libraries = f"LD_LIBRARY_PATH={root}/lib/x86_64-linux-gnu:{root}/lib/aarch64-linux-gnu"
    words = (f"--{name}={value}" for name, value in flags.items())
    return Component(PLACE, "dockerd", ("env", libraries, f"{root}/sbin/dockerd", *words))


def environment(plan: Plan) -> Mapping[str, str]:
    """What a program needs to find the engine, and to be found by its mark."""
    folder = parts.build(programs.engine()) / "root" / "usr" / "bin"
    own = processes.environment(plan.work, f"{PLACE}/client")
    return {
        **own,
        "PATH": f"{folder}:{own['PATH']}",
        "HOME": str(plan.work),
        "DOCKER_HOST": f"unix://{_run_folder(plan)}/{SOCKET}",
    }


def load(plan: Plan, archive: Path) -> None:
    """Give the engine an image.

    Raises:
        ClusterError: it does not take it.
    """
    run = _docker(plan, ["load", "--quiet", f"--input={archive}"])
    if run.returncode != 0:
        raise ClusterError(f"`docker load` of {archive}: {run.stderr.strip()}")


def _docker(plan: Plan, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *words],
        env=environment(plan),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def _run_folder(plan: Plan) -> Path:
    """What the engine sees as /run."""
    return plan.work / PLACE / "run"


def _overlays(plan: Plan) -> list[list[str]]:
    """Commands that give the engine copies of the machine's folders to write into."""
    commands = []
    for path in _WRITTEN:
        own = plan.home(PLACE) / path.lstrip("/")
        folders = [str(own / name) for name in ("upper", "work")]
        options = f"lowerdir={path},upperdir={folders[0]},workdir={folders[1]}"
        commands.append(["mkdir", "-p", *folders])
        commands.append(["mount", "-t", "overlay", "overlay", "-o", options, path])
    return commands
