"""Where the demo runs: on a cluster that is there, or on one that is made for it.

The rule: a cluster that KUBECONFIG names; else one of kind's where a Docker engine answers; else
one of the cluster tool's (`tests/cluster`) where that can be.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from cluster import control, debian, images, lifecycle, node, parts, records
from cluster.errors import CannotRunError
from cluster.kind import docker
from cluster.plan import Plan
from cluster.progress import doing
from cluster.versions import DEFAULT_KUBERNETES, Kubernetes
from demo import objects
from demo.objects import Images
from support.helm import Helm
from support.kubectl import Kubectl

RUN: Final = "demo"
"""The name of a run is this and its process."""
RECIPES: Final = (images.REGISTRY, images.OPERATOR, images.SIDECAR)
_BUILT: Final = Images("localhost", images.REGISTRY.name.rpartition(":")[2])
"""How the images are called that are built here."""
_NODES: Final = 3


@dataclass(frozen=True)
class Target:
    """A cluster that can be used."""

    kubectl: Kubectl
    helm: Helm
    kubeconfig: Path
    images: Images


class Place(Protocol):
    """A way to have a cluster."""

    @property
    def title(self) -> str:
        """What it is, for people."""

    def cluster(self) -> AbstractContextManager[Target]:
        """The cluster as long as the block lasts; what is left then is for `remove`.

        Raises:
            CannotRunError: something is missing on this machine.
            ClusterError: it does not come up.
        """

    def remove(self) -> None:
        """Remove what the demo has made, however far it came."""


def choose(environment: Mapping[str, str], given: Images, run: str) -> Place:
    """The place for this machine; `run` is a name that no other run has.

    Raises:
        CannotRunError: there is none; with what is missing.
    """
    kubeconfig = environment.get("KUBECONFIG")
    if kubeconfig:
        return Existing(Path(kubeconfig), given, run)
    if docker.answers():
        return ByDocker(run)
    reason = lifecycle.why_impossible()
    if reason:
        raise CannotRunError(
            "there is no cluster to use: KUBECONFIG names none, no Docker engine answers for kind,"
            f" and {reason}"
        )
    return ByTool(run)


def remaining_places(environment: Mapping[str, str], given: Images) -> list[Place]:
    """Where runs that were killed may have left something."""
    kubeconfig = environment.get("KUBECONFIG")
    if kubeconfig:
        return [Existing(Path(kubeconfig), given, run="")]
    kinds = docker.names() if docker.answers() else []
    return [
        *(ByDocker(name) for name in kinds if _is_left(name)),
        *(ByTool(name) for name in records.names() if _is_left(name)),
    ]


class Existing:
    """The cluster of a kubeconfig; `CannotRunError` if something is missing to use it."""

    def __init__(self, kubeconfig: Path, given: Images, run: str) -> None:
        if not kubeconfig.exists():
            raise CannotRunError(f"KUBECONFIG={kubeconfig}: there is no such file")
        self.title = f"the cluster of KUBECONFIG={kubeconfig}"
        self._target = _target(_kubectl(kubeconfig), kubeconfig, given)
        self._run = run

    @contextmanager
    def cluster(self) -> Iterator[Target]:
        """The cluster."""
        yield self._target

    def remove(self) -> None:
        """Remove the demo's objects, and nothing else."""
        objects.remove(self._target.kubectl, self._target.helm, self._run)


class ByDocker:
    """A cluster that kind makes in Docker."""

    title: Final = "a new cluster of kind's, in Docker"

    def __init__(self, run: str) -> None:
        self._name = run

    @contextmanager
    def cluster(self) -> Iterator[Target]:
        """The cluster, with the images on its nodes."""
        _helm()  # what is missing is said first
        with docker.cluster(self._name, _NODES, None, None, RECIPES) as kubeconfig:
            yield _target(_kubectl(kubeconfig), kubeconfig, _BUILT)

    def remove(self) -> None:
        """Delete it."""
        docker.delete(self._name)


class ByTool:
    """A cluster of the cluster tool's."""

    title: Final = "a new cluster on this machine, made by tests/cluster"

    def __init__(self, run: str) -> None:
        version = Kubernetes.parse(DEFAULT_KUBERNETES)
        self._plan = Plan(run, records.work_folder(run), version, _NODES)

    @contextmanager
    def cluster(self) -> Iterator[Target]:
        """The cluster, with the images on its nodes."""
        plan = self._plan
        debian.provide()
        parts.build_all(parts.needed(plan.kubernetes, nodes=True))
        archives = images.build_all(RECIPES)
        with doing(f"{_NODES} nodes of Kubernetes {plan.kubernetes}"):
            lifecycle.bring_up(plan)
        with doing(f"{len(archives)} images onto the nodes"), ThreadPoolExecutor() as pool:
            for _ in pool.map(lambda each: node.load_everywhere(plan, each), archives):
                pass
        yield _target(control.kubectl(plan), plan.kubeconfig, _BUILT)

    def remove(self) -> None:
        """Take it down."""
        if self._plan.name in records.names():
            lifecycle.take_down(self._plan.work)


def _target(kubectl: list[str], kubeconfig: Path, found: Images) -> Target:
    helm = Helm(_helm(), kubeconfig, objects.OPERATORS)
    return Target(Kubectl(kubectl), helm, kubeconfig, found)


def _kubectl(kubeconfig: Path) -> list[str]:
    program = shutil.which("kubectl")
    if program is None:
        raise CannotRunError("kubectl is not installed: https://kubernetes.io/docs/tasks/tools")
    return [program, f"--kubeconfig={kubeconfig}"]


def _helm() -> Path:
    program = shutil.which("helm")
    if program is not None:
        return Path(program)
    if shutil.which("go") is None:
        raise CannotRunError(
            "neither Helm (https://helm.sh/docs/intro/install) is installed, nor Go to build it"
        )
    return parts.build(parts.helm()) / "helm"


def _is_left(name: str) -> bool:
    """Whether a cluster is that of a run that is over."""
    prefix, _, process = name.partition("-")
    if prefix != RUN or not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
