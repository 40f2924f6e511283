"""One cluster without nodes for the run, and a namespace for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster import control
from cluster.plan import Plan
from support.kubectl import Kubectl
from support.ownclusters import own_cluster


@pytest.fixture(scope="package")
def cluster(pytestconfig: pytest.Config) -> Iterator[Plan]:
    """Etcd, an API server and the controller manager without nodes."""
    with own_cluster("kube", 0, pytestconfig) as plan:
        yield plan


@pytest.fixture(scope="package")
def api(cluster: Plan) -> Kubectl:
    """All namespaces of the cluster."""
    return Kubectl(control.kubectl(cluster))


@pytest.fixture
def kubectl(api: Kubectl) -> Iterator[Kubectl]:
    """A namespace of the test's own."""
    with api.in_a_namespace("kube") as kubectl:
        yield kubectl
