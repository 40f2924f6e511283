"""The comparison of served CRDs, with an API server that says what a test wants."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from eureka_operator.core.kinds import Object
from eureka_operator.shell.crds import ServedCRDs
from unit.operator.shell.world import World, cluster, world

_FOLDER: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_CLUSTERS: Final = f"{_FOLDER}/eurekaclusters.eurekube.io"
_REGISTRATIONS: Final = f"{_FOLDER}/eurekaregistrations.eurekube.io"
_CRDS: Final = Path(__file__).parents[4] / "crds"
_METRIC: Final = "crd_missing_fields"
_FORBIDDEN: Final = 403


def _install_crds(found: World, without: str = "") -> None:
    """Have both CRDs, that of EurekaClusters without a field of its spec."""
    for path, name in ((_CLUSTERS, "eurekacluster"), (_REGISTRATIONS, "eurekaregistration")):
        crd: Any = yaml.safe_load((_CRDS / f"{name}.yaml").read_text())
        schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        if name == "eurekacluster" and without:
            del schema["properties"]["spec"]["properties"][without]
        found.api.objects[path] = crd


def _sample(count: int) -> str:
    return f'eureka_operator_{_METRIC}{{crd="eurekaclusters.eurekube.io"}} {float(count)}'


@pytest.fixture
def clusters() -> list[Object]:
    """One EurekaCluster as it is listed."""
    return [{**cluster(), "apiVersion": "eurekube.io/v1alpha1", "kind": "EurekaCluster"}]


@pytest.fixture(autouse=True)
def _logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.INFO, "eureka_operator"):
        yield


async def test_missing_field_is_told_once_and_its_cure_is_noticed(
    clusters: list[Object], caplog: pytest.LogCaptureFixture
) -> None:
    """Every minute's look finds the same; one that is upgraded meanwhile lacks nothing."""
    async with world() as found:
        _install_crds(found, without="logging")
        served = ServedCRDs(found.kube, found.metrics)

        await served.compare(clusters)
        await served.compare(clusters)

        assert caplog.text.count("older than this operator: it lacks spec.logging;") == 1
        assert [reason for _, reason, _ in found.api.event_list] == ["CRDTooOld"]
        assert _sample(1) in found.metric(_METRIC)

        _install_crds(found)
        await served.compare(clusters)

        assert _sample(0) in found.metric(_METRIC)
        assert len(found.api.events) == 1


async def test_without_the_right_to_read_crds_nothing_is_compared(
    clusters: list[Object], caplog: pytest.LogCaptureFixture
) -> None:
    """An operator of some namespaces; it says so once, and does the rest of its work."""
    async with world() as found:
        found.api.failing |= {_CLUSTERS: _FORBIDDEN, _REGISTRATIONS: _FORBIDDEN}
        served = ServedCRDs(found.kube, found.metrics)

        await served.compare(clusters)
        await served.compare(clusters)

        assert caplog.text.count("it is not known whether") == 1
        assert found.api.events == []


@pytest.mark.parametrize("status", [404, 503])
async def test_crd_that_cannot_be_read_now_is_left_for_the_next_look(
    status: int, clusters: list[Object]
) -> None:
    """It is being made anew, or the API server is about to stop."""
    async with world() as found:
        found.api.failing |= {_CLUSTERS: status, _REGISTRATIONS: status}
        served = ServedCRDs(found.kube, found.metrics)
        await served.compare(clusters)
        assert found.api.events == []

        found.api.failing.clear()
        _install_crds(found, without="logging")
        await served.compare(clusters)

        assert len(found.api.events) == 1
