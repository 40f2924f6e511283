"""EurekaRegistrations on a real cluster: pods that have no sidecar, and addresses outside."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Final

import pytest

from e2e.clusters import Target
from e2e.injection import manifests
from e2e.injection.registered import ids_up, instances, pods_of
from e2e.operator.changes import wait_available
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.installed import Operator
from processes.cluster import check_throughout, until
from support.kubectl import Kubectl

NAME: Final = "legacy"
_READY: Final = "/tmp/ready"  # noqa: S108 - in its pod
_PROGRAM: Final = f"touch {_READY}; exec python3 -m http.server 8080"

Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def legacy(target: Target, shared: EkcCluster) -> Kubectl:
    """Two pods of somebody else's chart behind a Service, registered by an EurekaRegistration."""
    kubectl = shared.kubectl
    container = {
        **manifests.container(target, "sh", "-c", _PROGRAM),
        "ports": [{"containerPort": 8080}],
        "readinessProbe": {"exec": {"command": ["cat", _READY]}, "periodSeconds": 1},
        "volumeMounts": [],
    }
    deployment = manifests.deployment(NAME, manifests.pod_spec(container, volumes=[]), 2)
    kubectl.apply(json.dumps(deployment))
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME},
        "spec": {"selector": {"app": NAME}, "ports": ports},
    }
    kubectl.apply(json.dumps(service))
    kubectl.apply(registration(NAME, service=NAME))
    until(lambda: len(ids_up(instances(shared, NAME))) == 2, PATIENCE_S)
    return kubectl


def registration(name: str, **spec: Any) -> str:  # noqa: ANN401 - any field
    """An EurekaRegistration with the EurekaCluster of the namespace."""
    document = {
        "apiVersion": "eurekube.io/v1alpha1",
        "kind": "EurekaRegistration",
        "metadata": {"name": name},
        "spec": {"clusterRef": {"name": "eureka"}, **spec},
    }
    return json.dumps(document)


def statuses(cluster: EkcCluster, app: str = NAME) -> dict[str, str]:
    """Address and status of each instance at a peer."""
    return {each["ipAddr"]: each["status"] for each in instances(cluster, app).values()}


def addresses(kubectl: Kubectl) -> dict[str, str]:
    """The address of each pod."""
    return {name: each["status"].get("podIP", "") for name, each in pods_of(kubectl, NAME).items()}


def test_pods_are_registered_by_their_addresses(shared: EkcCluster, legacy: Kubectl) -> None:
    """They have no sidecar, and the object says what is registered."""
    assert set(statuses(shared)) == set(addresses(legacy).values())
    legacy("wait", "--for=condition=Synced", f"ekr/{NAME}", "--timeout=150s")
    until(lambda: legacy.get("ekr", NAME)["status"]["up"] == 2, PATIENCE_S)
    assert "LEGACY" in legacy("get", "ekr", NAME)


def test_readiness_becomes_status(
    shared: EkcCluster, legacy: Kubectl, record_property: Record
) -> None:
    """A pod that is not ready is OUT_OF_SERVICE, at every peer and without a restart."""
    name, address = min(addresses(legacy).items())
    legacy("exec", name, "--", "rm", _READY)
    until(lambda: not _is_ready(legacy, name), PATIENCE_S)
    begun = time.monotonic()
    until(lambda: statuses(shared).get(address) == "OUT_OF_SERVICE", PATIENCE_S)
    _record(record_property, "from not ready to OUT_OF_SERVICE", begun)

    legacy("exec", name, "--", "touch", _READY)
    until(lambda: _is_ready(legacy, name), PATIENCE_S)
    begun = time.monotonic()
    until(lambda: statuses(shared).get(address) == "UP", PATIENCE_S)
    _record(record_property, "from ready to UP", begun)


def test_pod_that_is_replaced_is_replaced_in_the_registry(
    shared: EkcCluster, legacy: Kubectl, record_property: Record
) -> None:
    """The old address goes, which another pod may get."""
    name, address = min(addresses(legacy).items())
    begun = time.monotonic()
    legacy("delete", "pod", name, "--wait=false")
    until(lambda: address not in addresses_up(shared), PATIENCE_S)
    _record(record_property, "from delete to not UP", begun)

    until(lambda: len(ids_up(instances(shared, NAME))) == 2, PATIENCE_S)
    until(lambda: set(statuses(shared)) == set(addresses(legacy).values()), PATIENCE_S)


def test_restart_of_the_operator_loses_no_lease(
    operator: Operator, shared: EkcCluster, legacy: Kubectl
) -> None:
    """The next leader goes on with what it finds."""
    before = _registered_at(shared)
    operator.kubectl("rollout", "restart", f"deployment/{operator.deployment}")
    check_throughout(lambda: len(ids_up(instances(shared, NAME))) == 2, 30)
    wait_available(operator)

    assert _registered_at(shared) == before
    until(lambda: legacy.get("ekr", NAME)["status"]["instances"] == 2, PATIENCE_S)


def test_fixed_addresses_are_there_until_the_object_is_gone(
    shared: EkcCluster, legacy: Kubectl, record_property: Record
) -> None:
    """No finalizer: the object is gone at once, the lease soon."""
    endpoint = {"id": "vm-1", "host": "vm-1.example.com", "port": 8080}
    legacy.apply(registration("billing", endpoints=[endpoint]))
    until(lambda: statuses(shared, "billing") == {"vm-1.example.com": "UP"}, PATIENCE_S)

    begun = time.monotonic()
    legacy("delete", "ekr", "billing", "--timeout=150s")
    until(lambda: statuses(shared, "billing") == {}, PATIENCE_S)
    _record(record_property, "from delete of the object to gone", begun)


def addresses_up(cluster: EkcCluster) -> set[str]:
    """The addresses that clients call."""
    return {address for address, status in statuses(cluster).items() if status == "UP"}


def _record(record_property: Record, about: str, begun: float) -> None:
    record_property(about, f"{time.monotonic() - begun:.1f} s")


def _is_ready(kubectl: Kubectl, pod: str) -> bool:
    conditions = kubectl.get("pod", pod)["status"]["conditions"]
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _registered_at(cluster: EkcCluster) -> dict[str, str]:
    found = instances(cluster, NAME)
    return {name: str(each["lastDirtyTimestamp"]) for name, each in found.items()}
