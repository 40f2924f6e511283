"""Pods that started while no injector answered, where their eviction is wished.

It is looked for them every minute, and one of each owner is evicted at a time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from cluster.plan import Plan
from e2e.clusters import Target
from e2e.injection.orders import SIDECAR, Holdings, all_up, listed, uids, workload
from e2e.operator.ekc import EkcCluster
from e2e.operator.installed import Operator
from processes.cluster import until
from support.kubectl import Kubectl

LOOKS_S: Final = 240.0
"""Three looks, and the rest for a machine that is busy."""
_METRIC: Final = re.compile(r"^eureka_operator_pods_without_sidecar ([0-9.]+)$", re.MULTILINE)

Record = Callable[[str, object], None]
Object = dict[str, Any]


@pytest.fixture
def evicting(operator: Operator) -> Iterator[Operator]:
    """The operator with that option; it is without it afterwards."""
    operator.install("--set", "injector.evictMissed=true")
    yield operator
    operator.install()


@pytest.mark.long
def test_pods_that_missed_their_sidecar_are_evicted_one_by_one(
    target: Target, plan: Plan, evicting: Operator, shared: EkcCluster, record_property: Record
) -> None:
    """Only once the injector has given a newer pod its sidecar; an event tells of each before."""
    kubectl, holdings = shared.kubectl, Holdings.of(plan, shared)
    evicting.scale_injector(0)
    kubectl.apply(listed(workload(target, "Deployment", "missed", 2)))
    kubectl("rollout", "status", "deployment/missed", "--timeout=150s")
    first = uids(kubectl, "missed")
    assert not any(_has_sidecar(each) for each in _pods(kubectl, "missed"))

    until(lambda: all(_event_counts(kubectl, uid) for uid in first), LOOKS_S)
    assert _missed(evicting) == len(first)
    assert uids(kubectl, "missed") == first

    evicting.scale_injector(2)
    begin = time.monotonic()
    kubectl.apply(listed(workload(target, "Deployment", "proof", 1)))
    all_up(kubectl, holdings, "proof", 1)
    least = _until_all_have_one(kubectl, "missed")
    said = f"{time.monotonic() - begin:.0f} s"
    record_property("from an injector that works again to two pods evicted in turn", said)

    assert least >= 1
    all_up(kubectl, holdings, "missed", 2)
    until(lambda: _missed(evicting) == 0, LOOKS_S)
    assert [_event_counts(kubectl, uid) for uid in first] == [[1], [1]]


def _until_all_have_one(kubectl: Kubectl, name: str) -> int:
    """Wait until all pods of a name have a sidecar and are ready; how few were ready meanwhile."""
    least = [2]

    def all_have_one() -> bool:
        pods = _pods(kubectl, name)
        least.append(sum(_is_ready(each) for each in pods))
        return len(pods) == 2 and all(_has_sidecar(each) and _is_ready(each) for each in pods)

    until(all_have_one, LOOKS_S)
    return min(least)


def _pods(kubectl: Kubectl, name: str) -> list[Object]:
    found: list[Object] = kubectl.get("pods", f"--selector=set={name}")["items"]
    return found


def _has_sidecar(pod: Object) -> bool:
    return any(each["name"] == SIDECAR for each in pod["spec"].get("initContainers", ()))


def _is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _event_counts(kubectl: Kubectl, uid: str) -> list[int]:
    """How often each event says that a pod has none."""
    about = f"involvedObject.uid={uid},reason=SidecarMissing"
    items = kubectl.get("events", f"--field-selector={about}")["items"]
    return [each["count"] for each in items]


def _missed(operator: Operator) -> float:
    """How many the leader has counted."""
    where = f"/api/v1/namespaces/{operator.namespace}/pods/{operator.leader}:8080/proxy/metrics"
    found = _METRIC.search(operator.kubectl("get", "--raw", where))
    assert found is not None
    return float(found.group(1))
