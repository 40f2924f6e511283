"""A rolling update of an application that has nothing but the label: nobody calls a dead pod.

The sidecar removes the lease at once, and the injected hook has the application serve on for 20 s:
that is for clients whose caches hold an entry for less. Java's with all its defaults hold one for
up to 65 s, so they take annotation and grace period; that is the long variant.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from e2e.clusters import Target
from e2e.injection import manifests
from e2e.injection.manifests import Document, pod_spec, serving
from e2e.injection.registered import pods_of
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.sidecar.manifests import listed
from processes.cluster import until
from support.kubectl import Kubectl

Record = Callable[[str, object], None]

REPLICAS: Final = 3
RATES: Final = {"drained": 200, "undrained": 100}
"""Calls a second; those that may fail are there to show that they would be seen."""
CALLER: Final = "calls-{}"


@dataclass(frozen=True)
class Caches:
    """For how long a client keeps what it fetched, and what its instances take to outlast that.

    `drain_s` is an annotation; `None`: there is none, as most will have it.
    """

    fetch_s: float
    cache_s: float
    drain_s: int | None = None


LABEL_ONLY: Final = Caches(fetch_s=5, cache_s=5)
"""Half of what is granted: the rest is for a busy machine."""
JAVA: Final = Caches(fetch_s=30, cache_s=35, drain_s=90)


@pytest.mark.parametrize(
    "caches",
    [
        pytest.param(LABEL_ONLY, id="label-only"),
        pytest.param(JAVA, id="java", marks=pytest.mark.long),
    ],
)
def test_rolling_update_fails_no_call(
    target: Target, shop: EkcCluster, caches: Caches, record_property: Record
) -> None:
    """Of a client that caches; where the drain is switched off, clients call pods that are gone."""
    kubectl = shop.kubectl
    patience_s = PATIENCE_S + 4 * (caches.fetch_s + caches.cache_s)
    callers = [
        manifests.caller(target, CALLER.format(app), _caller_options(app, caches, rate))
        for app, rate in RATES.items()
    ]
    kubectl.apply(listed([*_deployments(target, caches), *callers]))
    until(lambda: all(len(_report(kubectl, app)["held"]) == REPLICAS for app in RATES), patience_s)
    before = {app: {*pods_of(kubectl, app)} for app in RATES}

    for app in RATES:
        kubectl("rollout", "restart", f"deployment/{app}")
    until(lambda: all(_has_moved(kubectl, app, before[app]) for app in RATES), patience_s)

    drained, undrained = (_report(kubectl, app) for app in RATES)
    for words, seen in (("with the label only", drained), ("drain-seconds: 0", undrained)):
        how = words if seen is undrained or caches.drain_s is None else "drain-seconds: 90"
        caching = f"caches of {caches.fetch_s:g} s + {caches.cache_s:g} s"
        record_property(
            f"failed calls in a rolling update, {how}, {caching}",
            f"{seen['failed']} of {seen['calls']}",
        )
    kubectl("delete", "deployments,pods", "--selector=!eurekube.io/cluster", "--wait=false")
    callers_of = [f"pod/{CALLER.format(app)}" for app in RATES]
    kubectl("wait", "--for=delete", *callers_of, "--timeout=150s")
    assert drained["failures"] == []
    assert undrained["failures"], "the calls above would not have shown it"


def _deployments(target: Target, caches: Caches) -> list[Document]:
    """One as it is by default, and one whose pods do not wait at their end."""
    grace_s = 30 if caches.drain_s is None else caches.drain_s + 10
    spec = pod_spec(serving(target), terminationGracePeriodSeconds=grace_s)
    wishes = {} if caches.drain_s is None else {"drain_seconds": str(caches.drain_s)}
    drained = manifests.deployment("drained", spec, REPLICAS, **wishes)
    undrained = manifests.deployment("undrained", spec, REPLICAS, drain_seconds="0")
    for each in (drained, undrained):
        each["spec"]["minReadySeconds"] = 2
    return [drained, undrained]


def _caller_options(app: str, caches: Caches, rate: int) -> Document:
    """What the pod that calls an application is told: see `e2e/sidecar/caller.py`."""
    return {
        "app": app,
        "urls": [f"http://peer{number}:8761/eureka/" for number in (1, 2, 3)],
        "fetch_s": caches.fetch_s,
        "cache_s": caches.cache_s,
        "rate": rate,
        "clients": 5,
    }


def _has_moved(kubectl: Kubectl, app: str, before: set[str]) -> bool:
    """Whether other pods serve, the old ones are gone, and nothing else can still be called."""
    items = kubectl.get("pods", f"--selector=app={app}")["items"]
    names = {each["metadata"]["name"] for each in items}
    seen = _report(kubectl, app)
    return not before & names and names <= seen["served"].keys() and len(seen["held"]) == len(names)


def _report(kubectl: Kubectl, app: str) -> dict[str, Any]:
    """What its client has met so far; nothing as long as it says nothing."""
    said = kubectl.run_unchecked("logs", CALLER.format(app), "--tail=1").stdout
    nothing: dict[str, Any] = {"held": [], "served": {}}
    found: dict[str, Any] = json.loads(said) if said else nothing
    return found
