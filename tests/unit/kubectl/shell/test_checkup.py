"""What `doctor` reads of a cluster."""

from __future__ import annotations

from typing import Any, Final

import pytest

from eureka_operator.shell.client import ApiError, Client
from kubectl_eureka.shell.checkup import look_at_all
from kubectl_eureka.shell.options import Look
from unit.kubectl.shell.api import FORBIDDEN, Api, cluster, listed
from unit.registry.verbs.test_listing import DOCUMENT

SHOP: Final = "/api/v1/namespaces/shop"
CLUSTERS: Final = "/apis/eurekube.io/v1alpha1"
APPS: Final = f"{SHOP}/services/peer2:8761/proxy/eureka/apps"
READY: Final = {"type": "Ready", "status": "True", "reason": "Converged", "message": "well"}


def pod(**metadata: object) -> dict[str, Any]:
    """A pod with a port."""
    return {
        "metadata": {"namespace": "shop", "name": "orders", "uid": "u1", **metadata},
        "spec": {"containers": [{"name": "app", "ports": [{"containerPort": 8080}]}]},
        "status": {"phase": "Running"},
    }


@pytest.fixture
def shop(api: Api) -> Api:
    """A namespace with a registry, an instance, and a pod that has its sidecar."""
    ready = cluster()
    ready["status"]["conditions"] = [READY]
    injected = pod(labels={"eurekube.io/injected": "true"})
    api.answers = {
        "/version": (200, {"major": "1", "minor": "34"}),
        "/api/v1/namespaces/shop": (
            200,
            {"metadata": {"name": "shop", "labels": {"eurekube.io/inject": "enabled"}}},
        ),
        "/api/v1/namespaces/kube-system": (200, {"metadata": {"uid": "k"}}),
        "/apis/apps/v1/deployments": (200, listed()),
        f"{SHOP}/pods": (200, listed(injected)),
        f"{SHOP}/services": (200, listed()),
        f"{CLUSTERS}/eurekaclusters": (200, listed(ready)),
        f"{CLUSTERS}/namespaces/shop/eurekaclusters": (200, listed(ready)),
        APPS: (200, _secret({"namespace": "shop", "pod-name": "orders", "pod-uid": "u1"})),
        f"{APPS}/ORDERS/orders-1": (404, ""),
    }
    return api


def _secret(metadata: dict[str, str]) -> dict[str, Any]:
    document = {**DOCUMENT, "metadata": metadata}
    return {"applications": {"application": [{"name": "ORDERS", "instance": [document]}]}}


async def codes(client: Client) -> list[tuple[str, str]]:
    """What is found; nothing could not be looked at."""
    found = await look_at_all(client, Look(), "shop")
    assert not [each for each in found.notes if "not looked at" in each]
    return [(each.code, each.about) for each in found.findings]


async def test_nothing_is_wrong_with_what_is_well(shop: Api, client: Client) -> None:
    """And nothing is changed."""
    assert await codes(client) == []
    assert {each.partition(" ")[0] for each in shop.asked} == {"GET"}


async def test_pods_registry_and_cluster_are_looked_at(shop: Api, client: Client) -> None:
    """A pod without its sidecar; an instance whose pod is gone; conditions."""
    shop.answers[f"{SHOP}/pods"] = (200, listed(pod()))
    shop.answers[APPS] = (200, _secret({"namespace": "shop", "pod-uid": "u0"}))
    shop.answers[f"{CLUSTERS}/namespaces/shop/eurekaclusters"] = (200, listed(cluster()))

    assert await codes(client) == [
        ("sidecar_missed", "Pod shop/orders"),
        ("cluster_not_ready", "EurekaCluster shop/eureka"),
        ("pod_gone", "ORDERS/orders-1"),
    ]


async def test_a_registry_that_may_not_be_asked_is_noted(shop: Api, client: Client) -> None:
    """Pods must be listed, or there is nothing to look at."""
    shop.answers[APPS] = (403, FORBIDDEN)

    found = await look_at_all(client, Look(), "shop")

    assert found.findings == []
    assert "ask an administrator for this right on services/proxy" in "\n".join(found.notes)
    shop.answers[f"{SHOP}/pods"] = (403, FORBIDDEN)
    with pytest.raises(ApiError):
        await look_at_all(client, Look(), "shop")
