"""Who reaches peers, with NetworkPolicies enforced: the table of docs/security.md, row by row.

And what becomes of an EurekaCluster whose operator is kept from the peers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import pytest

from cluster import policies
from cluster.errors import ClusterError
from cluster.images import ROOT
from cluster.plan import CONTROL, Plan
from conformance.realclient import not_run
from e2e.clusters import Target
from e2e.injection import orders
from e2e.injection.registered import has_sidecar
from e2e.operator import reach
from e2e.operator.ekc import PATIENCE_S, EkcCluster, is_agreed
from e2e.operator.installed import Operator
from e2e.operator.rollouts import ROLLED_S, UPDATES, template_change, wait_rolling
from processes.cluster import check_throughout, until
from support.kubectl import Kubectl
from support.ownclusters import show_progress

REGISTRY: Final = 8761
MANAGEMENT: Final = 8763
DEFAULT: Final = (0, 2)
LIMITED: Final = (1, 3)
"""Columns of the table: the two ports, with nothing said and with `clients` and `metricsFrom`."""
POD: Final = "caller"
PEERS: Final = ("eureka-peer-1", "eureka-peer-2")
_NAMESPACE: Final = "kubernetes.io/metadata.name"
_SKIP: Final = "eurekube.io/skip-convergence"
FOREIGN: Final = "only-the-registry"
UNREACHABLE: Final = "Unreachable"
WAITS_S: Final = 10.0
"""Several passes of the operator; with nothing to wait for it would have begun in the first."""

Record = Callable[[str, object], None]
Rows = Mapping[str, tuple[str, ...]]
"""For the names of rows, cells."""
Look = Callable[[], Rows]
"""What each row reaches now: of each port, `yes` or `no`."""


@dataclass(frozen=True)
class Namespaces:
    """One that `clients` will name, one that `metricsFrom` will, and one that nothing names."""

    clients: Kubectl
    monitoring: Kubectl
    other: Kubectl

    @property
    def all(self) -> tuple[Kubectl, ...]:
        """All of them; each has a pod `POD`."""
        return (self.clients, self.monitoring, self.other)


class UnreachablePeers:
    """What the operator says of peers that it does not hear."""

    def __init__(self, cluster: EkcCluster) -> None:
        self._cluster = cluster
        self.after_s = 0.0
        """Since the policy was there until it was said first."""
        self.reasons: set[str] = set()
        """Of `PeersConverged`, whenever somebody looked."""

    @property
    def is_said(self) -> bool:
        """Whether the operator says that they are unreachable."""
        self.reasons.add(self._cluster.condition("PeersConverged").get("reason", ""))
        return self._cluster.is_so("PeersConverged", "Unknown", UNREACHABLE)


@pytest.fixture(scope="module", autouse=True)
def enforced(plan: Plan, pytestconfig: pytest.Config) -> Iterator[None]:
    """NetworkPolicies have effect in the whole cluster."""
    with show_progress(pytestconfig):
        try:
            policies.provide(plan)
        except ClusterError as error:
            not_run("e2e of NetworkPolicies", f"nothing enforces them here: {error}")
    with policies.enforced(plan):
        yield


@pytest.fixture(scope="module")
def pair(target: Target, operator: Operator) -> Iterator[EkcCluster]:  # noqa: ARG001 - it works there
    """Two peers on two nodes; each test goes on with what the one before has left."""
    with target.kubectl.in_a_namespace("pair") as kubectl:
        cluster = EkcCluster(kubectl)
        topology = {"antiAffinity": "Required"}
        cluster.start({"replicas": 2, "topology": topology, "updates": UPDATES})
        yield cluster


@pytest.fixture(scope="module")
def around(target: Target) -> Iterator[Namespaces]:
    """Namespaces with a pod each."""
    with ExitStack() as left:
        found = [
            left.enter_context(target.kubectl.in_a_namespace(each))
            for each in ("clients", "monitoring", "other")
        ]
        for kubectl in found:
            kubectl.apply(json.dumps(_plain(target, POD)))
        for kubectl in found:
            kubectl("wait", "--for=condition=Ready", f"pod/{POD}", "--timeout=150s")
        yield Namespaces(*found)


@pytest.fixture(scope="module")
def look(plan: Plan, operator: Operator, pair: EkcCluster, around: Namespaces) -> Look:
    """Each row of the table, tried where it is."""
    pods = [pair.pods[name] for name in PEERS]
    peers = [pod.address for pod in pods]
    node = reach.place(plan, pods[0].node)
    rows = {
        "its own node": (node, peers[:1]),
        "other peers": (reach.pod(pair.kubectl, PEERS[0]), peers[1:]),
        "operator": (
            reach.pod(operator.kubectl, until(lambda: operator.leader, PATIENCE_S)),
            peers,
        ),
        "`clients`": (reach.pod(around.clients, POD), peers),
        "`metricsFrom`": (reach.pod(around.monitoring, POD), peers),
        "other pods": (reach.pod(around.other, POD), peers),
        "other nodes": (node, peers[1:]),
        "API server": (reach.place(plan, CONTROL), peers),
    }
    ports = (REGISTRY, MANAGEMENT)
    return lambda: {row: reach.reached(*each, ports) for row, each in rows.items()}


def test_by_default_everybody_reaches_the_registry_and_the_operator_alone_the_rest(
    pair: EkcCluster, look: Look
) -> None:
    """An EurekaCluster that says nothing of it; it is Ready, so the operator reaches the peers."""
    before = pair.restart_counts

    until(lambda: _as(look(), _columns(DEFAULT)), PATIENCE_S)

    pair.wait_ready()
    assert pair.restart_counts == before  # so the probes passed


def test_with_clients_and_metrics_from_nobody_else_comes_in(
    pair: EkcCluster, around: Namespaces, look: Look
) -> None:
    """No pod is restarted for it."""
    before = pair.restart_counts
    pair.change({"networkPolicy": _limits(around)})

    until(lambda: _as(look(), _columns(LIMITED)), PATIENCE_S)

    pair.wait_ready()
    assert pair.restart_counts == before


def test_pods_of_clients_are_injected_and_registered_and_others_keep_trying(
    target: Target, pair: EkcCluster, around: Namespaces
) -> None:
    """The API server reaches the injector, whose chart has a NetworkPolicy, too."""
    registry = f"{pair.kubectl.namespace}/{pair.name}"
    for kubectl in (around.other, around.clients):
        document = orders.pod(target, "orders")
        document["metadata"]["annotations"] = {"eurekube.io/registry": registry}
        kubectl.apply(json.dumps(document))
    allowed, refused = (each.get("pod", "orders") for each in (around.clients, around.other))
    assert has_sidecar(allowed)
    assert has_sidecar(refused)

    for peer in PEERS:
        until(lambda peer=peer: _up(pair, peer) == {allowed["metadata"]["uid"]}, PATIENCE_S)  # type: ignore[misc] # mypy does not see the default
    until(lambda: "refuses connections" in _sidecar_log(around.other), PATIENCE_S)
    for peer in PEERS:
        assert _up(pair, peer) == {allowed["metadata"]["uid"]}


def test_without_a_network_policy_everybody_comes_in(pair: EkcCluster, look: Look) -> None:
    """The operator removes the one it has made."""
    pair.change({"networkPolicy": {"enabled": False}})

    rows = dict.fromkeys(_columns(DEFAULT), ("yes", "yes"))
    until(lambda: _as(look(), rows), PATIENCE_S)


@pytest.fixture(scope="module")
def unreachable_peers(pair: EkcCluster) -> Iterator[UnreachablePeers]:
    """The operator reaches the registry of the peers, but not their management port."""
    kubectl = pair.kubectl
    pair.change({"networkPolicy": {"enabled": False}})
    pair.wait_ready()
    begin = time.monotonic()
    kubectl.apply(json.dumps(_only_the_registry(kubectl.namespace)))
    try:
        found = UnreachablePeers(pair)
        until(lambda: found.is_said, PATIENCE_S)
        found.after_s = time.monotonic() - begin
        yield found
    finally:
        kubectl("delete", "networkpolicy", FOREIGN, "--ignore-not-found")


def test_operator_that_is_shut_out_says_why(
    pair: EkcCluster,
    operator: Operator,
    unreachable_peers: UnreachablePeers,
    record_property: Record,
) -> None:
    """Nothing is known of the peers, which is not the same as that they differ."""
    _record(
        record_property,
        "from a policy that shuts the operator out to Unreachable",
        unreachable_peers.after_s,
    )
    said = pair.condition("PeersConverged")["message"]
    for word in ("NetworkPolicy", f"namespace {operator.namespace}", str(MANAGEMENT), _SKIP):
        assert word in said
    until(lambda: pair.is_so("Ready", "Unknown", UNREACHABLE), PATIENCE_S)
    until(lambda: pair.is_so("Available"), PATIENCE_S)


def test_operator_that_is_shut_out_goes_on_creating_scaling_and_healing(
    pair: EkcCluster, unreachable_peers: UnreachablePeers
) -> None:
    """Whatever needs no agreement; the peers say themselves that they agree."""
    kubectl = pair.kubectl
    second = EkcCluster(kubectl, "second")
    second.apply({"replicas": 1, "networkPolicy": {"enabled": False}})
    until(lambda: unreachable_peers.is_said and second.is_so("Available"), PATIENCE_S)
    second.delete()

    kubectl("scale", f"eurekacluster/{pair.name}", "--replicas=3")
    until(lambda: unreachable_peers.is_said and _all_agree(pair, 3), PATIENCE_S)

    old = pair.pods[PEERS[1]].uid
    kubectl("delete", "pod", PEERS[1], "--timeout=150s")
    until(lambda: PEERS[1] in pair.pods and pair.pods[PEERS[1]].uid != old, PATIENCE_S)
    until(lambda: unreachable_peers.is_said and _all_agree(pair, 3), PATIENCE_S)
    assert "PeersDiffer" not in unreachable_peers.reasons


def test_who_knows_better_skips_convergence(
    pair: EkcCluster, unreachable_peers: UnreachablePeers
) -> None:
    """By the annotation that the message names; without it the object waits again."""
    until(lambda: unreachable_peers.is_said, PATIENCE_S)
    pair.kubectl("annotate", f"eurekacluster/{pair.name}", f"{_SKIP}=true")
    pair.wait_ready()

    pair.kubectl("annotate", f"eurekacluster/{pair.name}", f"{_SKIP}-")
    until(lambda: pair.is_so("Ready", "Unknown", UNREACHABLE), PATIENCE_S)


def test_rolling_update_waits_until_the_peers_are_heard(
    pair: EkcCluster, unreachable_peers: UnreachablePeers
) -> None:
    """A peer is replaced while the others agree, and nobody can say so."""
    before = pair.restart_counts
    pair.change(template_change("waits"))

    until(lambda: pair.is_so("Progressing", reason="RollingUpdate"), PATIENCE_S)
    until(lambda: unreachable_peers.is_said, PATIENCE_S)
    check_throughout(lambda: pair.restart_counts == before, WAITS_S)
    assert "currentPeer" not in pair.status.get("rollout", {})


def test_operator_that_is_let_in_again_hears_the_peers(
    pair: EkcCluster, unreachable_peers: UnreachablePeers, record_property: Record
) -> None:
    """Nothing is left to be done by hand: the update that waited reaches every peer."""
    until(lambda: unreachable_peers.is_said, PATIENCE_S)
    before = pair.restart_counts
    begin = time.monotonic()
    pair.kubectl("delete", "networkpolicy", FOREIGN)

    wait_rolling(pair, "peer3")
    what = "from the end of that policy to the update that waited for it"
    _record(record_property, what, time.monotonic() - begin)
    pair.wait_ready(ROLLED_S)
    until(lambda: pair.is_so("PeersConverged"), PATIENCE_S)
    assert all(pair.restart_counts[name] != before[name] for name in before)


def _columns(chosen: Sequence[int]) -> Rows:
    """Columns of the page's table, by the rows' names, which a colon may end."""
    page = (ROOT / "docs" / "security.md").read_text()
    lines = page.partition("## Who reaches what")[2].partition("\n## ")[0].splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("|")
    ]
    return {
        name.partition(":")[0]: tuple(rest[column] for column in chosen)
        for name, *rest in cells[2:]
    }


def _as(found: Rows, wanted: Rows) -> bool:
    """Whether it is so; `OSError` with what is not."""
    if found != wanted:
        rows = found.keys() | wanted.keys()
        seen = {row: found.get(row) for row in rows if found.get(row) != wanted.get(row)}
        raise ConnectionError(f"not as the page says: {seen}")
    return True


def _limits(around: Namespaces) -> dict[str, object]:
    return {"clients": [_selecting(around.clients)], "metricsFrom": [_selecting(around.monitoring)]}


def _selecting(kubectl: Kubectl) -> dict[str, object]:
    return {"namespaceSelector": {"matchLabels": {_NAMESPACE: kubectl.namespace}}}


def _only_the_registry(namespace: str) -> dict[str, object]:
    """What a namespace's owner may write: everybody reaches the registry, nobody another port."""
    spec = {
        "podSelector": {},
        "policyTypes": ["Ingress"],
        "ingress": [{"ports": [{"port": REGISTRY, "protocol": "TCP"}]}],
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": FOREIGN, "namespace": namespace},
        "spec": spec,
    }


def _plain(target: Target, name: str) -> dict[str, Any]:
    document = orders.pod(target, name)
    document["metadata"]["labels"] = {}
    return document


def _all_agree(cluster: EkcCluster, count: int) -> bool:
    """Whether so many peers are ready and say themselves, asked in their pods, that they agree."""
    ready = [name for name, pod in cluster.pods.items() if pod.ready]
    url = f"http://127.0.0.1:{MANAGEMENT}/peers"
    documents = [reach.answer(reach.pod(cluster.kubectl, name), url) for name in ready]
    return len(ready) == count and all(
        sum(map(is_agreed, each["peers"])) == count - 1 for each in documents
    )


def _up(cluster: EkcCluster, peer: str) -> set[str]:
    """The injected pods that a peer has as UP."""
    url = f"http://127.0.0.1:{REGISTRY}/eureka/apps"
    listed = reach.answer(reach.pod(cluster.kubectl, peer), url)["applications"]
    return {
        instance.get("metadata", {}).get("pod-uid", "")
        for application in listed["application"]
        for instance in application["instance"]
        if application["name"] == orders.APP and instance["status"] == "UP"
    }


def _sidecar_log(kubectl: Kubectl) -> str:
    return kubectl("logs", "orders", "-c", orders.SIDECAR)


def _record(record_property: Record, what: str, span_s: float) -> None:
    record_property(what, f"{span_s:.1f} s")
