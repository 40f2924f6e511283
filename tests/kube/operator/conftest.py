"""The operator's client, as an administrator of the cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from cluster.plan import Plan
from eureka_operator.shell.client import Client, configuration
from eureka_operator.shell.kube import Kube
from kube.operator.objects import CRD_NAME, REGISTRATION_CRD_NAME, install
from support.kubectl import Kubectl


@pytest.fixture
async def client(cluster: Plan) -> AsyncIterator[Client]:
    """Requests to the cluster's API server."""
    async with Client(await configuration(cluster.kubeconfig)) as client:
        yield client


@pytest.fixture
def kube(client: Client) -> Kube:
    """Verbs on objects."""
    return Kube(client, "operator-1")


@pytest.fixture(scope="module")
def crd(api: Kubectl) -> Iterator[None]:
    """EurekaClusters can be made, and can no more afterwards if they could not before."""
    before = api.run_unchecked("get", "crd", CRD_NAME).returncode == 0
    install(api)
    yield
    if not before:
        api("delete", "crd", CRD_NAME)


@pytest.fixture
def no_crd(api: Kubectl) -> Iterator[None]:
    """They cannot be made; what was there before is there again afterwards."""
    before = api.run_unchecked("get", "crd", CRD_NAME).returncode == 0
    delete = ("delete", "crd", CRD_NAME, REGISTRATION_CRD_NAME, "--ignore-not-found")
    api(*delete)
    yield
    if before:
        install(api)
    else:
        api(*delete)
