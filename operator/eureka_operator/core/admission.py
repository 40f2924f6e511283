"""The API server's request about a new pod, and the answer: `AdmissionReview`, `admission/v1`.

https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/

If a question cannot be decoded, the answer allows the pod: no fault of ours may stop a pod.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from eureka_operator.core.kinds import Object

MOST_BYTES: Final = 3 * 1024 * 1024
"""Of a body; the API server itself takes no larger request."""
MOST_DEPTH: Final = 64
"""Of a review; a pod's schema is not half as deep."""

_API_VERSION: Final = "admission.k8s.io/v1"
_KIND: Final = "AdmissionReview"
_FORBIDDEN: Final = 403
_UID: Final = re.compile(rb'"uid"\s*:\s*"([0-9A-Za-z-]{1,64})"')


class Question(NamedTuple):
    """A pod that is about to be created, as it was sent.

    It may have no name and no namespace in itself yet. `dry_run`: it will not run.
    """

    uid: str
    namespace: str
    pod: Object
    dry_run: bool


class InvalidReview(NamedTuple):
    """A question that cannot be decoded; `reason` is a stable code. `uid` is empty if unknown."""

    uid: str
    reason: str
    dry_run: bool = False


def question(body: bytes) -> Question | InvalidReview:
    """The question in a body, which is JSON from any client that reached the port."""
    try:
        review = msgspec.json.decode(body)
    except RecursionError:
        return InvalidReview(uid_in(body), "too_deep")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return InvalidReview(uid_in(body), "not_json")
    request = review.get("request") if isinstance(review, dict) else None
    if not isinstance(request, dict) or not isinstance(request.get("uid"), str):
        return InvalidReview("", "no_review")
    uid, dry_run = request["uid"], request.get("dryRun") is True
    if _is_too_deep(review):
        return InvalidReview(uid, "too_deep", dry_run)
    if review.get("apiVersion") != _API_VERSION or not _is_of_new_pod(request):
        return InvalidReview(uid, "not_a_new_pod", dry_run)
    return Question(uid, request["namespace"], request["object"], dry_run)


def uid_in(body: bytes) -> str:
    """The uid of a review of which nothing else can be read; empty if there is none.

    The API server writes the request's own first, before the object.
    """
    found = _UID.search(body)
    return found[1].decode() if found else ""


def approval(uid: str, patch: Sequence[Object] = ()) -> bytes:
    """The answer that the pod may be made, changed by the JSON patch (RFC 6902)."""
    response: dict[str, Any] = {"uid": uid, "allowed": True}
    if patch:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(msgspec.json.encode(patch)).decode()
    return _answer(response)


def refusal(uid: str, message: str) -> bytes:
    """The answer that it may not; `kubectl` and events of its owner show the message."""
    status = {"code": _FORBIDDEN, "reason": "Forbidden", "message": message}
    return _answer({"uid": uid, "allowed": False, "status": status})


def _answer(response: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"apiVersion": _API_VERSION, "kind": _KIND, "response": response})


def _is_of_new_pod(request: dict[str, Any]) -> bool:
    resource = request.get("resource")
    return (
        isinstance(resource, dict)
        and (resource.get("group"), resource.get("resource")) == ("", "pods")
        and not request.get("subResource")
        and request.get("operation") == "CREATE"
        and isinstance(request.get("namespace"), str)
        and isinstance(request.get("object"), dict)
    )


def _is_too_deep(document: object) -> bool:
    """Whether there is anything below the depth; level by level, so it needs no stack."""
    level = [document]
    for _ in range(MOST_DEPTH):
        below: list[object] = []
        for node in level:
            if isinstance(node, dict):
                below += node.values()
            elif isinstance(node, list):
                below += node
        if not below:
            return False
        level = below
    return True
