"""The look for pods without their sidecar, with an API server that says what a test wants."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from eureka_operator.core.kinds import Object
from eureka_operator.core.pods import Pod
from eureka_operator.shell.client import ApiError
from eureka_operator.shell.missing import MissingSidecars, Selection
from eureka_operator.shell.view import View
from unit.operator.shell.world import World, pod, world

NAMESPACES = "/api/v1/namespaces"
SHOP = "/api/v1/namespaces/shop/pods"
ALL = "/api/v1/pods"
LATER = datetime(2026, 11, 28, 13, tzinfo=UTC)


def pod_without_sidecar(name: str = "orders-1", namespace: str = "shop", **labels: str) -> Object:
    """A Deployment's pod without a sidecar, with these labels."""
    owner = {"kind": "ReplicaSet", "name": "orders-7d9", "uid": "owner-1", "controller": True}
    metadata = {
        "namespace": namespace,
        "name": name,
        "uid": f"uid-{name}",
        "creationTimestamp": "2026-11-28T12:00:00Z",
        "labels": {"pod-template-hash": "7d9", **labels},
        "ownerReferences": [owner],
    }
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    return {"metadata": metadata, "spec": {}, "status": ready}


def namespace(name: str, label: str = "") -> Object:
    """A namespace, opted in or not."""
    labels = {"eurekube.io/inject": label} if label else {}
    return {"metadata": {"name": name, "labels": labels}}


def missing(found: World, *injected: Pod) -> MissingSidecars:
    """What looks for them: every pod should have a sidecar."""
    return MissingSidecars(
        found.kube, found.metrics, lambda _pod, _namespace: True, _is_labelled, lambda: [*injected]
    )


def _is_labelled(found: Object) -> bool:
    return "eurekube.io/inject" in found["metadata"]["labels"]


def cluster(where: str, spec: Object | None = None) -> Object:
    """An EurekaCluster."""
    metadata = {"namespace": where, "name": "eureka", "uid": "1", "resourceVersion": "1"}
    return {"metadata": metadata, "spec": spec or {}}


def set_pods(found: World, *pods: Object) -> None:
    """Have these pods in the namespace `shop`, which is opted in."""
    found.api.lists[NAMESPACES] = [namespace("shop", "enabled"), namespace("quiet")]
    found.api.lists[SHOP] = [*pods]
    found.api.lists[ALL] = []


async def test_pod_is_counted_and_told_once() -> None:
    """Again only if another one takes its place."""
    async with world() as found:
        set_pods(
            found,
            pod_without_sidecar(),
            pod_without_sidecar("out", **{"eurekube.io/inject": "disabled"}),
        )
        one = missing(found)
        for _ in range(2):
            assert [each.pod.name for each in await one.look(found.client, ())] == ["orders-1"]

        ((kind, reason, message),) = found.api.event_list
        assert (kind, reason) == ("Pod", "SidecarMissing")
        assert found.api.written == []  # where its count would be raised
        assert "kubectl -n shop rollout restart deployment/orders" in message
        assert found.metric("pods_without_sidecar ") == ["eureka_operator_pods_without_sidecar 1.0"]
        set_pods(found)
        await one.look(found.client, ())
        assert found.metric("pods_without_sidecar ") == ["eureka_operator_pods_without_sidecar 0.0"]


async def test_only_namespaces_that_are_opted_in_are_read_whole() -> None:
    """Of others only pods that ask for it themselves."""
    async with world() as found:
        set_pods(found)
        asks = {"eurekube.io/inject": "enabled"}
        found.api.lists[ALL] = [
            pod_without_sidecar("asks", "quiet", **asks),
            pod_without_sidecar("new", "not-listed-yet", **asks),
            pod_without_sidecar("silent", "quiet"),
            pod_without_sidecar("served", "quiet", **asks, **{"eurekube.io/injected": "true"}),
        ]

        names = [each.pod.name for each in await missing(found).look(found.client, ())]

    assert names == ["asks"]
    assert found.api.asked[:3] == [f"GET {NAMESPACES}", f"GET {SHOP}", f"GET {ALL}"]


async def test_operator_of_single_namespaces_reads_only_those() -> None:
    """It may not list namespaces."""
    async with world() as found:
        set_pods(found, pod_without_sidecar())
        found.api.objects[f"{NAMESPACES}/shop"] = namespace("shop", "enabled")
        found.api.lists[f"{NAMESPACES}/gone/pods"] = []
        found.api.failing |= {NAMESPACES: 403, ALL: 403}

        assert len(await missing(found).look(found.client, ("shop", "gone"))) == 1


async def test_count_stays_when_not_all_is_known() -> None:
    """An API server that is away is no cure."""
    async with world() as found:
        set_pods(found, pod_without_sidecar())
        one = missing(found)
        await one.look(found.client, ())
        found.api.failing[SHOP] = 503

        with pytest.raises(ApiError):
            await one.look(found.client, ())
        assert found.metric("pods_without_sidecar ") == ["eureka_operator_pods_without_sidecar 1.0"]


async def test_pod_is_evicted_on_request_and_its_sibling_after_it() -> None:
    """By the eviction API, and only once the first one's successor has a sidecar."""
    works = pod(9, owner="owner-9", created=LATER, ready=True)
    async with world() as found:
        set_pods(found, pod_without_sidecar("a"), pod_without_sidecar("b"))
        one = missing(found, works)
        pods = await one.look(found.client, ())
        await one.evict(found.client, pods)
        await one.evict(found.client, pods)

    ((path, body),) = found.api.written
    assert path == "/api/v1/namespaces/shop/pods/a/eviction"
    assert body["deleteOptions"] == {"preconditions": {"uid": "uid-a"}}
    assert found.metric("pods_evicted_total") == [
        'eureka_operator_pods_evicted_total{result="done"} 1.0'
    ]


@pytest.mark.parametrize(("status", "result"), [(429, "held"), (500, "failed"), (403, "failed")])
async def test_eviction_that_is_refused_is_tried_again(status: int, result: str) -> None:
    """A budget allows none now, and one later."""
    works = pod(9, owner="owner-9", created=LATER, ready=True)
    async with world() as found:
        set_pods(found, pod_without_sidecar("a"))
        one = missing(found, works)
        pods = await one.look(found.client, ())
        found.api.failing["/api/v1/namespaces/shop/pods/a/eviction"] = status
        await one.evict(found.client, pods)
        assert found.metric("pods_evicted_total") == [
            f'eureka_operator_pods_evicted_total{{result="{result}"}} 1.0'
        ]
        found.api.failing.clear()

        await one.evict(found.client, pods)

    assert len(found.api.written) == 1


async def test_pod_that_is_gone_when_it_is_to_be_evicted_is_no_failure() -> None:
    """It was listed a moment ago."""
    works = pod(9, owner="owner-9", created=LATER, ready=True)
    async with world() as found:
        set_pods(found, pod_without_sidecar("a"))
        one = missing(found, works)
        pods = await one.look(found.client, ())
        found.api.failing["/api/v1/namespaces/shop/pods/a/eviction"] = 404
        await one.evict(found.client, pods)

        assert found.metric("pods_evicted_total{") == []


async def selection(found: World, *clusters: Object) -> Selection:
    """What is decided where these EurekaClusters are."""
    found.api.lists["/apis/eurekube.io/v1alpha1/eurekaclusters"] = [*clusters]
    view = View("cluster.local")
    following = asyncio.create_task(view.follow(found.client))
    async with asyncio.timeout(20):
        await asyncio.gather(view._namespaces.change(), view._clusters.change())
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    return Selection(view, "eurekube-system")


async def test_selection_is_the_injectors() -> None:
    """A pod is missed if the injector would have given it a sidecar, and not if it skips it."""
    serves = {"containers": [{"name": "orders", "ports": [{"containerPort": 8080}]}]}
    async with world() as found:
        set_pods(found)
        shop = await selection(found, cluster("shop"))
        is_absent = await selection(found)

    opted_in, quiet = namespace("shop", "enabled"), namespace("shop")
    pod = pod_without_sidecar() | {"spec": serves}
    assert shop.wants(pod, opted_in)
    assert not shop.wants(pod | {"spec": serves | {"hostNetwork": True}}, opted_in)
    assert not shop.wants(pod, quiet)
    assert not is_absent.wants(pod, opted_in)


async def test_selection_forbids_urls_as_the_injector_does() -> None:
    """Else a pod that is skipped for its URL would be reported, and evicted, for ever."""
    annotations = {"eurekube.io/registry": "http://java:8761/eureka/"}
    spec = {"containers": [{"name": "orders", "ports": [{"containerPort": 8080}]}]}
    pod = {"metadata": {"name": "orders", "annotations": annotations}, "spec": spec}
    view = View("cluster.local")

    assert Selection(view, "eurekube").wants(pod, namespace("shop", "enabled"))
    strict = Selection(view, "eurekube", allow_urls=False)
    assert not strict.wants(pod, namespace("shop", "enabled"))


@pytest.mark.parametrize(("label", "is_in"), [("enabled", True), ("disabled", False), ("", False)])
async def test_namespace_is_opted_in_by_its_label(label: str, is_in: bool) -> None:  # noqa: FBT001
    """Of others no pods are read but those that ask themselves."""
    async with world() as found:
        set_pods(found)
        chosen = await selection(found, cluster("shop"))

    assert chosen.may_inject(namespace("shop", label)) is is_in


async def test_namespace_is_opted_in_by_an_eureka_cluster() -> None:
    """Its `spec.injection`; the namespace's own label wins."""
    async with world() as found:
        set_pods(found)
        chosen = await selection(found, cluster("shop", {"injection": {"default": True}}))

    assert chosen.may_inject(namespace("shop"))
    assert not chosen.may_inject(namespace("other"))
    assert not chosen.may_inject(namespace("shop", "disabled"))
