"""Registries behind the API server's proxy; the API server is a table of answers."""

from __future__ import annotations

from typing import Any, Final

import pytest

from eureka_operator.shell.client import Client
from eureka_registry.verbs import server as verbs
from eureka_registry.verbs.server import Name, NoAnswerError
from kubectl_eureka.shell import registry
from kubectl_eureka.shell.errors import UsageError
from kubectl_eureka.shell.registry import Target
from unit.kubectl.shell.api import FORBIDDEN, Api, cluster, listed
from unit.registry.verbs.test_listing import DOCUMENT

CLUSTERS: Final = "/apis/eurekube.io/v1alpha1"
PROXY: Final = "/api/v1/namespaces/shop/services"
TLS: Final[dict[str, Any]] = {"tls": {"port": 8443}}
DIRECTLY: Final = (
    r"kubectl -n shop port-forward svc/eureka 8443, .* --url https://localhost:8443/eureka/"
    r" --ca-file FILE \(ConfigMap eureka-ca\) --tls-name eureka.shop.svc"
    r" --token-file FILE \(what kubectl create token SERVICEACCOUNT --audience eureka"
)


async def test_instances_are_read_changed_and_missed(api: Api, client: Client) -> None:
    """At the first peer that is ready; 404 of the registry is no missing Service."""
    place = f"{PROXY}/peer2:8761/proxy/eureka/apps"
    held = {"applications": {"application": [{"name": "ORDERS", "instance": [DOCUMENT]}]}}
    api.answers = {
        place: (200, held),
        f"{place}/ORDERS/orders:1": (404, ""),
        f"{place}/ORDERS/orders-1/status": (200, ""),
    }
    asked = registry.registry(client, Target(cluster()))

    found = await verbs.listing(asked)

    assert asked.name == "shop/peer2"
    assert [each.id for each in found.instances] == ["orders-1"]
    assert await verbs.instance(asked, Name("ORDERS", "orders:1")) is None
    assert await verbs.override(asked, Name("ORDERS", "orders-1"))
    assert api.asked[-1] == f"PUT {place}/ORDERS/orders-1/status?value=OUT_OF_SERVICE"
    assert await verbs.lift_override(asked, Name("ORDERS", "orders-1"))
    with pytest.raises(NoAnswerError, match="shop/peer1 cannot be asked: not found"):
        await verbs.listing(registry.peer(client, Target(cluster()), "peer1"))


async def test_port_path_and_scheme_are_those_of_the_spec(api: Api, client: Client) -> None:
    """By HTTPS where there is a certificate."""
    target = Target(cluster(peers={"port": 9000, "contextPath": "/registry"}))
    api.answers = {f"{PROXY}/peer2:9000/proxy/registry/eureka/apps": (200, "{}")}
    with pytest.raises(NoAnswerError, match="something else"):
        await verbs.listing(registry.registry(client, target))
    secure = registry.registry(client, Target(cluster(**TLS)))
    with pytest.raises(NoAnswerError):
        await verbs.listing(secure)

    assert api.asked[-1] == f"GET {PROXY}/https:peer2:8443/proxy/eureka/apps"


@pytest.mark.parametrize(
    ("spec", "status", "body", "said"),
    [
        ({}, 403, FORBIDDEN, "ask an administrator for this right on services/proxy"),
        ({"auth": {"type": "Basic"}}, 401, "", r"--user-file FILE \(user:password\)"),
        (
            {"auth": {"type": "ServiceAccount"}, **TLS},
            401,
            "",
            DIRECTLY,
        ),
        ({"tls": {"clientAuth": "Require"}}, 503, "tls: certificate required", "--cert-file FILE"),
        ({}, 503, "no endpoints", "see kubectl eureka status"),
    ],
)
async def test_what_the_proxy_does_not_pass_on_has_another_way(
    api: Api, client: Client, spec: dict[str, Any], status: int, body: object, said: str
) -> None:
    """A sentence with the commands to type."""
    target = Target(cluster(**spec))
    for place in ("peer2:8761", "https:peer2:8443"):
        api.answers[f"{PROXY}/{place}/proxy/eureka/apps"] = (status, body)

    with pytest.raises(NoAnswerError, match=said):
        await verbs.listing(registry.registry(client, target))


async def test_the_only_registry_is_the_one_that_is_meant(api: Api, client: Client) -> None:
    """Of the namespace, else of all; several have to be named."""
    here, everywhere = f"{CLUSTERS}/namespaces/shop/eurekaclusters", f"{CLUSTERS}/eurekaclusters"
    api.answers = {
        here: (200, listed(cluster())),
        f"{here}/other": (200, cluster("other")),
        everywhere: (200, listed(cluster(), cluster("other"))),
        f"{CLUSTERS}/namespaces/front/eurekaclusters": (200, listed()),
    }

    assert str(await registry.find_target(client, "shop", "")) == "shop/eureka"
    assert str(await registry.find_target(client, "front", "shop/other")) == "shop/other"
    with pytest.raises(NoAnswerError, match="no EurekaCluster shop/nobody"):
        await registry.find_target(client, "shop", "nobody")
    with pytest.raises(UsageError, match="several EurekaClusters: shop/eureka, shop/other"):
        await registry.find_target(client, "front", "")
    api.answers[everywhere] = (200, listed(cluster("other")))
    assert str(await registry.find_target(client, "front", "")) == "shop/other"
    api.answers[everywhere] = (403, FORBIDDEN)
    with pytest.raises(NoAnswerError, match="no EurekaCluster in namespace front"):
        await registry.find_target(client, "front", "")


async def test_peers_say_what_they_see_or_why_not(api: Api, client: Client) -> None:
    """By the names that they give themselves."""
    pods = "/api/v1/namespaces/shop/pods"
    metadata = [{"metadata": {"name": f"eureka-peer-{number}"}} for number in (1, 2)]
    api.answers = {
        pods: (200, listed(*metadata)),
        f"{pods}/eureka-peer-1:8763/proxy/peers": (200, {"name": "peer1", "instances": 3}),
        f"{pods}/eureka-peer-2:8763/proxy/peers": (503, "starting"),
    }

    found = await registry.reports(client, Target(cluster()))

    assert found["peer1"] == {"name": "peer1", "instances": 3}
    assert str(found["peer2"]).startswith("eureka-peer-2 cannot be asked: ")
