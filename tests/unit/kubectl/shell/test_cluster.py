"""What is learnt from an API server, and what is done without it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from eureka_operator.core.injection.documents import inject_document
from eureka_operator.shell.client import ApiError, Client
from kubectl_eureka.core.explanation import Explanation
from kubectl_eureka.core.workloads import parse_name
from kubectl_eureka.shell import cluster
from kubectl_eureka.shell.errors import NoAnswerError
from kubectl_eureka.shell.live import there
from kubectl_eureka.shell.options import Look
from support.apiserver import ApiServer

NAMESPACES: Final = "/api/v1/namespaces"
CLUSTERS: Final = "/apis/eurekube.io/v1alpha1"
DEPLOYMENTS: Final = "/apis/apps/v1"
POD: Final = f"{NAMESPACES}/shop/pods/orders"
REGISTRY: Final = f"{NAMESPACES}/shop/services/eureka:8761/proxy/eureka/apps"
SPEC: Final = {"containers": [{"name": "app", "ports": [{"containerPort": 8080}]}]}
LABELLED: Final = {"metadata": {"labels": {"eurekube.io/inject": "enabled"}}}


def injector(*flags: str, version: str = "0.1.0") -> dict[str, Any]:
    """The injector's Deployment."""
    container = {"name": "injector", "args": ["injector", *flags]}
    return {
        "metadata": {"labels": {"app.kubernetes.io/version": version}},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }


@pytest.fixture
async def server() -> ApiServer:
    """A cluster with Eurekube and one registry."""
    found = ApiServer()
    await found.put("/version", {"major": "1", "minor": "34+"})
    await found.put(f"{NAMESPACES}/kube-system", {"metadata": {"uid": "the-cluster"}})
    await found.put(f"{NAMESPACES}/shop", LABELLED)
    await found.put(f"{CLUSTERS}/namespaces/shop/eurekaclusters/eureka", {"spec": {}})
    flags = ("--sidecar-image=mirror/sidecar:1", "--no-urls", "--cluster-domain=a.b", "--new=1")
    await found.put(f"{DEPLOYMENTS}/namespaces/eurekube/deployments/i", injector(*flags))
    return found


@pytest.fixture
async def client(server: ApiServer) -> AsyncIterator[Client]:
    """Requests to it."""
    async with server.serving() as way, Client(way, may_write=lambda: False) as client:
        yield client


async def test_decisions_rest_on_what_the_injector_is_run_with(client: Client) -> None:
    """Its flags are in its Deployment; one that is not known yet is passed over."""
    found = await cluster.surroundings_of(client, Look(), ["shop"])

    config = found.config
    assert (config.image, config.allow_urls) == ("mirror/sidecar:1", False)
    assert (config.own_namespace, config.cluster_uid) == ("eurekube", "the-cluster")
    assert config.api_server == (1, 34)
    assert [each.urls for each in config.registries] == [
        ("http://eureka.shop.svc.a.b:8761/eureka/",)
    ]
    assert found.namespace("shop")["metadata"]["labels"] == {"eurekube.io/inject": "enabled"}
    assert found.notes == ()


async def test_flags_beat_those_of_the_injector(client: Client) -> None:
    """To see what another one would do."""
    look = Look(sidecar_image="own/sidecar:2", cluster_domain="c.d")

    found = await cluster.surroundings_of(client, look, ["shop"])

    assert found.config.image == "own/sidecar:2"
    assert found.config.registries[0].urls == ("http://eureka.shop.svc.c.d:8761/eureka/",)


async def test_injector_of_another_version_is_noted(server: ApiServer, client: Client) -> None:
    """It replaces what this program puts into a pod."""
    path = f"{DEPLOYMENTS}/namespaces/eurekube/deployments/i"
    await server.put(path, injector(version="0.9.0"))

    (note,) = (await cluster.surroundings_of(client, Look(), ["shop"])).notes

    assert note.startswith("Deployment eurekube/i is of Eurekube 0.9.0")


@pytest.mark.parametrize(
    ("path", "status", "note"),
    [
        (f"{DEPLOYMENTS}/deployments", 403, "the injector's flags are not known"),
        (f"{NAMESPACES}/kube-system", 403, "registrations do not get this cluster"),
        (f"{CLUSTERS}/eurekaclusters", 403, "EurekaClusters of other namespaces are not known"),
        (f"{CLUSTERS}/eurekaclusters", 404, "the cluster has no EurekaClusters"),
    ],
)
async def test_what_must_not_be_read_is_noted_and_done_without(
    server: ApiServer, client: Client, path: str, status: int, note: str
) -> None:
    """Most people may read little beside their own namespace."""
    server.refused[path] = status

    found = await cluster.surroundings_of(client, Look(), ["shop"])

    assert [each[: len(note)] for each in found.notes] == [note]
    assert len(found.config.registries) == (status != 404)


async def test_namespace_that_must_not_be_read_is_an_error(
    server: ApiServer, client: Client
) -> None:
    """Its labels decide: a guess would be a lie."""
    server.refused[f"{NAMESPACES}/shop"] = 403

    with pytest.raises(ApiError) as caught:
        await cluster.surroundings_of(client, Look(), ["shop"])

    assert caught.value.status == 403


async def test_without_an_injector_it_is_said_so(server: ApiServer, client: Client) -> None:
    """A label does nothing then."""
    await server.delete(f"{DEPLOYMENTS}/namespaces/eurekube/deployments/i")

    (note,) = (await cluster.surroundings_of(client, Look(), ["shop"])).notes

    assert note.startswith("no injector is installed")


async def explained(client: Client, what: str = "orders") -> Explanation:
    """An object of the namespace shop."""
    kind = parse_name(what)
    assert kind is not None
    (found,), _ = await there(client, Look(), "shop", *kind)
    return found


async def have_injected(server: ApiServer, client: Client, **status: object) -> None:
    """The pod as the webhook makes it."""
    around = await cluster.surroundings_of(client, Look(), ["shop"])
    pod = {"kind": "Pod", "metadata": {"name": "orders"}, "spec": SPEC}
    made = inject_document(pod, lambda _: around.namespace("shop"), around.config).document
    await server.put(POD, {**made, "status": status})


async def test_pod_is_explained_with_what_it_has(server: ApiServer, client: Client) -> None:
    """The container's own state, what the registry holds, and that nothing differs."""
    state = {"running": {"startedAt": "2026-11-29T02:00:00Z"}}
    container = {"name": "eureka-sidecar", "ready": True, "restartCount": 1, "state": state}
    await have_injected(server, client, initContainerStatuses=[container])
    uid = server.objects[POD]["metadata"]["uid"]
    metadata = {"pod-uid": uid, "pod-name": "orders", "namespace": "shop"}
    instance = {"app": "ORDERS", "instanceId": "i", "status": "UP", "metadata": metadata}
    other = {**instance, "instanceId": "j", "metadata": {**metadata, "pod-uid": "another"}}
    await server.put(f"{REGISTRY}/ORDERS", {"application": {"instance": [instance, other]}})

    found = await explained(client)

    assert found.now is not None
    assert found.now.container == "running since 2026-11-29T02:00:00Z, ready, 1 restart"
    assert found.now.held == ("UP in shop/eureka as ORDERS/i",)
    assert found.now.differences == ()
    assert found.now.sidecar == found.sidecar
    assert not server.writes


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (403, "shop/eureka cannot be asked: refused: 403"),
        (503, "shop/eureka cannot be asked: refused: 503"),
        (401, "shop/eureka cannot be asked: it lets only authenticated clients read"),
        (404, "nothing of ORDERS in shop/eureka"),
    ],
)
async def test_registry_that_does_not_have_the_pod_or_cannot_be_asked_is_said(
    server: ApiServer, client: Client, status: int, said: str
) -> None:
    """All else is explained all the same."""
    await have_injected(server, client)
    server.refused[REGISTRY] = status

    found = await explained(client)

    assert found.now is not None
    assert found.now.held[0].startswith(said)


async def test_registry_by_https_is_asked_by_https(server: ApiServer, client: Client) -> None:
    """At the port of its Service that speaks it; the proxy of the API server verifies nothing."""
    await server.put(f"{CLUSTERS}/namespaces/shop/eurekaclusters/eureka", {"spec": {"tls": {}}})
    await have_injected(server, client)
    uid = server.objects[POD]["metadata"]["uid"]
    instance: dict[str, Any] = {"app": "ORDERS", "instanceId": "i", "status": "UP"}
    instance |= {"metadata": {"pod-uid": uid, "pod-name": "orders", "namespace": "shop"}}
    secure = REGISTRY.replace("eureka:8761", "https:eureka:8443")
    await server.put(f"{secure}/ORDERS", {"application": {"instance": [instance]}})

    found = await explained(client)

    assert found.now is not None
    assert found.now.held == ("UP in shop/eureka as ORDERS/i",)


async def test_pod_without_its_sidecar_is_told_how_to_get_it(
    server: ApiServer, client: Client
) -> None:
    """It was made before its namespace had the label."""
    await server.put(POD, {"kind": "Pod", "spec": SPEC, "status": {"phase": "Running"}})

    found = await explained(client)

    assert found.outcome == "injected"
    assert found.now is not None
    assert found.now.sidecar is None
    assert "delete the pod and create it again" in found.now.advice


async def test_workload_is_explained_by_its_template(server: ApiServer, client: Client) -> None:
    """Its pods are made from it."""
    body = {"kind": "Deployment", "spec": {"template": {"spec": SPEC}}}
    await server.put(f"{DEPLOYMENTS}/namespaces/shop/deployments/orders", body)

    found = await explained(client, "deploy/orders")

    assert (found.kind, found.outcome, found.now) == ("Deployment", "injected", None)


async def test_object_that_is_not_there_is_said(client: Client) -> None:
    """Most often it is in another namespace."""
    with pytest.raises(NoAnswerError, match=r"there is no Pod shop/gone; another namespace .* -n"):
        await explained(client, "gone")


async def test_the_installed_operator_is_where_its_deployment_is(
    server: ApiServer, client: Client
) -> None:
    """With its flags; `plan --live` counts with both."""
    body = injector("--cluster-domain=a.b")
    body["spec"]["template"]["spec"]["containers"][0]["args"][0] = "run"
    await server.put(f"{DEPLOYMENTS}/namespaces/eurekube/deployments/i", body)

    found = await cluster.installed_operator(client)
    server.refused[f"{DEPLOYMENTS}/deployments"] = 403

    assert found == ("eurekube", ("--cluster-domain=a.b",))
    assert await cluster.installed_operator(client) == ("", ())
