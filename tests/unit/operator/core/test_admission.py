"""The API server's question, and what is answered."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from eureka_operator.core.admission import (
    MOST_DEPTH,
    InvalidReview,
    Question,
    approval,
    question,
    refusal,
    uid_in,
)

UID = "705ab4f5-6393-11e8-b7cc-42010a800002"
POD = {"metadata": {"generateName": "orders-"}, "spec": {"containers": [{"name": "app"}]}}


def review(**changes: object) -> dict[str, Any]:
    """A question about a pod as the API server sends it; `None` leaves a field out."""
    request = {
        "uid": UID,
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "shop",
        "operation": "CREATE",
        "object": POD,
        "oldObject": None,
        "dryRun": False,
    } | changes
    kept = {key: value for key, value in request.items() if value is not None}
    return {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": kept}


def read_question(document: object) -> Question | InvalidReview:
    """What is read from a document."""
    return question(json.dumps(document).encode())


def test_question_about_a_new_pod_is_read() -> None:
    """Namespace and dry run stand beside the object."""
    assert read_question(review()) == Question(UID, "shop", POD, dry_run=False)
    assert read_question(review(dryRun=True)) == Question(UID, "shop", POD, dry_run=True)
    assert read_question(review(dryRun=None)) == Question(UID, "shop", POD, dry_run=False)


@pytest.mark.parametrize(
    "changes",
    [
        {"operation": "UPDATE"},
        {"operation": None},
        {"subResource": "ephemeralcontainers"},
        {"resource": {"group": "apps", "version": "v1", "resource": "deployments"}},
        {"resource": None},
        {"resource": "pods"},
        {"object": None},
        {"object": []},
        {"namespace": None},
        {"namespace": 1},
    ],
    ids=str,
)
def test_anything_but_a_new_pod_is_odd(changes: dict[str, Any]) -> None:
    """Somebody has widened the rules of the webhook; its uid is echoed all the same."""
    assert read_question(review(**changes)) == InvalidReview(UID, "not_a_new_pod")


def test_other_version_of_the_review_is_odd() -> None:
    """v1beta1 answers look otherwise."""
    document = review() | {"apiVersion": "admission.k8s.io/v1beta1"}

    assert read_question(document) == InvalidReview(UID, "not_a_new_pod")


@pytest.mark.parametrize(
    "document", [None, 1, "text", [], {}, {"request": []}, {"request": {"uid": 1}}]
)
def test_document_that_is_no_review_is_odd(document: object) -> None:
    """There is no uid to echo."""
    assert read_question(document) == InvalidReview("", "no_review")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"a": "\xff"}', b"[1,]"])
def test_body_that_is_no_json_is_odd(body: bytes) -> None:
    """From a browser, or a scanner."""
    assert question(body) == InvalidReview("", "not_json")


@pytest.mark.parametrize("depth", [MOST_DEPTH, 900, 100_000])
def test_depth_is_bounded(depth: int) -> None:
    """Whatever looks at a pod may be recursive; the uid is echoed however deep it is."""
    start, _, end = json.dumps(review(object="HERE")).encode().partition(b'"HERE"')
    body = start + depth * b'{"a":' + b"1" + depth * b"}" + end

    assert question(body) == InvalidReview(UID, "too_deep")


def test_depth_of_every_pod_is_allowed() -> None:
    """A pod's schema is about a dozen levels deep; others may add to annotations only."""
    node: Any = 1
    for _ in range(MOST_DEPTH - 4):
        node = {"a": node}

    assert isinstance(read_question(review(object=node)), Question)


@pytest.mark.parametrize(
    ("body", "uid"),
    [
        (b'{"request":{"uid":"a-1","object":{"metadata":{"uid":"b-2"}}', "a-1"),
        (b'{"request": {"uid" : "a-1"', "a-1"),
        (b'{"uid":"' + 65 * b"a" + b'"', ""),
        (b'{"uid":"<script>"', ""),
        (b"", ""),
    ],
)
def test_uid_is_found_in_a_body_that_cannot_be_read(body: bytes, uid: str) -> None:
    """The first one is the request's."""
    assert uid_in(body) == uid


def test_answers() -> None:
    """The patch is in base64, and absent if nothing changes."""
    patch = [{"op": "add", "path": "/spec/initContainers", "value": []}]

    yes, no = json.loads(approval(UID, patch)), json.loads(refusal(UID, "no port"))

    assert yes["response"].pop("patchType") == "JSONPatch"
    assert json.loads(base64.b64decode(yes["response"].pop("patch"))) == patch
    assert yes == json.loads(approval(UID))
    assert yes == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": UID, "allowed": True},
    }
    assert no["response"] == {
        "uid": UID,
        "allowed": False,
        "status": {"code": 403, "reason": "Forbidden", "message": "no port"},
    }
