"""One API server for the run, and a namespace for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster import control
from support.kubectl import Kubectl
from support.ownclusters import own_cluster


@pytest.fixture(scope="session")
def api(pytestconfig: pytest.Config) -> Iterator[Kubectl]:
    """Etcd and an API server without nodes."""
    with own_cluster("kube", 0, pytestconfig) as plan:
        yield Kubectl(control.kubectl(plan))


@pytest.fixture
def kubectl(api: Kubectl) -> Iterator[Kubectl]:
    """A namespace of the test's own."""
    with api.in_a_namespace("kube") as kubectl:
        yield kubectl
