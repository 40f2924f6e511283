"""Copies of clusters' CAs for pods in other namespaces."""

from __future__ import annotations

from typing import Any

import pytest

from eureka_operator.core import names
from eureka_operator.core.kinds import Object
from eureka_operator.core.pods import Pod, read_pod
from eureka_operator.core.trust import Bundle, Changes, Origin, changes, read_bundle, waiting_pods

NAME = "eurekube-ca-prod-eureka"
PROD = Origin("prod", "eureka")
ORIGINAL = Bundle("prod", NAME, "original", PROD, "CA\n", owned=True)
COPY = Bundle("shop", NAME, "copy", PROD, "CA\n", owned=False)


def pod(namespace: str = "shop", phase: str = "Running", *trusts: str) -> Pod:
    """A pod that has mounted these ConfigMaps, or that of prod/eureka."""
    rest: dict[str, Any] = {"phase": phase, "trusts": trusts or (NAME,)}
    return Pod(uid="u", namespace=namespace, name="orders", **rest)


def written(found: Changes) -> list[tuple[str, str, str]]:
    """Namespace, text and uid of the copies that are made or renewed."""
    return [(e.body["metadata"]["namespace"], e.body["data"]["ca.crt"], e.uid) for e in found.copies]


def test_pod_in_another_namespace_gets_a_copy() -> None:
    """With labels that say whose it is."""
    found = changes([pod()], [ORIGINAL])

    assert written(found) == [("shop", "CA\n", "")]
    (change,) = found.copies
    assert change.body["metadata"]["labels"] == {
        "eurekube.io/ca-of": "eureka",
        "eurekube.io/ca-of-namespace": "prod",
        "app.kubernetes.io/managed-by": "eureka-operator",
    }


def test_copy_is_renewed_with_the_original() -> None:
    """A new CA is known before it signs."""
    assert written(changes([], [ORIGINAL._replace(text="NEW\n"), COPY])) == [
        ("shop", "NEW\n", "copy")
    ]


@pytest.mark.parametrize(
    "pods", [[], [pod()], [pod("prod")], [pod("shop", "Succeeded")], [pod("shop", "Running", "other")]]
)
def test_nothing_is_done_where_all_is_well(pods: list[Pod]) -> None:
    """A copy that no pod needs now stays for the next one."""
    assert changes(pods, [ORIGINAL, COPY]) == Changes()


def test_copy_goes_with_its_original() -> None:
    """Owners do not reach over namespaces."""
    assert changes([pod()], [COPY]) == Changes(surplus=(COPY,))


def test_pod_waits_while_there_is_no_original() -> None:
    """The cluster may be made later."""
    assert changes([pod()], []) == Changes()


@pytest.mark.parametrize(
    "claim",
    [
        ORIGINAL._replace(owned=False),
        ORIGINAL._replace(namespace="evil"),
        ORIGINAL._replace(origin=Origin("prod", "other")),
    ],
)
def test_only_what_belongs_to_its_cluster_is_an_original(claim: Bundle) -> None:
    """Labels can be set by anybody who may make a ConfigMap."""
    assert written(changes([pod()], [claim])) == []


def test_name_of_two_clusters_is_given_to_neither() -> None:
    """a/b-c and a-b/c share it: whoever comes second must not be trusted in the place of the first."""
    one = Bundle("a", names.trust("a", "b-c"), "1", Origin("a", "b-c"), "ONE", owned=True)
    two = Bundle("a-b", names.trust("a-b", "c"), "2", Origin("a-b", "c"), "TWO", owned=True)
    assert one.name == two.name
    copy = Bundle("shop", one.name, "3", one.origin, "OLD", owned=False)
    wanting = pod("shop", "Running", one.name)

    assert changes([wanting], [one, two]) == Changes(disputed=frozenset({one.name}))
    assert written(changes([wanting], [one, two, copy])) == [("shop", "ONE", "3")]
    assert changes([wanting], [two, copy]) == Changes()


def test_pods_that_began_without_it_are_found() -> None:
    """Their kubelets are told."""
    (change,) = changes([pod()], [ORIGINAL]).copies
    there = [pod(), pod("prod"), pod("shop", "Failed"), pod("shop", "Running", "other")]

    assert waiting_pods(there, change.body) == [pod()]


def test_pod_says_what_it_has_mounted() -> None:
    """In a projected volume, beside a token."""
    sources = [{"serviceAccountToken": {"path": "token"}}, {"configMap": {"name": NAME}}]
    volumes = [{"name": "a", "configMap": {"name": NAME}}, {"name": "b", "projected": {"sources": sources}}]
    metadata = {"namespace": "shop", "name": "orders", "uid": "u"}

    assert read_pod({"metadata": metadata, "spec": {"volumes": volumes}}).trusts == (NAME,)


def test_bundle_is_read_from_its_object() -> None:
    """An original has the EurekaCluster as its controller."""
    owner = {"kind": "EurekaCluster", "uid": "u", "name": "eureka", "controller": True}
    body: Object = {
        "metadata": {
            "namespace": "prod",
            "name": NAME,
            "uid": "original",
            "labels": names.trust_labels("prod", "eureka"),
            "ownerReferences": [owner],
        },
        "data": {"ca.crt": "CA\n"},
    }

    assert read_bundle(body) == ORIGINAL
    owner["kind"] = "Deployment"
    assert not read_bundle(body).owned
