"""The operator's verbs on a real API server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluster.plan import Plan
from eureka_operator.core.kinds import CONFIG_MAP, SERVICE, SERVICE_MONITOR, STATEFUL_SET, Object
from eureka_operator.shell import kube as kube_module
from eureka_operator.shell.client import (
    AlreadyThereError,
    Client,
    RefusedError,
    UnavailableError,
    configuration,
)
from eureka_operator.shell.kube import Kube
from kube.operator.objects import DEAD_API
from support.kubectl import Kubectl


def config_map(kubectl: Kubectl, *, name: str = "one", **data: str) -> Object:
    """A child as the operator writes it."""
    labels = {"eurekube.io/cluster": "eureka"}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"namespace": kubectl.namespace, "name": name, "labels": labels},
        "data": data,
    }


async def data_of(kube: Kube, kubectl: Kubectl, name: str = "one") -> dict[str, str]:
    """What a ConfigMap holds."""
    live = await kube.get(CONFIG_MAP, kubectl.namespace, name)
    assert live is not None
    return dict(live["data"])


async def test_field_that_is_left_out_after_a_creation_is_gone(
    kube: Kube, kubectl: Kubectl
) -> None:
    """A POST's fields belong to an `Update`, which no apply ever takes away from."""
    await kube.create(config_map(kubectl, stays="1", goes="2"))

    await kube.apply(config_map(kubectl, stays="1"))

    assert await data_of(kube, kubectl) == {"stays": "1"}


async def test_field_is_gone_though_ownership_was_not_taken_after_the_creation(
    kube: Kube, client: Client, kubectl: Kubectl
) -> None:
    """The operator may be killed between the two requests of a creation."""
    path = f"/api/v1/namespaces/{kubectl.namespace}/configmaps"
    both = config_map(kubectl, stays="1", goes="2")
    await client.send("post", path, both, field_manager="eureka-operator")

    await kube.apply(config_map(kubectl, stays="1"))

    assert await data_of(kube, kubectl) == {"stays": "1"}
    shown = json.loads(kubectl("get", "configmap", "one", "--show-managed-fields", "--output=json"))
    owners = [(each["manager"], each["operation"]) for each in shown["metadata"]["managedFields"]]
    assert owners == [("eureka-operator", "Apply")]


async def test_object_that_changes_all_the_time_is_owned_after_its_creation(
    kube: Kube, kubectl: Kubectl
) -> None:
    """The StatefulSet controller writes a status as soon as there is one."""
    made = await kube.create(stateful_set(kubectl))

    ours = [e for e in made["metadata"]["managedFields"] if e["manager"] == "eureka-operator"]
    assert [each["operation"] for each in ours] == ["Apply"]


async def test_apply_leaves_what_others_added(kube: Kube, kubectl: Kubectl) -> None:
    """A sidecar injector's label, an administrator's annotation."""
    await kube.create(config_map(kubectl, ours="1"))
    kubectl("label", "configmap", "one", "theirs=1")

    await kube.apply(config_map(kubectl, ours="2"))

    labels = kubectl.get("configmap", "one")["metadata"]["labels"]
    assert labels == {"eurekube.io/cluster": "eureka", "theirs": "1"}


async def test_apply_of_what_is_there_writes_nothing(kube: Kube, kubectl: Kubectl) -> None:
    """Or watchers of all kinds would be woken for nothing."""
    await kube.create(config_map(kubectl, one="1"))
    first = await kube.apply(config_map(kubectl, one="1"))

    second = await kube.apply(config_map(kubectl, one="1"))

    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]


async def test_name_that_is_taken_is_no_reason_to_touch_its_object(
    kube: Kube, kubectl: Kubectl
) -> None:
    """Somebody else's `eureka-config`."""
    kubectl("create", "configmap", "one", "--from-literal=theirs=1")

    with pytest.raises(AlreadyThereError, match='"one" already exists'):
        await kube.create(config_map(kubectl, ours="1"))

    assert await data_of(kube, kubectl) == {"theirs": "1"}


async def test_apply_is_meant_for_one_object(kube: Kube, kubectl: Kubectl) -> None:
    """Ours was deleted and a foreign one took its name between look and write."""
    ours = await kube.create(config_map(kubectl, ours="1"))
    kubectl("delete", "configmap", "one")

    with pytest.raises(UnavailableError, match="uid"):
        await kube.apply(config_map(kubectl, ours="2"), uid=ours["metadata"]["uid"])

    kubectl("create", "configmap", "one", "--from-literal=theirs=1")
    with pytest.raises(UnavailableError, match="uid"):
        await kube.apply(config_map(kubectl, ours="2"), uid=ours["metadata"]["uid"])

    assert await data_of(kube, kubectl) == {"theirs": "1"}


async def test_field_of_another_is_taken_by_force_only(kube: Kube, kubectl: Kubectl) -> None:
    """The conflict names the other manager, which an event can then tell."""
    await kube.create(config_map(kubectl, shared="ours"))
    kubectl("patch", "configmap", "one", "--patch", '{"data":{"shared":"theirs"}}')

    with pytest.raises(RefusedError, match=r'conflict with "kubectl-patch".*\.data\.shared'):
        await kube.apply(config_map(kubectl, shared="ours"), force=False)

    await kube.apply(config_map(kubectl, shared="ours"))
    assert await data_of(kube, kubectl) == {"shared": "ours"}


async def test_refusal_is_the_api_servers_sentence(kube: Kube, kubectl: Kubectl) -> None:
    """It becomes a condition's message."""
    wrong = stateful_set(kubectl)
    wrong["spec"]["podManagementPolicy"] = "Sometimes"

    with pytest.raises(
        RefusedError, match='podManagementPolicy: Invalid value: "Sometimes"'
    ) as refused:
        await kube.create(wrong)

    assert (refused.value.status, refused.value.reason) == (422, "Invalid")


async def test_list_is_whole_in_however_many_pages(
    kube: Kube, kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And each item says what it is, which the API server leaves out."""
    monkeypatch.setattr(kube_module, "_CHUNK", 2)
    for number in range(5):
        await kube.create(config_map(kubectl, name=f"map-{number}", text="long"))

    found = await kube.list(CONFIG_MAP, kubectl.namespace, "eurekube.io/cluster=eureka")

    assert [each["metadata"]["name"] for each in found] == [f"map-{n}" for n in range(5)]
    assert {(each["apiVersion"], each["kind"]) for each in found} == {("v1", "ConfigMap")}


async def test_list_of_metadata_has_labels_and_no_content(kube: Kube, kubectl: Kubectl) -> None:
    """What the resync needs of each child."""
    await kube.create(config_map(kubectl, text="long"))

    found = next(
        each
        for each in await kube.list(CONFIG_MAP, None, "eurekube.io/cluster", whole=False)
        if each["metadata"]["namespace"] == kubectl.namespace
    )

    assert found["metadata"]["labels"] == {"eurekube.io/cluster": "eureka"}
    assert "data" not in found


async def test_annotation_is_set_and_removed(kube: Kube, kubectl: Kubectl) -> None:
    """The kubelet looks at a mounted ConfigMap when its pod's annotations change."""
    await kube.create(config_map(kubectl))

    await kube.annotate(CONFIG_MAP, kubectl.namespace, "one", {"a": "1", "b": "2"})
    await kube.annotate(CONFIG_MAP, kubectl.namespace, "one", {"a": None})
    await kube.annotate(CONFIG_MAP, kubectl.namespace, "gone", {"a": "1"})

    assert kubectl.get("configmap", "one")["metadata"]["annotations"] == {"b": "2"}


async def test_deletion_is_meant_for_one_object(kube: Kube, kubectl: Kubectl) -> None:
    """A pod that took the name in the meantime lives on."""
    made = await kube.create(config_map(kubectl))
    uid = made["metadata"]["uid"]

    await kube.delete(CONFIG_MAP, kubectl.namespace, "one", uid="another")
    assert await kube.get(CONFIG_MAP, kubectl.namespace, "one") is not None

    await kube.delete(CONFIG_MAP, kubectl.namespace, "one", uid=uid)
    await kube.delete(CONFIG_MAP, kubectl.namespace, "one", uid=uid)
    assert await kube.get(CONFIG_MAP, kubectl.namespace, "one") is None


async def test_kinds_are_known_though_an_aggregated_api_is_dead(kube: Kube, api: Kubectl) -> None:
    """A broken metrics server elsewhere is no business of ours."""
    api.apply(DEAD_API)
    try:
        assert await kube.serves(SERVICE)
        assert await kube.serves(STATEFUL_SET)
        assert not await kube.serves(SERVICE_MONITOR)
    finally:
        api("delete", "apiservice", "v1.dead.example")


async def test_same_event_is_one_with_a_count(kube: Kube, client: Client, kubectl: Kubectl) -> None:
    """Also by an operator that was started again, which has no memory of it."""
    about = await kube.create(config_map(kubectl))
    for _ in range(2):
        await kube.post_event(about, "Normal", "DriftCorrected", "data.one was put right")

    await Kube(client).post_event(about, "Normal", "DriftCorrected", "data.one was put right")
    await kube.post_event(about, "Warning", "NameTaken", "peer1 is another's")

    told = {event["reason"]: event for event in events_of(kubectl)}
    assert told["DriftCorrected"]["count"] == 3
    assert told["NameTaken"]["count"] == 1
    assert told["NameTaken"]["source"]["component"] == "eureka-operator"
    described = kubectl("describe", "configmap", "one")
    assert "peer1 is another's" in described


async def test_event_that_expired_is_told_again(kube: Kube, kubectl: Kubectl) -> None:
    """The API server keeps events for an hour; the operator's memory is longer."""
    about = await kube.create(config_map(kubectl))
    await kube.post_event(about, "Normal", "Created", "there it is")
    kubectl("delete", "events", "--all")

    await kube.post_event(about, "Normal", "Created", "there it is")

    assert [event["count"] for event in events_of(kubectl)] == [1]


async def test_event_that_is_refused_is_logged_and_nothing_more(
    kube: Kube, kubectl: Kubectl, caplog: pytest.LogCaptureFixture
) -> None:
    """Its namespace may be on its way out."""
    about = config_map(kubectl)
    about["metadata"] |= {"namespace": "nowhere", "uid": "1"}

    await kube.post_event(about, "Normal", "Created", "there it is")

    assert 'namespaces "nowhere" not found' in caplog.text


async def test_nothing_is_written_by_one_that_leads_no_more(
    cluster: Plan, kubectl: Kubectl
) -> None:
    """Whatever it was at when it lost the Lease."""
    found = await configuration(cluster.kubeconfig)
    async with Client(found, may_write=lambda: False) as client:
        kube = Kube(client)
        with pytest.raises(UnavailableError, match="not the leader"):
            await kube.create(config_map(kubectl))

        assert await kube.get(CONFIG_MAP, kubectl.namespace, "one") is None


async def test_answers_are_counted(cluster: Plan, kubectl: Kubectl) -> None:
    """By verb and status; a metric shows what the operator costs the API server."""
    counted: list[tuple[str, int]] = []
    found = await configuration(cluster.kubeconfig)
    count = lambda verb, status: counted.append((verb, status))  # noqa: E731
    async with Client(found, count=count) as client:
        await Kube(client).get(CONFIG_MAP, kubectl.namespace, "none")

    assert counted == [("get", 404)]


def events_of(kubectl: Kubectl) -> list[dict[str, Any]]:
    """What `kubectl get events` shows."""
    return list(kubectl.get("events")["items"])


def stateful_set(kubectl: Kubectl) -> Object:
    """One without pods; its controller still writes a status."""
    labels = {"eurekube.io/cluster": "eureka"}
    container = {"name": "registry", "image": "eurekube/registry:0.1.0"}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"namespace": kubectl.namespace, "name": "eureka-peer", "labels": labels},
        "spec": {
            "replicas": 0,
            "serviceName": "eureka-peers",
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
