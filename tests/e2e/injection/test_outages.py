"""Running pods keep their leases whatever else is down; and what a pod meets that starts meanwhile.

Leases are renewed every two seconds here, are over after six, and none is preserved after that:
so one that nobody renews would be seen to be gone within each outage.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import pytest

from cluster.faults import Faults
from cluster.plan import Plan
from e2e.clusters import Target
from e2e.injection import manifests
from e2e.injection.manifests import ASKS, pod_spec, serving
from e2e.injection.registered import (
    SIDECAR,
    Direct,
    has_sidecar,
    ids_up,
    instances,
    pods_of,
    restarts,
)
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.installed import Operator
from e2e.sidecar.manifests import listed, programs
from processes.cluster import check_throughout, until
from support.kubectl import Kubectl

Record = Callable[[str, object], None]

APP: Final = "orders"
REPLICAS: Final = 3
OUTAGE_S: Final = 12.0
"""Twice as long as a lease."""
REGISTRY: Final = {
    "registry": {
        "selfPreservation": {"enabled": False},
        "lease": {"evictionIntervalSeconds": 1},
    }
}
_CURE: Final = re.compile(r"kubectl .* rollout restart \S+")
_METRIC: Final = re.compile(r"^eureka_operator_pods_without_sidecar (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Orders:
    """An application with a label, all of whose instances are UP at every peer."""

    plan: Plan
    cluster: EkcCluster
    ids: frozenset[str]

    @property
    def direct(self) -> Direct:
        """The peers as they are now."""
        return Direct(self.plan, [each.address for each in self.cluster.pods.values()])

    @property
    def restart_counts(self) -> dict[str, tuple[str, int, int]]:
        """Uid and restarts of each pod: equal at two times if nothing was restarted between."""
        return {
            name: (pod["metadata"]["uid"], restarts(pod), restarts(pod, "application"))
            for name, pod in pods_of(self.cluster.kubectl, APP).items()
        }

    def are_back(self) -> bool:
        """Whether each of three peers has all of them as UP."""
        direct = self.direct
        everywhere = len(direct.everywhere(APP)) == len(self.cluster.pods)
        return everywhere and direct.up_everywhere(APP) == self.ids


@pytest.fixture(scope="module")
def orders(target: Target, plan: Plan, shop: EkcCluster) -> Orders:
    """Three pods with short leases."""
    shop.change(REGISTRY)
    application = manifests.deployment(
        APP, pod_spec(serving(target)), REPLICAS, renewal_seconds="2"
    )
    shop.kubectl.apply(listed([application]))
    until(lambda: len(ids_up(instances(shop, APP))) == REPLICAS, PATIENCE_S)
    shop.wait_ready()
    found = Orders(plan, shop, frozenset(instances(shop, APP)))
    until(found.are_back, PATIENCE_S)
    return found


@pytest.fixture
def late(target: Target, operator: Operator) -> Iterator[Kubectl]:  # noqa: ARG001 - it works there
    """A labelled namespace of the test's own."""
    with target.kubectl.in_a_namespace("late") as kubectl:
        (label,) = (f"{key}={value}" for key, value in ASKS.items())
        target.kubectl("label", "namespace", kubectl.namespace, label)
        kubectl.apply(listed([programs()]))
        yield kubectl


def _api_server(faults: Faults, _operator: Operator) -> AbstractContextManager[None]:
    return faults.stopped("control/kube-apiserver")


@contextmanager
def _operator(_faults: Faults, operator: Operator) -> Iterator[None]:
    operator.scale(0)
    try:
        yield
    finally:
        operator.scale(2)


@contextmanager
def _injector(_faults: Faults, operator: Operator) -> Iterator[None]:
    operator.scale_injector(0)
    try:
        yield
    finally:
        operator.scale_injector(2)


@pytest.mark.parametrize("outage", [_api_server, _operator, _injector])
def test_leases_are_kept_without(
    orders: Orders,
    faults: Faults,
    operator: Operator,
    outage: Callable[[Faults, Operator], AbstractContextManager[None]],
) -> None:
    """Sidecars talk to the registry alone: each lease is renewed at every peer meanwhile."""
    before, direct = orders.restart_counts, orders.direct
    with outage(faults, operator):
        begin_ms = time.time() * 1000
        check_throughout(lambda: direct.up_everywhere(APP) == orders.ids, OUTAGE_S)
        for each in orders.ids:
            assert min(direct.renewed_at_ms(APP, each)) > begin_ms

    until(lambda: operator.kubectl.run_unchecked("get", "pods").returncode == 0, PATIENCE_S)
    assert orders.restart_counts == before


def test_leases_are_kept_while_peers_are_lost_one_by_one(
    orders: Orders, record_property: Record
) -> None:
    """At the two that are left at any time; the third one copies them."""
    cluster, before = orders.cluster, orders.restart_counts
    begin = time.monotonic()
    for lost, pod in cluster.pods.items():
        left = [each.address for name, each in cluster.pods.items() if name != lost]
        others = Direct(orders.plan, left)
        cluster.kubectl("delete", "pod", lost, "--grace-period=0", "--force")

        def is_back(lost: str = lost, old: str = pod.uid, others: Direct = others) -> bool:
            assert others.up_everywhere(APP) == orders.ids
            found = cluster.pods.get(lost)
            return found is not None and found.uid != old and found.ready

        until(is_back, PATIENCE_S)
        until(orders.are_back, PATIENCE_S)
    record_property(
        "three peers lost one after the other, all leases at each",
        f"{time.monotonic() - begin:.0f} s",
    )
    assert orders.restart_counts == before


def test_leases_are_back_after_all_peers_were_lost(orders: Orders, record_property: Record) -> None:
    """No peer has a copy: each sidecar learns by a 404 that it has to register again."""
    cluster, before = orders.cluster, orders.restart_counts
    old = {each.uid for each in cluster.pods.values()}
    begin = time.monotonic()
    cluster.kubectl("delete", "pods", *cluster.pods, "--grace-period=0", "--force")

    until(lambda: not old & {each.uid for each in cluster.pods.values()}, PATIENCE_S)
    until(orders.are_back, PATIENCE_S)

    record_property("all peers lost to all leases at each", f"{time.monotonic() - begin:.1f} s")
    cluster.wait_ready()
    assert orders.restart_counts == before


def test_sidecar_that_is_killed_is_started_again(
    target: Target, orders: Orders, faults: Faults, record_property: Record
) -> None:
    """With the times that most will have: the lease is there all the while."""
    cluster = orders.cluster
    application = manifests.deployment("steady", pod_spec(serving(target)))
    cluster.kubectl.apply(listed([application]))
    until(lambda: len(orders.direct.up_everywhere("steady")) == 1, PATIENCE_S)
    (name,) = pods_of(cluster.kubectl, "steady")
    direct, up_s = orders.direct, []
    begin_ms = time.time() * 1000

    faults.kill_in_pod(cluster.kubectl.namespace, name, SIDECAR)
    begin = time.monotonic()

    def is_back() -> bool:
        found = direct.everywhere("steady")
        assert len(found) == REPLICAS
        assert all(found), "the lease is lost"
        up = bool(direct.up_everywhere("steady"))
        up_s.append((time.monotonic() - begin, up))
        since = [_registered_at_ms(each) for each in found]
        return up and min(since) > begin_ms

    until(is_back, PATIENCE_S)
    record_property("sidecar killed to registered again", f"{time.monotonic() - begin:.1f} s")
    down = [seconds for seconds, up in up_s if not up]
    record_property(
        "sidecar killed, not UP meanwhile", f"{down[-1] - down[0]:.1f} s" if down else "never"
    )
    until(lambda: restarts(_pod_of(cluster, "steady")) == 1, PATIENCE_S)
    assert restarts(_pod_of(cluster, "steady"), "application") == 0


def test_pod_that_starts_without_a_registry_registers_later(
    target: Target, orders: Orders, late: Kubectl, record_property: Record
) -> None:
    """It is ready all the same. And a namespace with pods, and with their registry, can be deleted.

    The leases of its pods at another namespace's registry are gone at once.
    """
    registry = EkcCluster(late, "late")
    registry.apply({"replicas": 0})
    until(lambda: registry.status, PATIENCE_S)
    there = f"{orders.cluster.kubectl.namespace}/{orders.cluster.name}"
    spec = pod_spec(serving(target))
    here = manifests.deployment("here", spec, drain_seconds="2")
    elsewhere = manifests.deployment("elsewhere", spec, drain_seconds="2", registry=there)
    late.apply(listed([here, elsewhere]))
    for each in ("here", "elsewhere"):
        late("rollout", "status", f"deployment/{each}", "--timeout=150s")
        assert all(map(has_sidecar, pods_of(late, each).values()))

    registry.scale(1)
    begin = time.monotonic()
    until(lambda: ids_up(instances(registry, "here", "late-peer-1")), PATIENCE_S)
    record_property(
        "registry Ready to pods that waited for it", f"{time.monotonic() - begin:.1f} s"
    )
    until(lambda: orders.direct.up_everywhere("elsewhere"), PATIENCE_S)

    begin = time.monotonic()
    late("delete", "namespace", late.namespace, "--wait=false")
    until(lambda: orders.direct.is_absent("elsewhere"), PATIENCE_S)
    record_property("namespace deleted to leases gone", f"{time.monotonic() - begin:.1f} s")
    until(
        lambda: late.run_unchecked("get", "namespace", late.namespace).returncode != 0, PATIENCE_S
    )
    record_property("namespace deleted to namespace gone", f"{time.monotonic() - begin:.1f} s")


def test_pods_that_start_without_an_injector_are_found(
    target: Target, orders: Orders, operator: Operator, record_property: Record
) -> None:
    """They start, and an event on each says what to type; typed as it stands, it cures them."""
    kubectl = orders.cluster.kubectl
    operator.scale_injector(0)
    try:
        begin = time.monotonic()
        kubectl.apply(listed([manifests.deployment("missed", pod_spec(serving(target)))]))
        kubectl("rollout", "status", "deployment/missed", "--timeout=150s")
        record_property("pods start without an injector", f"{time.monotonic() - begin:.1f} s")
        ((name, pod),) = pods_of(kubectl, "missed").items()
        assert not has_sidecar(pod)
        message = until(lambda: _event_message(kubectl, name, "SidecarMissing"), PATIENCE_S)
        record_property("pod without a sidecar to its event", f"{time.monotonic() - begin:.0f} s")
        until(lambda: _without_sidecar(operator) == 1, PATIENCE_S)
    finally:
        operator.scale_injector(2)

    cure = _CURE.search(message)
    assert cure is not None, message
    kubectl(*shlex.split(cure[0])[1:])
    until(lambda: len(ids_up(instances(orders.cluster, "missed"))) == 1, PATIENCE_S)
    assert (
        len(
            kubectl.get(
                "events", f"--field-selector=involvedObject.name={name},reason=SidecarMissing"
            )["items"]
        )
        == 1
    )


def test_uninstall_leaves_pods_running_and_no_webhook(
    target: Target, orders: Orders, operator: Operator
) -> None:
    """Leases are renewed, and new pods start without a sidecar.

    What stays is the operator's: a Secret with certificates, which the next release goes on with.
    """
    kubectl, before, direct = orders.cluster.kubectl, orders.restart_counts, orders.direct
    operator.uninstall()
    try:
        secret = ["Secret/eurekube-injector-tls"]
        until(lambda: _injectors(target.kubectl) == secret, PATIENCE_S)
        begin_ms = time.time() * 1000
        kubectl.apply(listed([manifests.deployment("after", pod_spec(serving(target)))]))
        kubectl("rollout", "status", "deployment/after", "--timeout=150s")
        (pod,) = pods_of(kubectl, "after").values()
        assert not has_sidecar(pod)

        check_throughout(lambda: direct.up_everywhere(APP) == orders.ids, OUTAGE_S)
        for each in orders.ids:
            assert min(direct.renewed_at_ms(APP, each)) > begin_ms
        assert orders.restart_counts == before
    finally:
        operator.install()


def _pod_of(cluster: EkcCluster, app: str) -> dict[str, Any]:
    (pod,) = pods_of(cluster.kubectl, app).values()
    return pod


def _registered_at_ms(found: dict[str, dict[str, Any]]) -> int:
    """When the only instance was registered, or its entry last changed."""
    (instance,) = found.values()
    return int(instance["lastDirtyTimestamp"])


def _event_message(kubectl: Kubectl, pod: str, reason: str) -> str:
    """The message of a pod's event; empty: there is none."""
    about = f"--field-selector=involvedObject.name={pod},reason={reason}"
    items = kubectl.get("events", about)["items"]
    return str(items[-1]["message"]) if items else ""


def _without_sidecar(operator: Operator) -> float:
    """How many pods the leader counts; 0 if nobody leads."""
    where = f"/api/v1/namespaces/{operator.namespace}/pods/{operator.leader}:8080/proxy/metrics"
    found = _METRIC.search(operator.kubectl.run_unchecked("get", "--raw", where).stdout)
    return 0.0 if found is None else float(found[1])


def _injectors(kubectl: Kubectl) -> list[str]:
    """What there is of injectors, in all namespaces."""
    kinds = (
        "mutatingwebhookconfigurations,deployments,services,secrets,configmaps,serviceaccounts,"
        "clusterroles,clusterrolebindings,roles,rolebindings,poddisruptionbudgets,networkpolicies"
    )
    items = kubectl.get(kinds, "--all-namespaces")["items"]
    names = [f"{each['kind']}/{each['metadata']['name']}" for each in items]
    return [each for each in names if "injector" in each]
