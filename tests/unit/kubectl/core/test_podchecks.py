"""What `doctor` finds in pods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eureka_operator.core.injection.patches import CONTAINER
from eureka_operator.core.kinds import Object
from eureka_registry.verbs.findings import CODES as OF_REGISTRIES
from kubectl_eureka.core.podchecks import (
    CODES,
    Registry,
    check_instances,
    check_pods,
    owner_name,
    read_registry,
)
from unit.registry.verbs.held import instance, listing

SHOP = Registry("shop", "eureka", frozenset({"peer1", "peer2", "peer3"}), "peer")
PREFIXED = Registry("front", "web", frozenset({"p1"}), "p", "/registry")
KEY = "EUREKA_CLIENT_SERVICEURL_DEFAULTZONE"
ALL = ",".join(f"http://peer{number}:8761/eureka/" for number in (1, 2, 3))
NONE: frozenset[tuple[str, str]] = frozenset()


def pod(env: dict[str, str] | None = None, namespace: str = "shop", **container: object) -> Object:
    """A pod whose container has these variables and fields."""
    variables = [{"name": name, "value": value} for name, value in (env or {}).items()]
    metadata: dict[str, Any] = {"namespace": namespace, "name": "orders-x", "uid": "u1"}
    return {
        "metadata": metadata,
        "spec": {"containers": [{"name": "app", "env": variables} | container]},
    }


def codes(*pods: Object, services: frozenset[tuple[str, str]] = NONE) -> list[str]:
    """What is found."""
    return [each.code for each in check_pods(pods, services, [SHOP, PREFIXED])]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://localhost:8761/eureka/", "registry_localhost"),
        ("http://127.0.0.1:8761/eureka/", "registry_localhost"),
        (f"http://peer4:8761/eureka/,{ALL}", "registry_peer_missing"),
        (f"http://peer1:8761/,{ALL}", "registry_path"),
        ("http://eureka.shop.svc.cluster.local:8761/eureka/apps", "registry_path"),
        ("http://peer1:8761/eureka/", "one_peer_only"),
        ("http://peer2.shop.svc:8761/eureka", "one_peer_only"),
        ("http://peer1:8761/eureka/,", "one_peer_only"),
        ("http://user:pw@peer1:8761/eureka/", "one_peer_only"),
    ],
)
def test_a_wrong_url_has_its_code(url: str, code: str) -> None:
    """Wherever it is written; a password in it is not repeated."""
    written = f"-Deureka.client.serviceUrl.defaultZone={url}"
    places = (
        pod({KEY: url}),
        pod({"EUREKA_CLIENT_SERVICE_URL_DEFAULT_ZONE": url}),
        pod({"eureka.client.service-url.defaultZone": url}),
        pod({"JAVA_TOOL_OPTIONS": f"-Xmx1g {written}"}),
        pod(args=["-jar", "app.jar", f"--eureka.client.service-url.defaultZone={url}"]),
        pod(command=["java", written]),
    )

    for place in places:
        assert codes(place) == [code]
    assert all("pw" not in each.sentence for each in check_pods(places, NONE, [SHOP]))
    assert CODES[code].cure


@pytest.mark.parametrize(
    "url",
    [
        ALL,
        "http://eureka:8761/eureka/",
        "http://eureka.shop:8761/eureka/v2",
        "http://eureka.shop:8761/v2/",
        "http://peer1:8761/eureka/,$(FURTHER_PEERS)",
        "http://p1.front:8761/registry/eureka/",
        "http://peer1.elsewhere:8761/anything",
        "https://eureka.example/registry",
        "$(REGISTRY)",
        "http://[broken/",
    ],
)
def test_a_right_url_and_one_of_nobody_we_know_are_let_be(url: str) -> None:
    """The Service leads to all peers; a cluster of one peer has one URL."""
    assert codes(pod({KEY: url})) == []


def test_a_registry_in_the_same_pod_may_be_on_localhost() -> None:
    """Some container declares its port."""
    own = pod({KEY: "http://localhost:8761/eureka/"}, ports=[{"containerPort": 8761}])

    helper = pod({KEY: "http://localhost:8761/eureka/"})
    helper["spec"]["initContainers"] = [{"name": "eureka", "ports": [{"containerPort": 8761}]}]

    assert codes(own) == codes(helper) == []


def test_variables_of_other_programs_are_let_be() -> None:
    """Somebody may look at peers by their URLs; a variable may hold anything."""
    watching = pod({"PROBE_TARGETS": "http://peer4:8761/eureka/"})
    odd = pod()
    odd["spec"]["containers"][0]["env"] = None

    assert codes(watching, odd) == []


def test_one_peer_of_two_is_too_few() -> None:
    """Two are what an update needs to go unnoticed."""
    two = SHOP._replace(peers=frozenset({"peer1", "peer2"}))

    (found,) = check_pods([pod({KEY: "http://peer2:8761/eureka/"})], NONE, [two])

    assert found.code == "one_peer_only"
    assert found.sentence.endswith(f"{KEY}: peer2 of 2 peers")


def test_an_annotation_with_urls_is_read_too() -> None:
    """One that names an EurekaCluster is none."""
    given = pod()
    given["metadata"]["annotations"] = {"eurekube.io/registry": "http://peer3:8761/eureka/"}
    named = pod()
    named["metadata"]["annotations"] = {"eurekube.io/registry": "shop/eureka"}

    assert codes(given) == ["one_peer_only"]
    assert codes(named) == []


def test_the_sidecar_is_ours() -> None:
    """What it is told is decided by the injector."""
    sidecar = pod({KEY: "http://peer1:8761/eureka/"}, name=CONTAINER)

    assert codes(sidecar) == []


def test_service_links_matter_to_pods_that_read_such_variables() -> None:
    """Not if they set the variable themselves, have the links off, or another Service is there."""
    links = frozenset({("shop", "eureka")})
    off = pod({"EUREKA_REGION": "x"})
    off["spec"]["enableServiceLinks"] = False

    assert codes(pod({"EUREKA_REGION": "x"}), services=links) == ["service_links"]
    assert codes(pod({"REGION": "x"}), services=links) == []
    assert codes(pod({"EUREKA_PORT": "8761"}), services=links) == []
    assert codes(pod({"EUREKA_REGION": "x"}, namespace="other"), services=links) == []
    assert codes(off, services=links) == []


def test_pods_of_one_deployment_are_one_finding() -> None:
    """People change the Deployment."""
    pods = []
    for number in range(3):
        one = pod({KEY: "http://peer1:8761/eureka/"})
        owner = {"kind": "ReplicaSet", "name": "orders-5d9c", "controller": True}
        one["metadata"] |= {
            "name": f"orders-5d9c-{number}",
            "labels": {"pod-template-hash": "5d9c"},
            "ownerReferences": [owner],
        }
        pods.append(one)

    (found,) = check_pods(pods, NONE, [SHOP])

    assert found.about == owner_name(pods[0]) == "Deployment shop/orders"
    assert owner_name(pod()) == "Pod shop/orders-x"


@pytest.mark.parametrize(
    ("kind", "name", "about"),
    [
        ("StatefulSet", "orders", "StatefulSet shop/orders"),
        ("ReplicaSet", "orders-5d9c", "Deployment shop/orders"),
        ("ReplicaSet", "alone", "ReplicaSet shop/alone"),
        ("Job", "orders-5d9c", "Job shop/orders-5d9c"),
    ],
)
def test_a_pod_is_named_by_what_people_edit(kind: str, name: str, about: str) -> None:
    """A ReplicaSet is a Deployment's if its name ends in the hash of the template."""
    one = pod()
    one["metadata"] |= {
        "labels": {"pod-template-hash": "5d9c"},
        "ownerReferences": [{"kind": kind, "name": name, "controller": True}],
    }

    assert owner_name(one) == about


def test_an_instance_of_a_pod_that_is_gone_is_found() -> None:
    """Only where all pods are known."""
    named = {"namespace": "shop", "pod-name": "orders-x", "pod-uid": "u1"}
    held = listing(instance(metadata=named), instance(instance_id="b"))
    shop = frozenset({"shop"})

    assert check_instances(held, frozenset({"u1"}), shop) == []
    assert check_instances(held, frozenset({"u2"}), frozenset({"other"})) == []
    (found,) = check_instances(held, frozenset({"u2"}), shop)
    assert (found.code, found.about) == ("pod_gone", "ORDERS/orders-1")


def test_a_registry_is_what_urls_name_of_it() -> None:
    """With the defaults of the CRD."""
    metadata = {"namespace": "front", "name": "web"}
    spec = {"peers": {"dnsPrefix": "p", "contextPath": "/registry"}}

    assert read_registry({"metadata": metadata, "spec": spec}, ["p1"]) == PREFIXED
    assert read_registry({"metadata": metadata}, []) == Registry(
        "front", "web", frozenset(), "peer"
    )


def test_the_page_has_every_code() -> None:
    """With the words of the table; a code never changes."""
    page = (Path(__file__).parents[4] / "docs" / "kubectl-eureka.md").read_text()

    for code, each in {**OF_REGISTRIES, **CODES}.items():
        assert f"| `{code}` | {each.sentence} |" in page
    assert not CODES.keys() & OF_REGISTRIES.keys()
