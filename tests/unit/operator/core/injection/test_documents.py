from __future__ import annotations

import json
from typing import Any

import pytest

from eureka_operator.core.injection.decide import Inject, Skip, apply_decision, decide
from eureka_operator.core.injection.documents import (
    Result,
    change_pods,
    inject_document,
    templates,
    uninject_document,
)
from eureka_operator.core.kinds import Object
from unit.operator.core.injection.shapes import NAMESPACE, config

_POD: Object = {
    "metadata": {"labels": {"team": "shop"}},
    "spec": {"containers": [{"name": "orders", "ports": [{"containerPort": 8080}]}]},
}


def _document(kind: str) -> Object:
    metadata = {"name": "orders", "namespace": "shop"}
    if kind == "Pod":
        return {"kind": kind, **_POD, "metadata": metadata}
    spec: Object = {"template": _POD}
    if kind == "CronJob":
        spec = {"schedule": "@daily", "jobTemplate": {"spec": spec}}
    return {"kind": kind, "metadata": metadata, "spec": spec}


def _inject(document: object) -> Result:
    return inject_document(document, lambda _: NAMESPACE, config())


_SERVING = ("Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController")


@pytest.mark.parametrize("kind", _SERVING)
def test_pods_of_every_kind_are_injected(kind: str) -> None:
    """And nothing but the pod's template changes; the object's own metadata is its owner's."""
    document = _document(kind)

    found = _inject(document)

    assert [type(each.decision) for each in found.decisions] == [Inject]
    assert (found.decisions[0].kind, found.decisions[0].name) == (kind, "orders")
    template = found.document if kind == "Pod" else found.document["spec"]["template"]
    assert template["spec"]["initContainers"][0]["name"] == "eureka-sidecar"
    if kind != "Pod":
        assert found.document["metadata"] == document["metadata"]
    assert json.dumps(uninject_document(found.document)) == json.dumps(document)
    assert _inject(found.document).document == found.document


@pytest.mark.parametrize("kind", ["Job", "CronJob"])
def test_jobs_are_injected_if_their_pods_ask(kind: str) -> None:
    """A label of the job itself is none of its pods."""
    document = _document(kind)
    document["metadata"]["labels"] = {"eurekube.io/inject": "enabled"}

    skipped = _inject(document)
    text = json.dumps(document).replace('"team": "shop"', '"eurekube.io/inject": "enabled"')
    asked = json.loads(text)

    assert isinstance(skipped.decisions[0].decision, Skip)
    assert isinstance(_inject(asked).decisions[0].decision, Inject)


def test_list_is_injected_item_by_item() -> None:
    """As `kubectl get -o yaml` prints several objects."""
    items = [_document("Deployment"), {"kind": "Service", "spec": {}}, None, _document("Job")]
    document = {"kind": "List", "items": items}

    found = _inject(document)

    assert [each.kind for each in found.decisions] == ["Deployment", "Job"]
    assert found.document["items"][1:3] == items[1:3]
    assert uninject_document(found.document) == document


def test_lists_within_lists_end() -> None:
    """A file from anywhere must not exhaust the stack."""
    document: Any = _document("Deployment")
    for _ in range(50_000):
        document = {"kind": "List", "items": [document]}

    found = _inject(document)

    assert found.decisions == ()
    uninject_document(document)
    while isinstance(document, dict) and "items" in document:
        document = document["items"].pop()


@pytest.mark.parametrize(
    "document",
    [
        None,
        "text",
        {},
        {"kind": 7},
        {"kind": "Deployment"},
        {"kind": "Deployment", "spec": {"template": 1}},
        {"kind": "List", "items": {}},
        {"kind": "ConfigMap", "data": {}},
    ],
)
def test_documents_without_pods_are_passed_on(document: object) -> None:
    """A file of an application has all kinds of objects in it."""
    assert _inject(document) == Result(document)
    assert uninject_document(document) == document


def test_template_and_its_pod_get_the_same_sidecar() -> None:
    """Of a Deployment in Git the webhook changes nothing: it would be the same, by the hash."""
    template = _inject(_document("Deployment")).document["spec"]["template"]
    reference = {"kind": "ReplicaSet", "name": "orders-6d4cf56db6", "controller": True}
    made = {"generateName": "orders-6d4cf56db6-", "ownerReferences": [reference]}
    labels = {"team": "shop", "pod-template-hash": "6d4cf56db6"}
    pod = {**_POD, "metadata": {**made, "labels": labels}}

    by_webhook = apply_decision(pod, decide(pod, NAMESPACE, config()))

    assert by_webhook["spec"] == template["spec"]
    assert by_webhook["metadata"]["annotations"] == template["metadata"]["annotations"]
    marked = {**template["metadata"]["labels"], **labels}
    labelled = {**template["metadata"], **made, "labels": marked}
    assert decide({**template, "metadata": labelled}, NAMESPACE, config()) == Inject(())


def test_namespace_of_each_document_is_asked_for() -> None:
    """A file may have objects of several namespaces."""
    asked = []

    def namespace(name: str) -> Object:
        asked.append(name)
        return NAMESPACE

    items = [_document("Pod"), {**_document("Pod"), "metadata": {}}]
    inject_document({"kind": "List", "items": items}, namespace, config())

    assert asked == ["shop", ""]


def test_pod_is_called_by_its_own_name() -> None:
    """One that exists has both."""
    pod = {**_document("Pod"), "metadata": {"generateName": "orders-1-", "name": "orders-1-x"}}
    new = {**pod, "metadata": {"generateName": "orders-1-"}}

    names = [each.name for one in (pod, new) for each in templates(one)]

    assert names == ["orders-1-x", "orders-1"]


def test_skipped_pod_can_be_left_as_it_is() -> None:
    """A file in Git need not say why; and what was injected before is taken out."""
    off = {"metadata": {"name": "shop"}}
    before = _document("Deployment")

    for document in (before, _inject(before).document):
        found = inject_document(document, lambda _: off, config(), note_skips=False)

        assert [type(each.decision) for each in found.decisions] == [Skip]
        assert json.dumps(found.document) == json.dumps(before)


def test_document_without_pods_is_the_same_object() -> None:
    """So it is known that nothing of it has to be written."""
    document = {"kind": "ConfigMap"}

    assert change_pods(document, lambda found: {**found.pod}) is document
