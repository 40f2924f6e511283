"""Namespaces that the operator looks after, with an EurekaCluster to be started, and faults."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.clusters import Target
from e2e.operator.ekc import EkcCluster
from e2e.operator.installed import Operator
from support.kubectl import Kubectl


@pytest.fixture
def kubectl(target: Target, operator: Operator) -> Iterator[Kubectl]:  # noqa: ARG001 - it works there
    """A namespace of the test's own, which the operator looks after."""
    with target.kubectl.in_a_namespace("ekc") as kubectl:
        yield kubectl


@pytest.fixture
def cluster(kubectl: Kubectl) -> EkcCluster:
    """An EurekaCluster `eureka` of the test's own that is yet to be started."""
    return EkcCluster(kubectl)
