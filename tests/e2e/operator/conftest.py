"""The operator, installed once for the run, and namespaces with an EurekaCluster in them."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from cluster import crds
from cluster.errors import CannotRunError, ClusterError
from cluster.faults import Faults
from cluster.plan import Plan
from conformance.realclient import not_run
from e2e.clusters import Target
from e2e.operator.ekc import EkcCluster
from e2e.operator.installed import Operator
from support.kubectl import Kubectl
from support.ownclusters import speaking


@pytest.fixture(scope="session")
def monitors(target: Target, pytestconfig: pytest.Config) -> bool:
    """Whether the cluster has ServiceMonitors; it gets them if they can be had."""
    with speaking(pytestconfig):
        try:
            text = crds.service_monitors().read_text()
        except CannotRunError:
            return False
    target.kubectl.apply(text)
    return True


@pytest.fixture(scope="session")
def operator(
    target: Target,
    pytestconfig: pytest.Config,
    *,
    monitors: bool,  # noqa: ARG001 - it must find them when it starts
) -> Iterator[Operator]:
    """The operator in the namespace `eurekube`; a test that removes it installs it again."""
    with speaking(pytestconfig):
        try:
            operator = Operator(target)
        except ClusterError as error:
            not_run("e2e of the operator", f"Helm cannot be built: {error}")
    operator.uninstall()  # what a run that was killed has left may be of older sources
    operator.install()
    try:
        yield operator
    finally:
        operator.uninstall()


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="module")
def shared(target: Target, operator: Operator) -> Iterator[EkcCluster]:  # noqa: ARG001 - it works there
    """Three peers for all tests of a file; each leaves them so."""
    with target.kubectl.in_a_namespace("shared") as kubectl:
        cluster = EkcCluster(kubectl)
        cluster.start()
        yield cluster


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what a person would look at first."""
    report = yield
    if report.failed and report.when != "teardown":
        known = {id(each): each for each in item.funcargs.values()}
        for each in known.values():
            if isinstance(each, (EkcCluster, Operator)):
                report.sections.append((f"what {each.title} says", each.explanation()))
    return report
