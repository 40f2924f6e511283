"""The cluster of the run; on it the operator, and three peers for each file of tests."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import pytest

from cluster import crds, images, node
from cluster.errors import CannotRunError, ClusterError
from cluster.faults import Faults
from cluster.plan import Plan
from conformance.realclient import not_run
from e2e.clusters import Target, by_kind, foreign, own, running
from e2e.operator.ekc import EkcCluster
from e2e.operator.installed import Operator
from e2e.peers import Peers
from support import springimage
from support.builds import NotBuiltError
from support.ownclusters import show_progress

_NODES: Final = 3


@pytest.fixture(scope="package")
def target(pytestconfig: pytest.Config) -> Iterator[Target]:
    """That of `--kind`, `--cluster`, `--kubeconfig` or `KUBECONFIG`, else one made here."""
    if pytestconfig.getoption("--kind") is not None:
        with by_kind(_NODES, pytestconfig) as target:
            yield target
        return
    name = pytestconfig.getoption("--cluster")
    if name:
        yield running(name)
        return
    given = pytestconfig.getoption("--kubeconfig") or os.environ.get("KUBECONFIG")
    if given:
        yield foreign(Path(given), pytestconfig.getoption("--image-prefix"))
        return
    with own(pytestconfig) as target:
        yield target


@pytest.fixture(scope="package")
def plan(target: Target) -> Plan:
    """The cluster as one of tests.cluster's: with a network and logs to look into, ours to hurt."""
    if target.plan is None:
        not_run("e2e of faults", "only a cluster of tests.cluster's own may be hurt")
    return target.plan


@pytest.fixture
def faults(plan: Plan) -> Faults:
    """What can be done to the cluster."""
    return Faults(plan)


@pytest.fixture(scope="module")
def peers(target: Target) -> Iterator[Peers]:
    """Three peers that agree, in a namespace of their own; each test leaves them so."""
    with target.kubectl.in_a_namespace("peers") as kubectl:
        peers = Peers(target, kubectl)
        try:
            peers.start()
            yield peers
        except BaseException:
            peers.explain()
            raise


@pytest.fixture(scope="package")
def monitors(target: Target, pytestconfig: pytest.Config) -> bool:
    """Whether the cluster has ServiceMonitors; it gets them if they can be had."""
    with show_progress(pytestconfig):
        try:
            text = crds.service_monitors().read_text()
        except CannotRunError:
            return False
    target.kubectl.apply(text)
    return True


@pytest.fixture(scope="package")
def operator(
    target: Target,
    pytestconfig: pytest.Config,
    *,
    monitors: bool,  # noqa: ARG001 - it must find them when it starts
) -> Iterator[Operator]:
    """The operator in the namespace `eurekube`; a test that removes it installs it again."""
    with show_progress(pytestconfig):
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


@pytest.fixture(scope="module")
def shared(target: Target, operator: Operator) -> Iterator[EkcCluster]:  # noqa: ARG001 - it works there
    """Three peers for all tests of a file; each leaves them so."""
    with target.kubectl.in_a_namespace("shared") as kubectl:
        cluster = EkcCluster(kubectl)
        cluster.start()
        yield cluster


@pytest.fixture(scope="package")
def spring(target: Target, pytestconfig: pytest.Config) -> str:
    """The image of a Spring application, on all nodes."""
    if target.plan is None:
        not_run("e2e of Spring's client", "only nodes of tests.cluster's own get its image")
    with show_progress(pytestconfig):
        try:
            recipe = springimage.recipe()
        except NotBuiltError as error:
            not_run("e2e of Spring's client", str(error))
        node.load_everywhere(target.plan, images.built(recipe))
    return recipe.name


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
