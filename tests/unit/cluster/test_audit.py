"""The API server's audit log, read."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from cluster.audit import Permission, account, granted, parsed, used, writes

OPERATOR = account("eurekube", "eureka-operator")


def line(number: int, verb: str, code: int = 200, *, user: str = OPERATOR, **target: str) -> str:
    """A line as the API server writes it, received at `number` seconds past one o'clock."""
    event = {
        "kind": "Event",
        "auditID": str(number),
        "stage": "ResponseComplete",
        "verb": verb,
        "user": {
            "username": user,
            "groups": ["system:authenticated"],
            "extra": {"authentication.kubernetes.io/pod-name": ["operator-1"]},
        },
        "userAgent": "kopf/1.45",
        "objectRef": {"resource": "pods", "namespace": "prod", "apiVersion": "v1", **target},
        "responseStatus": {"metadata": {}, "code": code},
        "requestReceivedTimestamp": f"2026-11-28T13:00:{number:02}.250000Z",
    }
    return json.dumps(event) + "\n"


def test_line_has_who_did_what_to_which_object_and_when() -> None:
    """All that the tests ask of a request."""
    (entry,) = parsed(line(7, "patch", name="peer1", subresource="status"))

    assert (entry.verb, entry.user) == ("patch", "system:serviceaccount:eurekube:eureka-operator")
    assert entry.pod == "operator-1"
    assert (entry.resource, entry.subresource, entry.group) == ("pods", "status", "")
    assert (entry.namespace, entry.name, entry.code) == ("prod", "peer1", 200)
    assert entry.at == datetime(2026, 11, 28, 13, 0, 7, 250_000, tzinfo=UTC)
    assert entry.user_agent == "kopf/1.45"


def test_watch_that_began_and_ended_is_one_request() -> None:
    """The log has both."""
    assert [entry.verb for entry in parsed(line(1, "watch") + line(1, "watch"))] == ["watch"]


def test_line_that_is_being_written_is_left_for_the_next_time() -> None:
    """The API server goes on while a test reads."""
    text = line(1, "get") + line(2, "get")

    assert len(list(parsed(text[:-20]))) == 1


def test_writes_are_those_of_one_user_up_to_a_time() -> None:
    """What others do meanwhile, and what only looks, is no write of the operator's."""
    other = line(1, "create", user="admin")
    found = list(parsed(other + line(2, "get") + line(3, "patch") + line(4, "delete")))

    assert [entry.verb for entry in writes(found, OPERATOR)] == ["patch", "delete"]
    assert [entry.verb for entry in writes(found, OPERATOR, found[2].at)] == ["patch"]


def test_apply_takes_the_permission_to_create_only_where_it_creates() -> None:
    """The API server asks for it only then."""
    pods = Permission("", "pods", "patch")
    create = Permission("", "pods", "create")

    assert used(parsed(line(1, "patch")), OPERATOR) == {pods}
    assert used(parsed(line(1, "patch", 201)), OPERATOR) == {pods, create}
    assert used(parsed(line(1, "patch")), "admin") == set()


def test_refused_request_took_a_permission_that_is_not_granted() -> None:
    """Or an operator that is refused all the time would seem to be granted just what it uses."""
    status = {"apiGroup": "apps", "resource": "statefulsets", "subresource": "status"}

    taken = used(parsed(line(1, "update", 403, **status)), OPERATOR)

    assert taken == {Permission("apps", "statefulsets/status", "update")}


def test_rules_grant_each_verb_on_each_resource_of_each_group() -> None:
    """As Kubernetes reads them; paths without resources are nobody's verbs."""
    rules = [
        {"apiGroups": ["", "apps"], "resources": ["pods", "sets"], "verbs": ["get", "list"]},
        {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
    ]

    given = granted(rules)

    assert len(given) == 8
    assert Permission("apps", "sets", "list") in given


def test_rule_that_grants_everything_equals_no_list_of_requests() -> None:
    """It is refused rather than compared."""
    with pytest.raises(ValueError, match="name each group, resource and verb"):
        granted([{"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}])
