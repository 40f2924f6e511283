"""A namespace with the label and an EurekaCluster, for all tests of a file."""

from __future__ import annotations

import pytest

from cluster.faults import Faults
from cluster.plan import Plan
from conformance.realclient import not_run
from e2e.clusters import Target
from e2e.injection.manifests import LABEL
from e2e.operator.ekc import EkcCluster
from e2e.sidecar import manifests


@pytest.fixture(scope="package")
def plan(target: Target) -> Plan:
    """The cluster as one of tests.cluster's: with a network to look into, and ours to hurt."""
    if target.plan is None:
        not_run("e2e of injection's faults", "only a cluster of tests.cluster's own may be hurt")
    return target.plan


@pytest.fixture
def faults(plan: Plan) -> Faults:
    """What can be done to the cluster."""
    return Faults(plan)


@pytest.fixture(scope="module")
def shop(shared: EkcCluster) -> EkcCluster:
    """Three peers in a namespace whose pods get sidecars; the programs of pods are there, too."""
    kubectl = shared.kubectl
    kubectl("label", "namespace", kubectl.namespace, f"{LABEL}=enabled")
    kubectl.apply(manifests.listed([manifests.programs()]))
    return shared
