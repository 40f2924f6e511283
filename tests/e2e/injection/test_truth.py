"""Leases of pods that end without a word: removed within seconds, and no others with them.

Only on a cluster of tests.cluster's own: another one's nodes are not ours to hurt.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from cluster.faults import Faults
from cluster.plan import Plan
from e2e.clusters import Target
from e2e.injection.orders import (
    CONTAINER,
    SIDECAR,
    Holdings,
    all_up,
    cluster_uid,
    listed,
    pod,
    registered,
    uids,
    unscheduled,
    workload,
)
from e2e.operator.audited import LEASES, SETTLING_S, Requests
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.installed import Operator
from processes.cluster import check_throughout, until
from support.kubectl import Kubectl

LONGER_S: Final = 8.0
"""Several looks of the operator at all registries."""
MANY: Final = 60
CAPPED_S: Final = 15.0
"""Within the minute, and long enough for all of them if nothing held the operator back."""
LOST_S: Final = 300.0
"""A node is not ready after 20 s, and a machine may be busy."""

IDLE: Final = 300
MINUTE_S: Final = 60.0
_STATUS: Final = "print(open('/proc/1/status').read())"

Record = Callable[[str, object], None]


@pytest.fixture
def holdings(plan: Plan, shared: EkcCluster) -> Holdings:
    """What the peers hold that are ready at the test's beginning."""
    return Holdings.of(plan, shared)


@pytest.fixture(scope="module")
def bystanders(target: Target, plan: Plan, shared: EkcCluster) -> set[str]:
    """Two pods that serve all the time."""
    kubectl = shared.kubectl
    there = workload(target, "Deployment", "bystanders", 2, _a_node(target))
    kubectl.apply(listed(there))
    return all_up(kubectl, Holdings.of(plan, shared), "bystanders", 2)


@pytest.fixture(autouse=True)
def check_bystanders(plan: Plan, shared: EkcCluster, bystanders: set[str]) -> Iterator[None]:
    """Whatever a test does: leases of pods that serve stay, and no event says otherwise."""
    yield
    holdings = Holdings.of(plan, shared)
    until(lambda: holdings.all, PATIENCE_S)  # all answer
    assert bystanders <= holdings.uids()
    assert not any("bystanders" in said for said in _removed(shared))


def test_pod_whose_processes_were_killed(
    target: Target,
    faults: Faults,
    shared: EkcCluster,
    holdings: Holdings,
    record_property: Record,
) -> None:
    """It has failed and is not started again; nobody has removed its lease."""
    node = _a_node(target)
    uid = _up(shared.kubectl, holdings, pod(target, "killed", node, restartPolicy="Never"))
    with faults.stopped(f"{node}/kubelet"):  # else it starts one while the other is killed
        _kill(faults, shared, "killed")
        begin = time.monotonic()

    until(lambda: holdings.lack([uid]), PATIENCE_S)
    _record(record_property, "from SIGKILL of a pod's processes to its lease gone", begin)
    until(lambda: "has failed" in _event_text(shared, "killed"), PATIENCE_S)
    shared.kubectl("delete", "pod", "killed")


def test_pod_that_was_deleted_by_force(
    target: Target,
    faults: Faults,
    shared: EkcCluster,
    holdings: Holdings,
    record_property: Record,
) -> None:
    """Its kubelet says nothing, and its processes are gone."""
    node = _a_node(target)
    uid = _up(shared.kubectl, holdings, pod(target, "forced", node))
    with faults.stopped(f"{node}/kubelet"):
        _kill(faults, shared, "forced")
        assert not holdings.lack([uid])
        begin = time.monotonic()
        shared.kubectl("delete", "pod", "forced", "--force", "--grace-period=0")
        until(lambda: holdings.lack([uid]), PATIENCE_S)
        _record(record_property, "from forced deletion to its lease gone", begin)

    until(lambda: f"(uid {uid}) is gone" in _event_text(shared, "forced"), PATIENCE_S)


def test_pod_that_is_restarted_in_place_keeps_its_lease(
    target: Target, faults: Faults, shared: EkcCluster, holdings: Holdings
) -> None:
    """It is the same pod: sidecar and application were killed and come back."""
    kubectl, node = shared.kubectl, _a_node(target)
    uid = _up(kubectl, holdings, pod(target, "again", node))
    with faults.stopped(f"{node}/kubelet"):
        _kill(faults, shared, "again")

    def has_restarted() -> bool:
        assert not holdings.lack([uid])
        return _has_restarted(kubectl, "again")

    until(has_restarted, PATIENCE_S)
    until(lambda: holdings.are(uid, "UP"), PATIENCE_S)
    check_throughout(lambda: holdings.are(uid, "UP"), LONGER_S)
    assert _event_text(shared, "again") == ""
    kubectl("delete", "pod", "again")


def test_pod_that_comes_back_under_its_name(
    target: Target, faults: Faults, shared: EkcCluster, holdings: Holdings
) -> None:
    """A StatefulSet's: the lease of the new one takes the place of the old one's, and stays."""
    kubectl = shared.kubectl
    kubectl.apply(listed(workload(target, "StatefulSet", "ledger", 1)))
    (old,) = all_up(kubectl, holdings, "ledger", 1)

    _kill(faults, shared, "ledger-0")
    kubectl("delete", "pod", "ledger-0", "--force", "--grace-period=0")
    until(lambda: uids(kubectl, "ledger") not in (set(), {old}), PATIENCE_S)
    (new,) = uids(kubectl, "ledger")
    until(lambda: new in holdings.uids(), PATIENCE_S)

    until(lambda: holdings.are(new, "UP"), PATIENCE_S)
    check_throughout(lambda: holdings.are(new, "UP"), LONGER_S)
    until(lambda: holdings.lack([old]), PATIENCE_S)
    assert new not in _event_text(shared, "ledger-0")


def test_pod_that_moves_to_another_node(
    target: Target, shared: EkcCluster, holdings: Holdings
) -> None:
    """A StatefulSet's that is rolled: name and id stay, uid and address change."""
    kubectl = shared.kubectl
    one = _a_node(target)
    two = _a_node(target, one)
    kubectl.apply(listed(workload(target, "StatefulSet", "moved", 1, one)))
    (old,) = all_up(kubectl, holdings, "moved", 1)

    kubectl.apply(listed(workload(target, "StatefulSet", "moved", 1, two)))
    until(lambda: uids(kubectl, "moved") not in (set(), {old}), PATIENCE_S)
    (new,) = uids(kubectl, "moved")
    until(lambda: holdings.are(new, "UP"), PATIENCE_S)

    check_throughout(lambda: holdings.are(new, "UP"), LONGER_S)
    until(lambda: holdings.lack([old]), PATIENCE_S)
    assert new not in _event_text(shared, "moved-0")
    kubectl("delete", "statefulset", "moved", "--wait=false")


def test_records_of_others_stay(
    target: Target, shared: EkcCluster, holdings: Holdings, record_property: Record
) -> None:
    """Of another Kubernetes that shares the registry, and of who does not say whose they are."""
    ours = cluster_uid(target)
    whose = {"foreign": "00000000-0000-0000-0000-000000000000", "unsaid": "", "ours": ours}
    begin = time.monotonic()
    with registered(holdings, shared.kubectl.namespace, whose):
        until(lambda: {"uid-of-foreign", "uid-of-unsaid"} <= holdings.uids(), PATIENCE_S)
        until(lambda: holdings.lack(["uid-of-ours"]), PATIENCE_S)
        _record(record_property, "from a lease without a pod to its end", begin)
        check_throughout(lambda: {"uid-of-foreign", "uid-of-unsaid"} <= holdings.uids(), LONGER_S)


@pytest.mark.long
def test_node_that_is_cut_off_and_said_to_be_out_of_service(
    target: Target,
    plan: Plan,
    operator: Operator,
    shared: EkcCluster,
    holdings: Holdings,
    record_property: Record,
) -> None:
    """Not before it is not ready: the taint alone may be on the wrong node."""
    node = _a_node(target, _a_node(target), _node_of(operator.kubectl, operator.leader))
    uid = _up(shared.kubectl, holdings, pod(target, "lost", node))
    taint = "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"
    others = _holdings_of_other_nodes(plan, shared, node)
    with _cut_off(plan, shared, node):
        begin = time.monotonic()
        target.kubectl("taint", "node", node, taint)
        until(lambda: others.lack([uid]), LOST_S)
        _record(record_property, "from a node's loss, tainted, to its pods' leases gone", begin)
        target.kubectl("taint", "node", node, f"{taint}-")
    until(lambda: _event_text(shared, "lost"), PATIENCE_S)


@pytest.mark.long
def test_node_that_is_cut_off_and_deleted(
    target: Target,
    plan: Plan,
    operator: Operator,
    shared: EkcCluster,
    holdings: Holdings,
    record_property: Record,
) -> None:
    """40 s after that: a kubelet makes its node anew if somebody has deleted it by mistake."""
    node = _a_node(target, _a_node(target), _node_of(operator.kubectl, operator.leader))
    uid = _up(shared.kubectl, holdings, pod(target, "lost", node))
    others = _holdings_of_other_nodes(plan, shared, node)
    with Faults(plan).cut_off(node):
        begin = time.monotonic()
        target.kubectl("delete", "node", node)
        until(lambda: others.lack([uid]), LOST_S)
        _record(record_property, "from a deleted node to its pods' leases gone", begin)
    with Faults(plan).killed(f"{node}/kubelet"):
        pass  # it makes its node when it starts
    _wait_for(shared, node)


def test_api_server_that_is_away(
    target: Target, faults: Faults, shared: EkcCluster, holdings: Holdings
) -> None:
    """Nothing is removed meanwhile; what was true before is done afterwards."""
    namespace, ours = shared.kubectl.namespace, cluster_uid(target)
    with faults.without_api(), registered(holdings, namespace, {"gone": ours}):
        until(lambda: "uid-of-gone" in holdings.uids(), PATIENCE_S)
        check_throughout(lambda: "uid-of-gone" in holdings.uids(), LONGER_S)

    with registered(holdings, namespace, {"gone": ours}):
        until(lambda: holdings.lack(["uid-of-gone"]), LOST_S)


@pytest.mark.long
def test_many_pods_gone_at_once_and_the_leader_in_the_middle(
    target: Target,
    operator: Operator,
    shared: EkcCluster,
    holdings: Holdings,
    record_property: Record,
) -> None:
    """15 % of a registry's leases in a minute, the rest later; the next leader goes on with them.

    It has not seen these pods go, and takes none that serves for one of them.
    """
    many = {f"many-{number}": cluster_uid(target) for number in range(MANY)}
    held = len(holdings.all[0]) + MANY
    begin = time.monotonic()
    with registered(holdings, shared.kubectl.namespace, many):
        check_throughout(lambda: len(holdings.all[0]) >= held - held * 15 // 100, CAPPED_S)

        until(lambda: held - len(holdings.all[0]) > 1, PATIENCE_S)
        left = len(holdings.all[0])
        said = f"{held - left} of {held} in {time.monotonic() - begin:.0f} s"
        record_property(f"leases removed when {MANY} pods are gone at once", said)
        before = until(lambda: operator.leader, PATIENCE_S)
        operator.kubectl("delete", "pod", before, "--wait=false")
        until(lambda: operator.leader not in ("", before), PATIENCE_S)
        until(lambda: len(holdings.all[0]) < left, PATIENCE_S)


@pytest.mark.long
def test_leader_of_many_pods_in_a_quiet_minute(
    target: Target,
    plan: Plan,
    operator: Operator,
    shared: EkcCluster,
    record_property: Record,
) -> None:
    """Nothing is written, and one list is asked for at the registry with each look."""
    kubectl, before = shared.kubectl, _memory_kib(operator)
    kubectl.apply(listed(*(unscheduled(target, f"idle-{number}") for number in range(IDLE))))
    requests = Requests(plan, operator.namespace, operator.account)
    reads, begin = _registry_reads(operator), time.monotonic()
    minute = until(lambda: requests.since_last_write(MINUTE_S), SETTLING_S)

    others = [each for each in minute if each.resource != LEASES]
    record_property(
        f"memory of the leader with {IDLE} pods more",
        f"{before / 1024:.1f} MiB, then {_memory_kib(operator) / 1024:.1f} MiB",
    )
    record_property(f"its requests in {MINUTE_S:g} quiet seconds", f"{len(others)} but the Lease")
    rate = (_registry_reads(operator) - reads) / (time.monotonic() - begin)
    record_property("its requests to the registry a minute", round(60 * rate))
    kubectl("delete", "pods", "--selector=idle=yes", "--wait=false")


def _up(kubectl: Kubectl, holdings: Holdings, document: dict[str, object]) -> str:
    """Make a pod and wait until all peers show it; its uid."""
    kubectl.apply(listed(document))
    metadata = document["metadata"]
    assert isinstance(metadata, dict)
    (uid,) = all_up(kubectl, holdings, metadata["name"], 1)
    return uid


def _kill(faults: Faults, cluster: EkcCluster, name: str) -> None:
    """Kill all processes of a pod; the application first, or its sidecar may be started again."""
    for container in (CONTAINER, SIDECAR):
        faults.kill_in_pod(cluster.kubectl.namespace, name, container)


def _has_restarted(kubectl: Kubectl, name: str) -> bool:
    """Whether both containers of a pod were started again."""
    status = kubectl.get("pod", name)["status"]
    containers = [*status["initContainerStatuses"], *status["containerStatuses"]]
    return all(each["restartCount"] for each in containers)


def _removed(cluster: EkcCluster) -> list[str]:
    """What events say of leases that the operator has removed."""
    return cluster.events("LeaseRemoved")


def _event_text(cluster: EkcCluster, name: str) -> str:
    """What they say of the leases of a pod; empty: nothing."""
    where = f"{cluster.kubectl.namespace}/{name}"
    return "\n".join(said for said in _removed(cluster) if f"its pod {where} " in said)


def _holdings_of_other_nodes(plan: Plan, cluster: EkcCluster, node: str) -> Holdings:
    """What the peers hold that are on other nodes."""
    there = [pod.address for pod in cluster.pods.values() if pod.node != node]
    assert there
    return Holdings(plan, there)


@contextmanager
def _cut_off(plan: Plan, cluster: EkcCluster, node: str) -> Iterator[None]:
    """Pull a node's cable while the block runs; afterwards wait until all is well again."""
    with Faults(plan).cut_off(node):
        yield
    _wait_for(cluster, node)


def _wait_for(cluster: EkcCluster, node: str) -> None:
    """Wait until a node and what was on it are as before."""
    ready = ("wait", "--for=condition=Ready", f"node/{node}", "--timeout=150s")
    until(lambda: cluster.kubectl.run_unchecked(*ready).returncode == 0, PATIENCE_S)
    cluster.wait_ready()
    cluster.wait_agreed()


def _memory_kib(operator: Operator) -> int:
    """What the leader's process has in memory."""
    status = operator.kubectl("exec", operator.leader, "--", "python3", "-c", _STATUS)
    (line,) = (each for each in status.splitlines() if each.startswith("VmRSS:"))
    return int(line.split()[1])


def _registry_reads(operator: Operator) -> float:
    """How often the leader has read a registry."""
    where = f"/api/v1/namespaces/{operator.namespace}/pods/{operator.leader}:8080/proxy/metrics"
    lines = operator.kubectl("get", "--raw", where).splitlines()
    name = "eureka_operator_registry_reads_total{"
    return sum(float(each.split()[-1]) for each in lines if each.startswith(name))


def _nodes(target: Target) -> list[str]:
    return [each["metadata"]["name"] for each in target.kubectl.get("nodes")["items"]]


def _a_node(target: Target, *others: str) -> str:
    """The first node but for others; the very first one is the bystanders', and is never lost."""
    return next(each for each in sorted(_nodes(target)) if each not in others)


def _node_of(kubectl: Kubectl, name: str) -> str:
    node: str = kubectl.get("pod", name)["spec"]["nodeName"]
    return node


def _record(record_property: Record, what: str, begin: float) -> None:
    record_property(what, f"{time.monotonic() - begin:.1f} s")
