"""Nodes that are drained, cut off or lost, below peers that hold leases of clients.

Only on a cluster of tests.cluster's own: another one's nodes are not ours to hurt.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from cluster.faults import Faults
from cluster.plan import CONTROL, Plan
from e2e.clusters import Target
from e2e.operator import leases as lease_pod
from e2e.operator import lookups
from e2e.operator.direct import PermanentLease, answer_of
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.leases import Leases, Report, hold_leases
from e2e.operator.lookups import LookUps, run_lookups
from e2e.operator.volumes import local_volumes
from e2e.operator.watched import watched_pods
from processes.cluster import check_throughout, until
from support.kubectl import Kubectl

LEASES: Final = 300
MANY_LEASES: Final = 1000
"""With `--long`: clients in one process need a machine that has time for them."""
PODS: Final = ("eureka-peer-1", "eureka-peer-2", "eureka-peer-3")
LOST_S: Final = 300.0
"""A node counts as lost after 20 s; its pods may stay for 30 s, have 30 s to end, and 30 s more."""
FORCED: Final = timedelta(seconds=45)
"""After the end of its grace a pod without a volume is removed at 30 s, by the next pass."""
DIGESTS_S: Final = 15.0
"""Peers compare what they hold every 5 s, and repair what differs twice."""
_CLIENTS: Final = (lease_pod.POD, lookups.POD)
_STAYS: Final = "example.com/stays"
_DRAIN: Final = (
    "--ignore-daemonsets",
    "--delete-emptydir-data",
    "--force",
    f"--pod-selector=!{_STAYS}",
)

Record = Callable[[str, object], None]


class Clients:
    """Leases that are held, and look-ups, both from one node; no drain takes them away."""

    def __init__(self, cluster: EkcCluster, leases: Leases, looks: LookUps) -> None:
        self._cluster = cluster
        self._leases = leases
        self._looks = looks
        self._partitions: list[_Partition] = []
        cluster.kubectl("label", "pods", *_CLIENTS, f"{_STAYS}=true")

    @property
    def node(self) -> str:
        """Where they are."""
        return str(self._cluster.kubectl.get("pod", _CLIENTS[0])["spec"]["nodeName"])

    def wait_complete(self) -> None:
        """Wait until three peers list every lease."""
        self._leases.wait_complete(3, LOST_S)

    def excuse(self, peer: str, begin: datetime) -> None:
        """Allow that a peer lacks what began since `begin`, when it was cut off, until now.

        It is ready all the while: Eureka answers with what it has.
        """
        self._partitions.append(_Partition(peer, begin, datetime.now(UTC)))

    def check(self) -> None:
        """Fail if a lease was lost, or a look-up failed although it was tried once more."""
        seen = self._leases.report
        for each in self._partitions:
            seen = each.unexplained(seen)
        assert seen.missing == []
        assert seen.losses == []
        assert self._looks.report.failed == []


@dataclass(frozen=True)
class _Partition:
    """A peer that was out of reach, until it had caught up."""

    peer: str
    begin: datetime
    end: datetime

    def unexplained(self, seen: Report) -> Report:
        """What cannot be explained by it."""
        missing = [each for each in seen.missing if not self._explains_lack(each)]
        losses = [each for each in seen.losses if not self._explains_loss(each)]
        return replace(seen, missing=missing, losses=losses)

    def _explains_lack(self, missing: Mapping[str, Any]) -> bool:
        at = datetime.fromisoformat(missing["at"])
        return bool(missing["peer"] == self.peer and self.begin <= at <= self.end)

    def _explains_loss(self, loss: Mapping[str, Any]) -> bool:
        """Whether the lease began meanwhile, and was renewed at the peer."""
        at = datetime.fromisoformat(loss["at"])
        return at <= self.end and at - timedelta(seconds=loss["age_s"]) >= self.begin


@pytest.fixture(scope="module")
def clients(
    target: Target, shared: EkcCluster, plan: Plan, pytestconfig: pytest.Config
) -> Iterator[Clients]:
    """Clients of three peers; each test leaves all leases at three peers."""
    node = plan.nodes[0].name
    count = MANY_LEASES if pytestconfig.getoption("--long") else LEASES
    with (
        hold_leases(target, shared, count, node) as leases,
        run_lookups(target, shared, node) as looks,
    ):
        clients = Clients(shared, leases, looks)
        clients.wait_complete()
        yield clients


@pytest.fixture(autouse=True)
def served(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever happens to nodes: no lease is lost, every look-up has an answer, peers agree."""
    yield
    if "clients" in request.fixturenames:
        clients: Clients = request.getfixturevalue("clients")
        shared: EkcCluster = request.getfixturevalue("shared")
        clients.wait_complete()
        shared.wait_ready(LOST_S)
        shared.wait_agreed()
        clients.check()


def test_peer_that_was_cut_off_for_a_moment_brings_no_lease_back(
    faults: Faults, plan: Plan, shared: EkcCluster, clients: Clients, record_property: Record
) -> None:
    """It could not hear that the lease was cancelled, and the others know that it was."""
    cut, pods = _pod_of_other_node(shared, clients.node), shared.pods
    there = next(name for name in PODS if pods[name].node != pods[cut].node)
    lease = PermanentLease(plan, [pods[there].address, pods[cut].address])
    lease.register()
    until(lambda: lease.everywhere, PATIENCE_S)
    before = shared.restart_counts
    cut_at = datetime.now(UTC)
    with faults.cut_off(pods[cut].node):
        lease.cancel(0)
        until(lambda: not _sees(shared, there, cut), PATIENCE_S)
        assert _holds(plan, pods[cut].node, pods[cut].address)

    begin = time.monotonic()
    until(lambda: not lease.is_anywhere, PATIENCE_S)
    shared.wait_agreed()
    clients.wait_complete()
    clients.excuse(_numbers(shared)[cut], cut_at)
    _record(record_property, "from a node's return to three peers that agree", begin)
    check_throughout(lambda: not lease.is_anywhere, DIGESTS_S)
    assert shared.restart_counts == before


def test_peer_of_a_lost_node_is_replaced_elsewhere(
    faults: Faults, plan: Plan, shared: EkcCluster, clients: Clients, record_property: Record
) -> None:
    """Its pod is abandoned, which an event says; the old one, still alive, does no harm.

    When the node comes back the old peer has leases that ended long ago, as it preserves itself,
    and the new one's name.
    """
    lost = _pod_of_other_node(shared, clients.node)
    before, pods = shared.restart_counts, shared.pods
    node, address = pods[lost].node, pods[lost].address
    lease = PermanentLease(plan, [pods[name].address for name in PODS])
    lease.register()
    until(lambda: lease.everywhere, PATIENCE_S)
    begin = time.monotonic()
    with faults.cut_off(node):
        staying = next(name for name in PODS if pods[name].node != node)
        lease.cancel(PODS.index(staying))
        until(lambda: f"node {node} is not ready since" in _degraded(shared), LOST_S)
        until(lambda: shared.is_so("Available"), PATIENCE_S)
        until(lambda: shared.restart_counts.get(lost, before[lost]) != before[lost], LOST_S)
        said = f"removed pod {lost} by force: node {node} does not end it"
        until(lambda: said in shared.events("PeerAbandoned"), PATIENCE_S)
        shared.wait_ready(LOST_S)
        _record(record_property, "from a node's loss to three peers that agree", begin)
        clients.wait_complete()
        after = shared.restart_counts
        assert _holds(plan, node, address)

    assert shared.pods[lost].node != node
    begin = time.monotonic()
    until(lambda: _ended(plan, node, address), LOST_S)
    # It has removed the name that they share from the list of peers, as every peer does that ends.
    until(lambda: _are_listed(plan, shared), PATIENCE_S)
    _record(record_property, "from a node's return to the old peer's end, and all listed", begin)
    _wait_for_node(shared, node)
    assert not PermanentLease(plan, [pod.address for pod in shared.pods.values()]).is_anywhere
    assert shared.restart_counts == after
    assert {name: after[name] for name in PODS if pods[name].node != node} == {
        name: before[name] for name in PODS if pods[name].node != node
    }


def test_drained_nodes_take_one_peer_away_at_a_time(
    target: Target,
    plan: Plan,
    shared: EkcCluster,
    clients: Clients,  # noqa: ARG001 - they must not notice
    tmp_path: Path,
    record_property: Record,
) -> None:
    """Two nodes at once, while no other node takes a peer: the second drain has to wait.

    Then the third one. Peers keep their numbers wherever they go.
    """
    nodes = [node.name for node in plan.nodes]
    occupied = sorted({pod.node for pod in shared.pods.values()})
    numbers = _numbers(shared)
    begin = time.monotonic()
    with watched_pods(shared) as seen, ExitStack() as drains:
        with _cordoned(target.kubectl, nodes):
            started = [
                drains.enter_context(_Drain(target.kubectl, node, tmp_path))
                for node in occupied[:2]
            ]
            until(lambda: any(each.waits_for_budget for each in started), PATIENCE_S)
            until(lambda: "cordoned: " + ", ".join(nodes) in _degraded(shared), PATIENCE_S)
        for each in started:
            each.wait()
        with _cordoned(target.kubectl, nodes[2:]):
            with _Drain(target.kubectl, nodes[2], tmp_path) as last:
                last.wait()
            shared.wait_ready(LOST_S)
    _record(record_property, "three nodes drained, two of them at once", begin)

    assert set(seen.made) <= set(PODS)
    assert len(seen.made) > 1
    assert seen.max_away == 1
    assert _numbers(shared) == numbers


@pytest.mark.long
def test_peer_with_a_volume_moves_when_its_node_is_said_to_be_off(
    faults: Faults, plan: Plan, cluster: EkcCluster, record_property: Record
) -> None:
    """Nobody but people knows that the old pod does not write any more; the status asks them."""
    storage_class = cluster.kubectl.namespace
    volumes = local_volumes(
        plan, cluster.kubectl, size="16Mi", storage_class=storage_class, movable=True
    )
    with volumes:
        volume = {"size": "16Mi", "storageClassName": storage_class}
        cluster.start(
            {
                "snapshot": {"enabled": True, "volume": volume},
                "pod": {"securityContext": {"fsGroup": 65532}},
            }
        )
        lost = PODS[0]
        before, node = cluster.restart_counts, cluster.pods[lost].node
        with faults.cut_off(node):
            until(lambda: _is_overdue(cluster, lost), LOST_S)
            until(lambda: f"kubectl taint node {node}" in _degraded(cluster), PATIENCE_S)
            assert cluster.restart_counts[lost] == before[lost]
            assert cluster.events("PeerAbandoned") == []
            begin = time.monotonic()
            with _out_of_service(cluster.kubectl, node):
                until(
                    lambda: cluster.restart_counts.get(lost, before[lost]) != before[lost], LOST_S
                )
                cluster.wait_ready(LOST_S)
                _record(record_property, "from the taint to three peers that agree", begin)
                assert cluster.pods[lost].node not in ("", node)
        _wait_for_node(cluster, node)
        cluster.delete()


class _Drain:
    """A kubectl that drains a node, with patience; ended when the block is left."""

    def __init__(self, kubectl: Kubectl, node: str, folder: Path) -> None:
        self._said = folder / node
        command = kubectl.command("drain", node, *_DRAIN, f"--timeout={LOST_S:g}s")
        with self._said.open("wb") as file:
            self._process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)

    def __enter__(self) -> _Drain:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def waits_for_budget(self) -> bool:
        """Whether it was told that one more peer may not be away."""
        return any(
            PODS[0].rpartition("-")[0] in line and "disruption budget" in line
            for line in self._said.read_text().splitlines()
        )

    def wait(self) -> None:
        """Wait until the node is drained."""
        until(lambda: self._process.poll() is not None, LOST_S)
        assert self._process.returncode == 0, self._said.read_text()


@contextmanager
def _cordoned(kubectl: Kubectl, nodes: Sequence[str]) -> Iterator[None]:
    """Let nodes take no new pods."""
    kubectl("cordon", *nodes)
    try:
        yield
    finally:
        kubectl("uncordon", *nodes)


@contextmanager
def _out_of_service(kubectl: Kubectl, node: str) -> Iterator[None]:
    """Say that a node is off for good, in the words of our status."""
    taint = "node.kubernetes.io/out-of-service"
    kubectl("taint", "node", node, f"{taint}=nodeshutdown:NoExecute")
    try:
        yield
    finally:
        kubectl("taint", "node", node, f"{taint}-")


def _pod_of_other_node(cluster: EkcCluster, node: str) -> str:
    """A peer's pod that is not on this node."""
    return next(name for name, pod in sorted(cluster.pods.items()) if pod.node != node)


def _degraded(cluster: EkcCluster) -> str:
    """What the status says of peers that are not ready; empty if all are."""
    found = cluster.condition("Degraded")
    return str(found["message"]) if found.get("status") == "True" else ""


def _sees(cluster: EkcCluster, pod: str, other: str) -> bool:
    """Whether a pod's peer calls another one available; true, too, while it says nothing."""
    numbers = _numbers(cluster)
    views = cluster.peers(pod).get("peers", [])
    return not any(each["name"] == numbers[other] and not each["available"] for each in views)


def _numbers(cluster: EkcCluster) -> dict[str, str]:
    """The name of the peer in each pod."""
    data = cluster.kubectl.get("configmap", f"{cluster.name}-config")["data"]
    found: dict[str, str] = json.loads(data["peers.json"])["names"]
    return found


def _holds(plan: Plan, node: str, address: str) -> bool:
    """Whether a peer has the lease of `HeldLease`, asked on its own node."""
    answer = answer_of(plan, node, address, ("GET", "/eureka/apps/HELD/held", None))
    return answer.status == http.client.OK


def _ended(plan: Plan, node: str, address: str) -> bool:
    """Whether nobody answers at an address any more."""
    try:
        answer_of(plan, node, address, ("GET", "/eureka/apps/HELD/held", None))
    except (OSError, http.client.HTTPException):
        return True
    return False


def _are_listed(plan: Plan, cluster: EkcCluster) -> bool:
    """Whether each peer lists all three as instances of its own application."""
    request = ("GET", "/eureka/apps/EUREKA", None)
    addresses = [pod.address for pod in cluster.pods.values()]
    answers = [answer_of(plan, CONTROL, address, request) for address in addresses]
    return all(each.status == http.client.OK for each in answers) and all(
        len(json.loads(each.body)["application"]["instance"]) == len(PODS) for each in answers
    )


def _is_overdue(cluster: EkcCluster, pod: str) -> bool:
    """Whether a pod is still there when one without a volume would have been removed."""
    ends = cluster.kubectl.get("pod", pod)["metadata"].get("deletionTimestamp")
    return ends is not None and datetime.now(UTC) - datetime.fromisoformat(ends) > FORCED


def _wait_for_node(cluster: EkcCluster, node: str) -> None:
    words = ("wait", "--for=condition=Ready", f"node/{node}", "--timeout=150s")
    until(lambda: cluster.kubectl.run_unchecked(*words).returncode == 0, PATIENCE_S)


def _record(record_property: Record, what: str, begin: float) -> None:
    record_property(what, f"{time.monotonic() - begin:.1f} s")
