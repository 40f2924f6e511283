"""CustomResourceDefinitions that are older than the operator, as an upgrade may leave them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import pytest
import yaml

from cluster.plan import Plan
from eureka_operator.core.desired.common import Environment
from eureka_operator.core.kinds import CLUSTER
from eureka_operator.reconcile import Reconciler
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.metrics import Metrics
from eureka_operator.shell.queue import Key
from eureka_operator.shell.turns import Turns
from kube.operator.objects import CRD_NAME, CRDS, eureka_cluster, install
from kube.operator.registered import registration
from kube.operator.replica import Replica
from processes.cluster import until
from support.kubectl import Kubectl

_PATIENCE_S: Final = 60.0
_MISSING: Final = {
    "eurekaclusters.eurekube.io": (
        "spec.registry.java",
        "status.endpoints",
        "status.operatorVersion",
        "status.peers[].since",
    ),
    "eurekaregistrations.eurekube.io": ("spec.paths", "status.lastRenewal"),
}


@pytest.fixture(autouse=True)
def _older(no_crd: None, api: Kubectl) -> Iterator[None]:  # noqa: ARG001 - made anew
    """The CRDs without some of their fields; at the end as they are again."""
    for path in CRDS:
        crd = yaml.safe_load(path.read_text())
        for field in _MISSING[crd["metadata"]["name"]]:
            _remove(crd, field)
        api.apply(json.dumps(crd))
    until(lambda: api.run_unchecked("get", CRD_NAME).returncode == 0, _PATIENCE_S)
    yield
    install(api)


def _remove(crd: Any, field: str) -> None:  # noqa: ANN401 - JSON
    node = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    *groups, last = field.split(".")
    for group in groups:
        node = node["properties"][group.removesuffix("[]")]
        node = node["items"] if group.endswith("[]") else node
    del node["properties"][last]


def test_missing_fields_are_named_once_in_log_metric_and_event(
    cluster: Plan, kubectl: Kubectl
) -> None:
    """The API server drops them without a word; the operator works on with the rest."""
    kubectl.apply(eureka_cluster("eureka"))
    with Replica(cluster.kubeconfig, kubectl.namespace, "--resync=1") as replica:
        for name, fields in _MISSING.items():
            replica.wait_for_text(
                f"{name} is older than this operator: it lacks {', '.join(fields)}"
            )
        said = until(lambda: _events(kubectl), _PATIENCE_S)
        replica.another_pass("eureka")
        replica.another_pass("eureka")

        assert len(said) == 1
        assert "it lacks spec.registry.java, status.endpoints" in said[0]["message"]
        assert _events(kubectl)[0]["count"] == 1
        assert replica.log_text().count("is older than this operator") == len(_MISSING)
        metrics = replica.answer("/metrics")[1]
        for name, fields in _MISSING.items():
            line = f'eureka_operator_crd_missing_fields{{crd="{name}"}} {float(len(fields))}'
            assert line in metrics


async def test_status_is_written_without_the_fields_that_are_missing(
    kubectl: Kubectl, kube: Kube
) -> None:
    """People and Helm look at Ready, whatever else cannot be said."""
    kubectl.apply(eureka_cluster("eureka"))
    around = Environment(registry_image="eurekube/registry:test", version="0.1.0")
    reconciler = Reconciler(kube, around, Metrics(), Turns(), lambda: datetime.now(UTC))
    for _ in range(3):
        await reconciler.reconcile(Key(kubectl.namespace, "eureka"))

    status = kubectl.get("ekc", "eureka")["status"]
    assert {each["type"] for each in status["conditions"]} >= {"Ready", "Available"}
    assert [each["name"] for each in status["peers"]] == ["peer1", "peer2", "peer3"]
    assert status.keys() & {"endpoints", "operatorVersion"} == set()
    children = await kube.list(CLUSTER, kubectl.namespace)
    assert len(children) == 1
    assert kubectl.get("statefulset", "eureka-peer")["spec"]["replicas"] == 3


async def test_status_of_a_registration_is_written_likewise(kubectl: Kubectl, kube: Kube) -> None:
    """Its status goes the same way."""
    kubectl.apply(registration(service="db"))
    found = kubectl.get("eurekaregistration", "db")
    about = {key: found[key] for key in ("apiVersion", "kind")}
    metadata = {key: found["metadata"][key] for key in ("namespace", "name", "uid")}
    status = {"instances": 2, "up": 1, "lastRenewal": "2026-11-28T12:00:00Z"}

    await kube.apply_status({**about, "metadata": metadata, "status": status})

    assert kubectl.get("eurekaregistration", "db")["status"] == {"instances": 2, "up": 1}


def _events(kubectl: Kubectl) -> list[dict[str, Any]]:
    found = kubectl.get("events", "--field-selector=reason=CRDTooOld")["items"]
    return [each for each in found if each["involvedObject"]["name"] == "eureka"]
