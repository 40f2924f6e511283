"""What registries say of pods, and what they might say that is not to be believed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eureka_operator.core.instances import Instance, NoInstancesError, read_list, read_one


def item(**metadata: object) -> dict[str, Any]:
    """An instance as a registry shows it."""
    return {
        "instanceId": "orders-1.shop:orders:8080",
        "app": "ORDERS",
        "hostName": "10.0.0.1",
        "ipAddr": "10.0.0.1",
        "status": "UP",
        "overriddenStatus": "UNKNOWN",
        "port": {"$": 8080, "@enabled": "true"},
        "metadata": {
            "pod-uid": "uid-1",
            "pod-name": "orders-1",
            "namespace": "shop",
            "cluster-uid": "cluster-1",
            "zone": "a",
            **metadata,
        },
    }


def listing(*items: dict[str, Any]) -> bytes:
    """The answer to `GET apps`."""
    apps = [{"name": each["app"], "instance": [each]} for each in items]
    return json.dumps({"applications": {"versions__delta": "1", "application": apps}}).encode()


def test_instances_that_name_a_pod_are_read() -> None:
    """By uid, name and namespace, as the sidecar registers them."""
    assert read_list(listing(item())) == (
        Instance(
            app="ORDERS",
            id="orders-1.shop:orders:8080",
            pod_uid="uid-1",
            pod="orders-1",
            namespace="shop",
            cluster_uid="cluster-1",
            status="UP",
        ),
    )


def test_instance_that_names_no_pod_is_nobodys() -> None:
    """Java clients, peers themselves, sidecars outside Kubernetes."""
    java = item()
    java["metadata"] = {"@class": "java.util.Collections$EmptyMap"}

    assert read_list(listing(java, item(**{"pod-uid": ""}))) == ()
    assert read_list(listing()) == ()


@pytest.mark.parametrize(
    "metadata",
    [
        {"pod-name": "../../../nodes"},
        {"pod-name": "a/../b"},
        {"pod-name": "a" * 254},
        {"pod-name": "orders-1\n"},
        {"namespace": "kube-system/pods"},
        {"namespace": "a.b"},
        {"pod-uid": "uid 1"},
        {"pod-uid": 7},
        {"pod-uid": None},
        {"pod-name": ["orders-1"]},
    ],
)
def test_name_that_kubernetes_would_not_take_is_none(metadata: dict[str, object]) -> None:
    """It becomes part of a path of the API server, and everybody may register."""
    assert read_list(listing(item(**metadata))) == ()


def test_odd_metadata_of_one_instance_hide_no_other() -> None:
    """Else one registration would switch the reaper off."""
    odd = item(**{"cluster-uid": {"a": 1}, "other": [1, 2]})

    first, second = read_list(listing(odd, item()))

    assert (first.cluster_uid, second.cluster_uid) == ("", "cluster-1")


def test_instance_without_an_id_has_its_host_name() -> None:
    """As Java's clients of version 1 register."""
    old = item()
    del old["instanceId"]

    (found,) = read_list(listing(old))

    assert found.id == "10.0.0.1"


@pytest.mark.parametrize("body", [b"", b"<applications/>", b"[]", b"{}", b'{"applications": 1}'])
def test_another_document_is_no_empty_list(body: bytes) -> None:
    """Nothing may follow from an answer that is not one."""
    with pytest.raises(NoInstancesError, match="not a list of applications"):
        read_list(body)


def test_one_instance_is_read_as_in_a_list() -> None:
    """With its override."""
    paused = item() | {"overriddenStatus": "OUT_OF_SERVICE", "status": "OUT_OF_SERVICE"}
    found = read_one(json.dumps({"instance": paused}).encode())

    assert found is not None
    assert (found.status, found.overridden) == ("OUT_OF_SERVICE", "OUT_OF_SERVICE")
    assert str(found) == "ORDERS/orders-1.shop:orders:8080"
    assert read_one(json.dumps({"instance": item(**{"pod-uid": ""})}).encode()) is None
    with pytest.raises(NoInstancesError, match="no instance"):
        read_one(b"{}")
