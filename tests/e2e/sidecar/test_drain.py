"""The end of a pod with a sidecar: who finds the application by its entry calls no dead pod."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pytest

from e2e.clusters import Target
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.sidecar import manifests
from processes.cluster import until
from support.kubectl import Kubectl

FETCH_S: Final = 30
CACHE_S: Final = 35
HOLD_S: Final = 120
"""Times of Java's clients, and how long an application serves at its end: what counts is that it is
longer than the two together, so a test may shorten all three by one factor. What is left over is
for a busy machine.
"""
RATES: Final = {"drained": 200, "undrained": 100}
"""Calls a second; those that may fail are there to show that they would be seen."""
REPLICAS: Final = 3

Record = Callable[[str, object], None]


@dataclass(frozen=True)
class Report:
    """What a client has met so far: see `caller.py`."""

    calls: int
    failed: int
    failures: list[dict[str, Any]]
    served: dict[str, int]
    held: list[str]
    listed: list[str]
    gone: dict[str, float]
    failed_by: dict[str, int]


@pytest.fixture(scope="module")
def kubectl(shared: EkcCluster) -> Kubectl:
    """The namespace of a cluster; pods that are not restricted are refused there."""
    kubectl = shared.kubectl
    policy = "pod-security.kubernetes.io/enforce=restricted"
    kubectl("label", "namespace", kubectl.namespace, policy)
    kubectl.apply(manifests.listed([manifests.programs()]))
    return kubectl


def test_lease_is_removed_before_the_application_learns_of_its_end(
    target: Target, kubectl: Kubectl, record_property: Record
) -> None:
    """A native sidecar's `preStop` runs at once, its SIGTERM comes after the application's end."""
    objects = [
        manifests.deployment(target, "orders", 1, hold_s=4),
        manifests.caller(target, "watch", _caller_options("orders", factor=10, rate=1)),
    ]
    kubectl.apply(manifests.listed(objects))
    until(lambda: len(_known_ids(kubectl, "watch")) == 1, PATIENCE_S)
    (pod,) = _pods(kubectl, "orders")
    (instance,) = _known_ids(kubectl, "watch")

    with _followed(kubectl, pod) as application:
        begin = time.time()
        kubectl("delete", "deployment", "orders", "--wait=false")
        said, _ = application.communicate(timeout=PATIENCE_S)
    sigterm = float(said.split()[-1])
    until(lambda: instance in _report(kubectl, "watch").gone, PATIENCE_S)
    gone = _report(kubectl, "watch").gone[instance]
    kubectl("delete", "pod", "watch")

    record_property("deleted to no longer registered", f"{gone - begin:.2f} s")
    record_property("no longer registered to SIGTERM", f"{sigterm - gone:.2f} s")
    assert gone < sigterm


@pytest.mark.long  # an injected sidecar has the same test, always: tests/e2e/injection/test_roll.py
@pytest.mark.parametrize("factor", [10, 1])
def test_rolling_update_fails_no_call(
    target: Target, kubectl: Kubectl, factor: int, record_property: Record
) -> None:
    """Where the sidecar drains; where it does not, clients call pods that are gone."""
    patience_s = PATIENCE_S + (HOLD_S + FETCH_S + CACHE_S) / factor
    apps = {"drained": True, "undrained": False}
    deployments = [
        manifests.deployment(target, app, REPLICAS, HOLD_S // factor, drains=drains)
        for app, drains in apps.items()
    ]
    callers = [
        manifests.caller(target, f"calls-{app}", _caller_options(app, factor, RATES[app]))
        for app in apps
    ]
    kubectl.apply(manifests.listed([*deployments, *callers]))
    until(
        lambda: all(len(_known_ids(kubectl, f"calls-{app}")) == REPLICAS for app in apps),
        patience_s,
    )
    before = {app: _pods(kubectl, app) for app in apps}

    for app in apps:
        kubectl("rollout", "restart", f"deployment/{app}")
    until(lambda: all(_has_moved(kubectl, app, before[app]) for app in apps), patience_s)

    drained, undrained = (_report(kubectl, f"calls-{app}") for app in apps)
    record_property("failed calls, drained", f"{drained.failed} of {drained.calls}")
    record_property("failed calls, not drained", f"{undrained.failed} of {undrained.calls}")
    kubectl("delete", "deployments,pods", "--selector=!eurekube.io/cluster", "--wait=false")
    kubectl("wait", "--for=delete", "pods", *(f"calls-{app}" for app in apps), "--timeout=150s")
    assert drained.failures == []
    assert undrained.failures, "the calls above would not have shown it"


def _caller_options(app: str, factor: int, rate: int) -> manifests.Document:
    """What the pod that calls an application is told: see `caller.py`."""
    return {
        "app": app,
        "urls": [f"http://peer{number}:8761/eureka/" for number in (1, 2, 3)],
        "fetch_s": FETCH_S / factor,
        "cache_s": CACHE_S / factor,
        "rate": rate,
        "clients": 5,
    }


def _has_moved(kubectl: Kubectl, app: str, before: set[str]) -> bool:
    """Whether other pods serve, and nothing else can still be called."""
    pods, seen = _pods(kubectl, app), _report(kubectl, f"calls-{app}")
    return not before & pods and pods <= seen.served.keys() and len(seen.held) == len(pods)


def _known_ids(kubectl: Kubectl, caller: str) -> Sequence[str]:
    """The ids that a client may call; none as long as it says nothing."""
    said = kubectl.run_unchecked("logs", caller, "--tail=1").stdout
    return Report(**json.loads(said)).held if said else []


def _report(kubectl: Kubectl, caller: str) -> Report:
    return Report(**json.loads(kubectl("logs", caller, "--tail=1")))


def _pods(kubectl: Kubectl, app: str) -> set[str]:
    """The pods of an application, also those that are about to end."""
    items = kubectl.get("pods", f"--selector=app={app}")["items"]
    return {each["metadata"]["name"] for each in items}


def _followed(kubectl: Kubectl, pod: str) -> subprocess.Popen[str]:
    """What the application says until it ends: afterwards the pod's logs are gone."""
    place = f"--namespace={kubectl.namespace}"
    words = [*kubectl.program, place, "logs", "--follow", pod, "--container=application"]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
