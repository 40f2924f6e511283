"""EurekaRegistrations: operators as processes, a real API server, and a registry as a process."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from cluster.plan import Plan
from kube.operator.registered import (
    PATIENCE_S,
    have_peers,
    instances_at,
    registration,
    service,
    slices,
    synced,
)
from kube.operator.replica import Replica
from processes.cluster import Cluster, PeerProcess, check_throughout, until
from support.apiproxy import ApiProxy
from support.kubectl import Kubectl

pytestmark = pytest.mark.usefixtures("crd")

BOTH = {"10.9.0.1": "UP", "10.9.0.2": "UP"}


@pytest.fixture
def peers() -> Iterator[Cluster]:
    """Two peers of a registry."""
    with Cluster(2) as found:
        for each in found.peers:
            each.start()
        for each in found.peers:
            each.ready(2 * PATIENCE_S)
        yield found


@pytest.fixture
def peer(peers: Cluster) -> PeerProcess:
    """The one that is looked at; the operator talks to the other one."""
    return peers.peers[1]


def started(cluster: Plan, kubectl: Kubectl, *flags: str) -> Replica:
    """An operator of the test's namespace."""
    own = f"--namespaces={kubectl.namespace}"
    return Replica(cluster.kubeconfig, kubectl.namespace, own, *flags)


def test_endpoints_of_a_service_are_registered_and_follow_their_readiness(
    cluster: Plan, kubectl: Kubectl, peers: Cluster, peer: PeerProcess
) -> None:
    """From a slice to the registry, and to the object's status and events."""
    have_peers(kubectl, peers.peers)
    kubectl.apply(service())
    kubectl.apply(slices(a1=True, a2=False))
    with started(cluster, kubectl):
        kubectl.apply(registration(service="db"))
        until(lambda: instances_at(peer) == {**BOTH, "10.9.0.2": "OUT_OF_SERVICE"}, PATIENCE_S)
        until(lambda: synced(kubectl)[:2] == ("True", "Synced"), PATIENCE_S)

        begun = time.monotonic()
        kubectl.apply(slices(a1=True, a2=True))
        until(lambda: instances_at(peer) == BOTH)
        print(f"measured: {time.monotonic() - begun:.2f} s from ready to UP")  # noqa: T201
        begun = time.monotonic()
        kubectl.apply(slices(a2=True))
        until(lambda: instances_at(peer) == {"10.9.0.2": "UP"})
        print(f"measured: {time.monotonic() - begun:.2f} s from gone to removed")  # noqa: T201

        until(lambda: kubectl.get("ekr", "db")["status"]["instances"] == 1, PATIENCE_S)
        found = kubectl.get("ekr", "db")["status"]
        assert (found["app"], found["instances"], found["up"]) == ("DB", 1, 1)
        assert "Synced" in kubectl("get", "events", "--field-selector=involvedObject.name=db")
        document = peer.instance("DB", f"{kubectl.namespace}:db:10.9.0.2:5432")
        assert document is not None
        assert document["metadata"]["zone"] == "zone-1"
        assert document["metadata"]["registration"] == "db"


def test_fixed_endpoints_are_registered_until_the_object_is_deleted(
    cluster: Plan, kubectl: Kubectl, peers: Cluster, peer: PeerProcess
) -> None:
    """No finalizer holds the object: it is gone at once, its leases soon."""
    have_peers(kubectl, peers.peers)
    endpoints = [{"id": "a", "host": "vm.example.com", "port": 8080}]
    with started(cluster, kubectl):
        kubectl.apply(registration("vm", endpoints=endpoints))
        until(lambda: instances_at(peer, "VM") == {"vm.example.com": "UP"}, PATIENCE_S)
        kubectl.apply(registration("vm", endpoints=[*endpoints, {**endpoints[0], "id": "b"}]))
        until(lambda: len(peer.ids("VM")) == 2)

        kubectl("delete", "ekr", "vm")

        until(lambda: peer.ids("VM") == set())


def test_what_was_deleted_while_no_operator_ran_is_removed_by_the_next(
    cluster: Plan, kubectl: Kubectl, peers: Cluster, peer: PeerProcess
) -> None:
    """By the marks in its metadata; others' instances stay, and what is wanted is only renewed."""
    have_peers(kubectl, peers.peers)
    endpoint = {"id": "a", "host": "10.1.1.1", "port": 80}
    peer.register("FOREIGN", "f1", leaseInfo={"renewalIntervalInSecs": 30, "durationInSecs": 90})
    with started(cluster, kubectl):
        for name in ("kept", "gone"):
            kubectl.apply(registration(name, endpoints=[endpoint]))
            until(partial(is_synced, kubectl, name), PATIENCE_S)
    before = peer.instance("KEPT", f"{kubectl.namespace}:kept:a")
    kubectl("delete", "ekr", "gone")

    with started(cluster, kubectl):
        until(lambda: peer.ids("GONE") == set(), PATIENCE_S)

        after = peer.instance("KEPT", f"{kubectl.namespace}:kept:a")
        assert before is not None
        assert after is not None
        assert after["lastDirtyTimestamp"] == before["lastDirtyTimestamp"]
        assert peer.ids("FOREIGN") == {"f1"}


def test_change_of_leaders_loses_no_lease_and_registers_nothing_again(
    cluster: Plan, kubectl: Kubectl, peers: Cluster, peer: PeerProcess
) -> None:
    """The next leader renews what the first one has registered."""
    have_peers(kubectl, peers.peers)
    kubectl.apply(service())
    kubectl.apply(slices(a1=True, a2=True))
    lease = {"renewalIntervalSeconds": 10, "durationSeconds": 60}
    kubectl.apply(registration(service="db", lease=lease))
    short = ("--lease-duration=6", "--renew-deadline=4", "--retry-period=0.5")
    with started(cluster, kubectl, *short) as leader:
        until(lambda: instances_at(peer) == BOTH, PATIENCE_S)
        name = f"{kubectl.namespace}:db:10.9.0.1:5432"
        before = peer.instance("DB", name)
        with started(cluster, kubectl, *short) as standby:
            until(lambda: standby.answer("/readyz")[0] == 200)
            leader.send(signal.SIGKILL)
            standby.wait_for_text("leading")
            renewed = 'registration_requests_total{operation="renew",result="done"}'
            until(lambda: renewed in standby.answer("/metrics")[1], PATIENCE_S)

            check_throughout(lambda: instances_at(peer) == BOTH, 2)
            after = peer.instance("DB", name)
            assert before is not None
            assert after is not None
            assert after["lastDirtyTimestamp"] == before["lastDirtyTimestamp"]
            assert 'operation="register"' not in standby.answer("/metrics")[1]
            kubectl.apply(slices(a1=True))
            until(lambda: instances_at(peer) == {"10.9.0.1": "UP"}, PATIENCE_S)


@pytest.mark.parametrize("answer", [200, 403], ids=["empty lists", "refused"])
def test_lists_that_are_empty_or_fail_remove_nothing(
    cluster: Plan, kubectl: Kubectl, peers: Cluster, peer: PeerProcess, tmp_path: Path, answer: int
) -> None:
    """A second look by names finds what a list had lost; when all is well again, all goes on."""
    have_peers(kubectl, peers.peers)
    kubectl.apply(service())
    kubectl.apply(slices(a1=True, a2=True))
    kubectl.apply(registration(service="db"))
    with (
        ApiProxy(cluster.kubeconfig) as proxy,
        Replica(proxy.kubeconfig(tmp_path), kubectl.namespace, f"--namespaces={kubectl.namespace}"),
    ):
        until(lambda: instances_at(peer) == BOTH, PATIENCE_S)
        for kind in ("/endpointslices", "/services", "/eurekaregistrations"):
            proxy.spoil = partial(_spoil, kind, answer)
            proxy.cut()
            until(partial(is_spoilt, proxy, kind), PATIENCE_S)

            check_throughout(lambda: instances_at(peer) == BOTH, 3)

        proxy.spoil = lambda _method, _path: 0
        proxy.cut()
        kubectl.apply(slices(a1=True))
        until(lambda: instances_at(peer) == {"10.9.0.1": "UP"}, PATIENCE_S)


def _spoil(kind: str, answer: int, method: str, path: str) -> int:
    return answer if method == "GET" and path.endswith(kind) else 0


def is_spoilt(proxy: ApiProxy, kind: str) -> bool:
    """Whether a list of this kind was asked for and spoilt."""
    return any(kind in each for each in proxy.spoilt)


def is_synced(kubectl: Kubectl, name: str) -> bool:
    """Whether the registry holds what an object wants, by its own word."""
    return synced(kubectl, name)[0] == "True"


def test_another_namespace_is_not_let_in(
    cluster: Plan, kubectl: Kubectl, peers: Cluster, peer: PeerProcess, api: Kubectl
) -> None:
    """A tenant must not write into the registry of another, unless its EurekaCluster says so."""
    have_peers(kubectl, peers.peers)
    reference = {"name": "eureka", "namespace": kubectl.namespace}
    endpoint = {"id": "a", "host": "10.1.1.1", "port": 80}
    text = registration("intruder", clusterRef=reference, endpoints=[endpoint])
    with api.in_a_namespace("other") as other, Replica(cluster.kubeconfig, kubectl.namespace):
        other.apply(text)
        until(lambda: synced(other, "intruder")[1] == "NotAllowed", PATIENCE_S)
        assert peer.ids() == set()

        selector = {"matchLabels": {"kubernetes.io/metadata.name": other.namespace}}
        patch = json.dumps({"spec": {"injection": {"namespaceSelector": selector}}})
        kubectl("patch", "ekc", "eureka", "--type=merge", f"--patch={patch}")
        until(lambda: instances_at(peer, "INTRUDER") == {"10.1.1.1": "UP"}, PATIENCE_S)

        kubectl("patch", "ekc", "eureka", "--type=json", "--patch", _NO_INJECTION)
        until(lambda: peer.ids() == set(), PATIENCE_S)


_NO_INJECTION = '[{"op": "remove", "path": "/spec/injection"}]'
