"""A namespace with the label and an EurekaCluster, for all tests of a file."""

from __future__ import annotations

import pytest

from e2e.injection.manifests import LABEL
from e2e.operator.ekc import EkcCluster
from e2e.sidecar import manifests


@pytest.fixture(scope="module")
def shop(shared: EkcCluster) -> EkcCluster:
    """Three peers in a namespace whose pods get sidecars; the programs of pods are there, too."""
    kubectl = shared.kubectl
    kubectl("label", "namespace", kubectl.namespace, f"{LABEL}=enabled")
    kubectl.apply(manifests.listed([manifests.programs()]))
    return shared
