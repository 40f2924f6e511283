"""Which cluster the tests of this tier run on: one made for them, or the one they are told of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster import control, images, node
from cluster.faults import Faults
from cluster.images import Recipe
from support.kubectl import Kubectl
from support.ownclusters import own_cluster, speaking


@dataclass(frozen=True)
class Target:
    """A cluster to test on."""

    kubectl: Kubectl
    faults: Faults | None = None
    """None where nothing may be hurt."""
    prefix: str = ""
    """What stands instead of `localhost/eurekube/` in the names of images."""

    def image(self, recipe: Recipe) -> str:
        """What an image is called there."""
        return (
            recipe.name.replace("localhost/eurekube/", self.prefix) if self.prefix else recipe.name
        )


@contextmanager
def own(config: pytest.Config) -> Iterator[Target]:
    """A cluster of three nodes in three zones, with the images on each."""
    with own_cluster("e2e", 3, config) as plan:
        with speaking(config):
            for recipe in images.RECIPES:
                node.load_everywhere(plan, images.built(recipe))
        yield Target(Kubectl(control.kubectl(plan)), Faults(plan))


def foreign(kubeconfig: Path, prefix: str) -> Target:
    """A cluster of the user's, which has the images or can pull them."""
    return Target(Kubectl(["kubectl", f"--kubeconfig={kubeconfig}"]), prefix=prefix)
