"""Which cluster the tests of this tier run on: one made for them, or the one they are told of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster import control, images, node, parts, records, versions
from cluster.faults import Faults
from cluster.images import Recipe
from cluster.plan import Plan
from support.helm import Helm
from support.kubectl import Kubectl
from support.ownclusters import own_cluster, own_kind, show_progress


@dataclass(frozen=True)
class Target:
    """A cluster to test on."""

    kubectl: Kubectl
    kubeconfig: Path
    plan: Plan | None = None
    """None for a cluster that tests.cluster has not made: it may not be hurt."""
    prefix: str = ""
    """What stands instead of `localhost/eurekube/` in the names of images."""

    @property
    def faults(self) -> Faults | None:
        """What can be done to it; None where nothing may be hurt."""
        return None if self.plan is None else Faults(self.plan)

    def image(self, recipe: Recipe) -> str:
        """What an image is called there."""
        return (
            recipe.name.replace("localhost/eurekube/", self.prefix) if self.prefix else recipe.name
        )

    def helm(self, namespace: str = "", version: str = versions.HELM) -> Helm:
        """A Helm of one of `support.helm.VERSIONS`, built if it is not there.

        Raises:
            ClusterError: it cannot be built.
        """
        return Helm(parts.build(parts.helm(version)) / "helm", self.kubeconfig, namespace)


@contextmanager
def own(config: pytest.Config) -> Iterator[Target]:
    """A cluster of three nodes in three zones, with the images on each."""
    with own_cluster("e2e", 3, config) as plan:
        with show_progress(config):
            for archive in images.build_all():
                node.load_everywhere(plan, archive)
        yield _target(plan)


@contextmanager
def by_kind(nodes: int, config: pytest.Config) -> Iterator[Target]:
    """A cluster that kind makes: one node for all, or a control plane beside `nodes`."""
    with own_kind(nodes, config) as (kubectl, kubeconfig):
        yield Target(kubectl, kubeconfig)


def running(name: str) -> Target:
    """A cluster that `python -m tests.cluster up` made and `load` gave the images.

    Raises:
        ClusterError: there is none of this name.
    """
    return _target(records.read(name))


def foreign(kubeconfig: Path, prefix: str) -> Target:
    """A cluster of the user's, which has the images or can pull them."""
    return Target(Kubectl(["kubectl", f"--kubeconfig={kubeconfig}"]), kubeconfig, prefix=prefix)


def _target(plan: Plan) -> Target:
    return Target(Kubectl(control.kubectl(plan)), plan.kubeconfig, plan)
