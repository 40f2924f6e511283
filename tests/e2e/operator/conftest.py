"""Namespaces that the operator looks after, with an EurekaCluster to be started, and faults."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster.faults import Faults
from cluster.plan import Plan
from conformance.realclient import not_run
from e2e.clusters import Target
from e2e.operator.ekc import EkcCluster
from e2e.operator.installed import Operator
from support.kubectl import Kubectl


@pytest.fixture(scope="package")
def plan(target: Target) -> Plan:
    """The cluster as one of tests.cluster's: with an audit log, and ours to hurt."""
    if target.plan is None:
        not_run("e2e of the operator's faults", "only a cluster of tests.cluster's own may be hurt")
    return target.plan


@pytest.fixture
def faults(plan: Plan) -> Faults:
    """What can be done to the cluster."""
    return Faults(plan)


@pytest.fixture
def kubectl(target: Target, operator: Operator) -> Iterator[Kubectl]:  # noqa: ARG001 - it works there
    """A namespace of the test's own, which the operator looks after."""
    with target.kubectl.in_a_namespace("ekc") as kubectl:
        yield kubectl


@pytest.fixture
def cluster(kubectl: Kubectl) -> EkcCluster:
    """An EurekaCluster `eureka` of the test's own that is yet to be started."""
    return EkcCluster(kubectl)
