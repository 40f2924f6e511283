"""A cluster of one node that kind makes, the operator on it, and an EurekaCluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster.errors import ClusterError
from conformance.realclient import not_run
from e2e.clusters import Target, by_kind
from e2e.injection.manifests import LABEL
from e2e.operator.ekc import EkcCluster
from e2e.operator.installed import Operator
from e2e.sidecar.manifests import listed, programs
from support.ownclusters import show_progress


@pytest.fixture(scope="package")
def target(pytestconfig: pytest.Config) -> Iterator[Target]:
    """The cluster."""
    with by_kind(1, pytestconfig) as target:
        yield target


@pytest.fixture(scope="package")
def operator(target: Target, pytestconfig: pytest.Config) -> Operator:
    """The operator and the injector, installed by Helm out of the chart."""
    with show_progress(pytestconfig):
        try:
            operator = Operator(target)
        except ClusterError as error:
            not_run("kind", f"Helm cannot be built: {error}")
    operator.install()
    return operator


@pytest.fixture(scope="package")
def peers(target: Target, operator: Operator) -> Iterator[EkcCluster]:  # noqa: ARG001 - it works there
    """Three peers in a namespace whose pods get sidecars."""
    with target.kubectl.in_a_namespace("shop") as kubectl:
        kubectl("label", "namespace", kubectl.namespace, f"{LABEL}=enabled")
        kubectl.apply(listed([programs()]))
        cluster = EkcCluster(kubectl)
        cluster.start()
        yield cluster
