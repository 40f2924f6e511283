"""A cluster that may be hurt, for what happens to pods with a sidecar."""

from __future__ import annotations

import pytest

from cluster.faults import Faults
from cluster.plan import Plan
from conformance.realclient import not_run
from e2e.clusters import Target


@pytest.fixture(scope="session")
def plan(target: Target) -> Plan:
    """The cluster as one of tests.cluster's: with an audit log, and ours to hurt."""
    if target.plan is None:
        not_run("e2e of injection's faults", "only a cluster of tests.cluster's own may be hurt")
    return target.plan


@pytest.fixture
def faults(plan: Plan) -> Faults:
    """What can be done to the cluster."""
    return Faults(plan)
