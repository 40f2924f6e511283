"""Clients that nobody here wrote find pods that have nothing but the label, and call them by name.

A Spring application in another namespace, without a sidecar; Python inside, with an Eureka client.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import pytest

from cluster.images import CLIENT
from e2e.clusters import Target
from e2e.injection import manifests
from e2e.injection.manifests import pod_spec, serving
from e2e.injection.registered import has_sidecar, ids_up, instances, pods_of, result_of
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.test_clients import SOON
from e2e.sidecar.manifests import listed
from processes.cluster import until
from support.kubectl import Kubectl

APP: Final = "orders"
REPLICAS: Final = 2
CALL: Final = """
import os, sys
from py_eureka_client import eureka_client
eureka_client.init(eureka_server=sys.argv[1], app_name="CALLER", should_register=False)
print(eureka_client.do_service("ORDERS", "/"))
sys.stdout.flush()
os._exit(0)
"""
"""Prints what an instance of the application answers: the name of its pod."""


@pytest.fixture(scope="module")
def orders(target: Target, shop: EkcCluster) -> EkcCluster:
    """An application with a label, and without a word about Eureka."""
    shop.kubectl.apply(listed([manifests.deployment(APP, pod_spec(serving(target)), REPLICAS)]))
    until(lambda: len(ids_up(instances(shop, APP))) == REPLICAS, PATIENCE_S)
    return shop


@pytest.fixture
def unlabelled_namespace(target: Target) -> Iterator[Kubectl]:
    """A namespace without the label."""
    with target.kubectl.in_a_namespace("elsewhere") as kubectl:
        yield kubectl


def test_spring_outside_calls_it_by_name(
    orders: EkcCluster, unlabelled_namespace: Kubectl, spring: str
) -> None:
    """It has the URLs of the status, and is asked through the API server."""
    settings = {
        **SOON,
        "spring.application.name": "outside",
        "eureka.client.service-url.defaultZone": orders.status["endpoints"]["defaultZone"],
    }
    client = {
        "name": "client",
        "image": spring,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": "SPRING_APPLICATION_JSON", "value": json.dumps(settings)}],
    }
    unlabelled_namespace.apply(listed([manifests.pod("outside", {"containers": [client]}, {})]))

    path = f"/api/v1/namespaces/{unlabelled_namespace.namespace}/pods/outside:8080/proxy/call/{APP}"
    said = until(
        lambda: unlabelled_namespace.run_unchecked("get", "--raw", path).stdout, PATIENCE_S
    )

    assert said in pods_of(orders.kubectl, APP)
    assert not has_sidecar(unlabelled_namespace.get("pod", "outside"))


def test_python_inside_calls_it_by_name(target: Target, orders: EkcCluster) -> None:
    """It has an Eureka client of its own and says so: it gets no sidecar beside it."""
    kubectl = orders.kubectl
    urls = orders.status["endpoints"]["defaultZone"]
    client = {
        "name": "client",
        "image": target.image(CLIENT),
        "imagePullPolicy": "IfNotPresent",
        "args": ["INSIDE", urls],
    }
    inside = manifests.pod("inside", {"containers": [client]}, {}, client="embedded")
    kubectl.apply(listed([inside]))
    until(lambda: ids_up(instances(orders, "inside")), PATIENCE_S)

    said = kubectl("exec", "inside", "--", "/opt/client/bin/python3", "-c", CALL, urls).split()

    assert said[-1] in pods_of(kubectl, APP)
    assert result_of(kubectl.get("pod", "inside")) == "embedded_client"
    assert set(instances(orders, "inside")) == {"inside:1"}
