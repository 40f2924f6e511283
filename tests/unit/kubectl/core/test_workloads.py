"""Objects by the names that people type, and the sidecar's container in words."""

from __future__ import annotations

import pytest

from kubectl_eureka.core.workloads import container_state, kinds, parse_name


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("orders", "Pod"),
        ("pod/orders", "Pod"),
        ("po/orders", "Pod"),
        ("deploy/orders", "Deployment"),
        ("Deployment/orders", "Deployment"),
        ("sts/orders", "StatefulSet"),
        ("ds/orders", "DaemonSet"),
        ("jobs/orders", "Job"),
        ("cj/orders", "CronJob"),
        ("rs/orders", "ReplicaSet"),
    ],
)
def test_kinds_are_named_as_with_kubectl(text: str, kind: str) -> None:
    """Short, long, one or many."""
    found = parse_name(text)

    assert found is not None
    assert (found[0].kind, found[1]) == (kind, "orders")
    assert kind.lower() in kinds()


@pytest.mark.parametrize("text", ["", "service/orders", "pod/", "/orders", "a/b/c"])
def test_what_has_no_pods_is_no_name(text: str) -> None:
    """A sentence says what could be written."""
    assert parse_name(text) is None


@pytest.mark.parametrize(
    ("container", "said"),
    [
        (
            {"state": {"running": {"startedAt": "T"}}, "ready": False, "restartCount": 2},
            "running since T, not ready, 2 restarts",
        ),
        (
            {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}},
            "waiting (ImagePullBackOff: no such image), 0 restarts",
        ),
        (
            {"state": {"terminated": {"exitCode": 1, "reason": "Error"}}, "restartCount": 1},
            "ended with exit code 1 (Error), 1 restart",
        ),
        (
            {"state": {"running": {"startedAt": "T"}}, "ready": True},
            "running since T, ready, 0 restarts",
        ),
        ({"state": {"terminated": {"exitCode": 0}}}, "ended with exit code 0, 0 restarts"),
        ({"state": {"of a version to come": {}}}, "0 restarts"),
        ({}, "0 restarts"),
    ],
)
def test_state_of_the_container_is_said(container: dict[str, object], said: str) -> None:
    """With the kubelet's own reason."""
    status = {"initContainerStatuses": [{"name": "other"}, {**container, "name": "eureka-sidecar"}]}

    assert container_state({"status": status}) == said


@pytest.mark.parametrize("status", [None, {}, {"initContainerStatuses": [7, {}]}])
def test_pod_that_is_not_scheduled_has_no_state(status: object) -> None:
    """The kubelet has not written any."""
    assert container_state({"status": status}) == ""
