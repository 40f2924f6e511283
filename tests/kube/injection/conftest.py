"""One release of the chart, one operator and two injectors for all tests of injection."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import pytest

from cluster.plan import Plan
from kube.injection.chain import Chain
from kube.injection.pods import Pods
from support.clusterobjects import document
from support.kubectl import Kubectl
from support.standin.client import Client


@pytest.fixture(scope="package")
def release(
    cluster: Plan, api: Kubectl, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Chain]:
    """The chart's objects, its operator, and two injectors that the API server asks."""
    with api.in_a_namespace("eurekube") as home:
        chain = Chain(cluster, api, home, tmp_path_factory.mktemp("chain"))
        try:
            chain.apply()
            chain.have_operator()
            chain.have_injectors(2)
            chain.used()
            yield chain
        finally:
            chain.remove()


@pytest.fixture
def chain(release: Chain, request: pytest.FixtureRequest) -> Iterator[Chain]:
    """The same; a test that fails shows what its programs said."""
    failed = request.session.testsfailed
    yield release
    if request.session.testsfailed > failed:
        print(release.explanation())  # noqa: T201 - pytest shows it


@pytest.fixture
async def pods(cluster: Plan) -> AsyncIterator[Pods]:
    """Pods by requests to the API server, many at a time."""
    async with Client(cluster.kubeconfig) as client:
        yield Pods(client)


@pytest.fixture
def selected(chain: Chain, api: Kubectl) -> Iterator[Kubectl]:
    """A namespace with the label and a registry, which every injector knows."""
    with api.in_a_namespace("selected") as kubectl:
        kubectl.apply(json.dumps(document({})))
        kubectl("label", "namespace", kubectl.namespace, "eurekube.io/inject=enabled")
        chain.decided(kubectl.namespace)
        yield kubectl
