from __future__ import annotations

import pytest

from eureka_operator.core.injection.config import RegistryTarget, read_registry
from support.clusterobjects import document
from unit.operator.core.injection.shapes import DOMAIN, registry


def test_peers_come_in_the_order_of_the_status_and_the_service_last() -> None:
    """Peers by name are what clients are told; the Service outlives every change of peers."""
    assert registry("eureka", "shop").urls == (
        "http://peer1.shop.svc.cluster.local:8761/eureka/",
        "http://peer2.shop.svc.cluster.local:8761/eureka/",
        "http://eureka.shop.svc.cluster.local:8761/eureka/",
    )


def test_registry_without_status_is_reached_by_its_service() -> None:
    """Pods that are made together with it are not to miss their sidecar."""
    body = document({"peers": {"port": 9000, "contextPath": "/prod"}})
    body["metadata"]["namespace"] = "shop"

    found = read_registry(body, DOMAIN)

    assert isinstance(found, RegistryTarget)
    assert found.urls == ("http://eureka.shop.svc.cluster.local:9000/prod/eureka/",)
    assert str(found) == "shop/eureka"


def test_peers_come_with_the_zones_of_their_nodes() -> None:
    """By these a pod knows its own zone; the zones' own names are what clients are told."""
    zones = [{"name": "a", "nodeZone": "eu-west-1a"}, {"name": "b"}]
    body = document({"topology": {"zones": zones}})
    body["metadata"]["namespace"] = "shop"
    urls = [
        f"http://{peer}.shop.svc.{DOMAIN}:8761/eureka/" for peer in ("peer1", "peer2", "peer11")
    ]
    peers = [{"name": "peer1", "zone": "a"}, {"name": "peer2", "zone": "b"}, {"name": "peer11"}]
    body["status"] = {"endpoints": {"defaultZone": ",".join(urls)}, "peers": peers}

    found = read_registry(body, DOMAIN)

    assert isinstance(found, RegistryTarget)
    assert found.urls == (*urls, f"http://eureka.shop.svc.{DOMAIN}:8761/eureka/")
    assert found.zones == ("eu-west-1a", "b", "")


def test_single_peer_has_no_zone() -> None:
    """There is nothing to choose from."""
    body = document({"replicas": 1})
    body["status"] = {"endpoints": {"defaultZone": "http://peer1:8761/eureka/"}}

    found = read_registry(body, DOMAIN)

    assert isinstance(found, RegistryTarget)
    assert found.zones == ()


@pytest.mark.parametrize("mode", ["Strict", "Permissive"])
def test_registry_with_tls_is_reached_by_https_alone(mode: str) -> None:
    """Whatever its status still says: what was sent in plain text once has been read."""
    found = registry(
        "eureka", "shop", tls={"mode": mode, "port": 9443}, peers={"contextPath": "/x"}
    )

    assert found.urls == (
        "https://peer1.shop.svc.cluster.local:9443/eureka/",
        "https://peer2.shop.svc.cluster.local:9443/eureka/",
        "https://eureka.shop.svc.cluster.local:9443/eureka/",
    )
    assert found.tls
    assert registry("a-b", "c").authorities != registry("b", "c-a").authorities
    fresh = document({"tls": {}, "peers": {"contextPath": "/x"}})
    fresh["metadata"]["namespace"] = "shop"
    without_status = read_registry(fresh, DOMAIN)
    assert isinstance(without_status, RegistryTarget)
    assert without_status.urls == ("https://eureka.shop.svc.cluster.local:8443/x/eureka/",)


@pytest.mark.parametrize(
    ("url", "reached"),
    [
        ("http://[fd00::1]:8761/eureka/", "https://[fd00::1]:8443/eureka/"),
        ("https://peer1:9000/prod/eureka/", "https://peer1:8443/prod/eureka/"),
        ("http://peer1", "https://peer1:8443/"),
        ("ftp://peer1/", "ftp://peer1/"),
    ],
)
def test_urls_of_the_status_are_rewritten(url: str, reached: str) -> None:
    """Of any form; what is not a URL is the sidecar's to refuse."""
    body = document({"tls": {}})
    body["status"] = {"endpoints": {"defaultZone": url}}

    found = read_registry(body, DOMAIN)

    assert isinstance(found, RegistryTarget)
    assert found.urls[0] == reached


def test_bad_injection_is_said() -> None:
    """A registry that is half understood would inject with other values than were written."""
    found = read_registry(document({"injection": {"lease": {"renewalSeconds": 0}}}), DOMAIN)

    assert isinstance(found, tuple)
    assert [each.field for each in found] == ["spec.injection.lease.renewalSeconds"]


def test_broken_status_is_no_exception() -> None:
    """Whoever may write the status is not to stop all injection."""
    body = document({})
    body["status"] = {"endpoints": ["http://elsewhere"], "peers": {"name": ["peer1"]}}

    found = read_registry(body, DOMAIN)

    assert isinstance(found, RegistryTarget)
    assert found.urls[0].startswith("http://eureka.")
