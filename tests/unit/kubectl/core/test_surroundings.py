"""What files add to what is known of the cluster."""

from __future__ import annotations

from typing import Any, Final

from kubectl_eureka.core.surroundings import (
    Surroundings,
    objects,
    offline_surroundings,
    with_annotation,
    with_files,
    with_registry,
)
from unit.operator.core.injection.shapes import DOMAIN, config, endpoints

_LIVE: Final = Surroundings(
    config=config(),
    domain=DOMAIN,
    namespaces={"shop": {"metadata": {"name": "shop", "labels": {"team": "a", "tier": "b"}}}},
    statuses={"shop/eureka": {"endpoints": endpoints("eureka", "shop")}},
)


def registry(name: str, namespace: str | None = None, **spec: object) -> dict[str, Any]:
    """An EurekaCluster of a file."""
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {
        "apiVersion": "eurekube.io/v1alpha1",
        "kind": "EurekaCluster",
        "metadata": metadata,
        "spec": spec,
    }


def urls(surroundings: Surroundings) -> dict[str, tuple[str, ...]]:
    """URLs of each registry."""
    return {str(each): each.urls for each in surroundings.config.registries}


def test_namespace_that_nobody_has_gets_sidecars_only_without_a_cluster() -> None:
    """There it has no labels, as far as anybody knows."""
    offline = offline_surroundings("i", "a.b")

    assert offline.namespace("new") == {
        "metadata": {"name": "new", "labels": {"eurekube.io/inject": "enabled"}}
    }
    assert _LIVE.namespace("new") == {"metadata": {"name": "new", "labels": {}}}


def test_what_is_assumed_without_a_cluster_is_noted() -> None:
    """The result may be another in the cluster."""
    offline = offline_surroundings("i", "a.b")

    assert [each.partition(":")[0] for each in offline.notes] == ["offline"]
    assert with_registry(offline, "infra/main").notes == (
        *offline.notes,
        "offline: EurekaCluster infra/main is taken to have the usual port and no context path",
    )
    assert with_files(_LIVE, [], "shop").notes == ()


def test_other_objects_of_files_change_nothing() -> None:
    """Also those without a name, and of kinds that nobody knows."""
    others = [
        {"kind": "Service", "metadata": {"name": "shop"}},
        {"kind": "Namespace", "metadata": {}},
        {"kind": "EurekaRegistration", "metadata": {"name": "x"}},
    ]

    assert with_files(_LIVE, others, "shop") == _LIVE


def test_labels_of_a_namespace_are_added_to_those_that_it_has() -> None:
    """As `kubectl apply` does."""
    after = {"kind": "Namespace", "metadata": {"name": "shop", "labels": {"tier": "c"}}}

    found = with_files(_LIVE, [after], "default").namespace("shop")

    assert found["metadata"] == {"name": "shop", "labels": {"team": "a", "tier": "c"}}


def test_registry_of_a_file_takes_the_place_of_the_one_that_is_there() -> None:
    """Its peers stay those of the status, which no file has."""
    found = with_files(_LIVE, [registry("eureka", peers={"port": 9000})], "shop")

    assert len(urls(found)["shop/eureka"]) == 3
    assert urls(found)["shop/eureka"] == urls(_LIVE)["shop/eureka"]


def test_new_registry_of_a_file_is_its_service() -> None:
    """It has no peers yet."""
    found = with_files(
        offline_surroundings("i", "a.b"), [{"items": [registry("main", "infra")]}, None], "shop"
    )

    assert urls(found) == {"infra/main": ("http://main.infra.svc.a.b:8761/eureka/",)}


def test_registry_that_cannot_be_one_is_noted() -> None:
    """The pods are decided about without it."""
    found = with_files(
        offline_surroundings("i", "a.b"), [registry("main", "infra", peers=7)], "shop"
    )

    assert urls(found) == {}
    assert found.notes[-1].startswith("EurekaCluster infra/main is not a registry: spec.peers: 7")


def test_registry_of_a_file_is_in_the_namespace_of_the_command_if_it_names_none() -> None:
    """As with `kubectl apply -n`."""
    found = with_files(offline_surroundings("i", "a.b"), [registry("main")], "infra")

    assert urls(found) == {"infra/main": ("http://main.infra.svc.a.b:8761/eureka/",)}


def test_registry_by_name_is_made_up_only_without_a_cluster() -> None:
    """There one that does not exist is a mistake, and is refused."""
    assert "infra/main" in urls(with_registry(offline_surroundings("i", "a.b"), "infra/main"))
    for surroundings, named in (
        (_LIVE, "infra/main"),
        (offline_surroundings("i", "a.b"), "http://a/b"),
        (offline_surroundings("i", "a.b"), "main"),
        (offline_surroundings("i", "a.b"), "infra/NO NAME"),
        (offline_surroundings("i", "a.b"), ""),
    ):
        assert with_registry(surroundings, named) == surroundings


def test_annotation_is_set_on_pods_alone() -> None:
    """An object's own annotations are its owner's."""
    pod: dict[str, Any] = {"metadata": None, "spec": {"containers": []}}
    deployment = {"kind": "Deployment", "metadata": {}, "spec": {"template": pod}}

    found = with_annotation({"kind": "List", "items": [deployment, {"kind": "Service"}]}, "a")

    annotations = {"eurekube.io/registry": "a"}
    assert found["items"] == [
        {**deployment, "spec": {"template": {**pod, "metadata": {"annotations": annotations}}}},
        {"kind": "Service"},
    ]


def test_annotation_that_pods_have_stays() -> None:
    """Whoever wrote it meant it; annotations of other things stay, too."""
    named = {"metadata": {"annotations": {"eurekube.io/registry": "b"}}, "spec": {"containers": []}}
    other = {"metadata": {"annotations": {"x": "y"}}, "spec": {"containers": []}}

    found = with_annotation(
        {"items": [{"kind": "Pod", **each} for each in (named, other)], "kind": "List"}, "a"
    )

    assert [each["metadata"]["annotations"] for each in found["items"]] == [
        {"eurekube.io/registry": "b"},
        {"x": "y", "eurekube.io/registry": "a"},
    ]
    assert with_annotation({"kind": "Pod", **other}, "") == {"kind": "Pod", **other}


def test_objects_of_lists_are_found() -> None:
    """And what is not an object is passed over."""
    assert objects([{"items": [{"kind": "A"}, 7]}, {"kind": "B"}, None, "x"]) == [
        {"kind": "A"},
        {"kind": "B"},
    ]
