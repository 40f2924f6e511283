"""What the operator asks of the API server: nothing in vain, and all that it may."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

import pytest

from cluster.audit import Permission, granted
from cluster.faults import Faults
from cluster.plan import Plan
from e2e.clusters import Target
from e2e.injection.orders import Holdings, cluster_uid, listed, registered, unscheduled
from e2e.operator.audited import LEASES, SETTLING_S, Requests
from e2e.operator.changes import delete_service, is_there, restart
from e2e.operator.ekc import LABEL, PATIENCE_S, EkcCluster
from e2e.operator.installed import Operator
from processes.cluster import until
from support.kubectl import Kubectl

Recorded = Callable[[str, object], None]

MINUTE_S: Final = 65.0
"""A resync, which is there every minute, is within it."""
NEVER_ASKED_FOR: Final = {
    Permission("eurekube.io", "eurekaclusters/finalizers", "update"),
    Permission("", "nodes", "get"),
}
"""The first is asked for by the API server's admission, where OwnerReferencesPermissionEnforcement
is on; the second when an instance's node has been lost for minutes (`e2e/injection/test_truth.py`).
"""
MONITORING: Final = "monitoring.coreos.com"


def test_quiet_minute(
    plan: Plan, operator: Operator, shared: EkcCluster, record_property: Recorded
) -> None:
    """Nothing is written but the Lease, and that every two seconds."""
    requests = Requests(plan, operator.namespace, operator.account)
    minute = until(lambda: requests.since_last_write(MINUTE_S), SETTLING_S)

    renewals = [each for each in minute if each.writes]
    reads = [each for each in minute if each.resource != LEASES]
    assert {each.verb for each in renewals} == {"update"}
    assert {each.verb for each in reads} <= {"get", "list", "watch"}
    until(lambda: shared.is_so("Ready"), PATIENCE_S)
    record_property(f"writes in {MINUTE_S:g} quiet seconds", f"{len(renewals)} of the Lease")
    record_property(f"reads in {MINUTE_S:g} quiet seconds", len(reads))


@pytest.mark.long
def test_permissions_are_those_that_are_used(
    target: Target,
    plan: Plan,
    operator: Operator,
    faults: Faults,
    kubectl: Kubectl,
    monitors: bool,  # noqa: FBT001 - a fixture
) -> None:
    """Neither is one missing, nor is one granted that no situation takes."""
    requests = Requests(plan, operator.namespace, operator.account)
    restart(operator)
    operator.kubectl("delete", "lease", operator.lease)
    one, two = EkcCluster(kubectl), EkcCluster(kubectl, "other")

    _meet_objects_of_others(one, two, monitors=monitors)
    _lose_the_same_child_twice(one)
    _have_children_that_are_not_wanted(one)
    _register_a_service_and_lose_an_endpoint(one)
    _lose_a_pod(target, plan, one)
    _want_less(one)
    _lose_a_node(two, faults)
    _lose_certificates(operator)
    _lose_the_certificate_of_peers(two)

    given = _granted(operator)
    if not monitors:
        given = {each for each in given if each.group != MONITORING}
    with suppress(AssertionError):  # what is missing says more than that it took too long
        until(lambda: given - requests.permissions == NEVER_ASKED_FOR, PATIENCE_S)
    assert given - requests.permissions == NEVER_ASKED_FOR
    assert requests.permissions - given == set()
    ours = (kubectl.namespace, operator.namespace)  # others may be about to end
    refused = [each for each in requests.all if each.code == 403 and each.namespace in ours]
    assert refused == []


def _meet_objects_of_others(one: EkcCluster, two: EkcCluster, *, monitors: bool) -> None:
    """Have each kind of child with its name taken: it is looked at. Then have all well."""
    labels = {"matchLabels": {"app": "of-others"}}
    pod = {"metadata": {"labels": labels["matchLabels"]}, "spec": {"containers": [_CONTAINER]}}
    others = [
        _object("v1", "ConfigMap", "eureka-config"),
        _object("v1", "ServiceAccount", "eureka"),
        _object("v1", "Service", "peer1", {"ports": [{"port": 80}]}),
        _object("apps/v1", "StatefulSet", "other-peer", {"selector": labels, "template": pod}),
        _object("policy/v1", "PodDisruptionBudget", "other", {"selector": labels}),
        _object("networking.k8s.io/v1", "NetworkPolicy", "other", {"podSelector": labels}),
    ]
    if monitors:
        spec = {"selector": labels, "endpoints": []}
        others.append(_object(f"{MONITORING}/v1", "ServiceMonitor", "other", spec))
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": others})
    one.kubectl.apply(text)
    wanted: dict[str, object] = {"replicas": 2, "monitoring": {"serviceMonitor": monitors}}
    one.apply(wanted)
    two.apply({**wanted, "peers": {"dnsPrefix": "other-peer"}, "tls": {}})
    until(lambda: all(map(_lacks_a_name, (one, two))), PATIENCE_S)

    one.kubectl("delete", "-f", "-", given=text)
    for each in (one, two):
        each.wait_ready()


def _lacks_a_name(cluster: EkcCluster) -> bool:
    return cluster.is_so("Reconciled", "False", "NameTaken")


def _lose_the_same_child_twice(cluster: EkcCluster) -> None:
    """The second time there is an event with the same words: its count goes up."""
    for _ in range(2):
        delete_service(cluster, "peer1")
        until(lambda: is_there(cluster, "peer1"), PATIENCE_S)


def _have_children_that_are_not_wanted(cluster: EkcCluster) -> None:
    """What names the object as its owner and is none of its children is removed."""
    metadata = cluster.document["metadata"]
    owner = {
        "apiVersion": "eurekube.io/v1alpha1",
        "kind": "EurekaCluster",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
    }
    labels = {LABEL: cluster.name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [_CONTAINER]}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod}
    leftover = [
        _object("v1", "ConfigMap", "leftover"),
        _object("v1", "ServiceAccount", "leftover"),
        _object("apps/v1", "StatefulSet", "leftover", spec),
    ]
    for each in leftover:
        each["metadata"] |= {"labels": labels, "ownerReferences": [owner]}
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": leftover})
    cluster.kubectl.apply(text)
    left_over = f"--selector={LABEL}={cluster.name}"
    listed = ("get", "configmaps,serviceaccounts,statefulsets", left_over, "-o", "name")
    until(lambda: "/leftover" not in cluster.kubectl(*listed), PATIENCE_S)


def _register_a_service_and_lose_an_endpoint(cluster: EkcCluster) -> None:
    """Before its lease is removed, registration, Service and slice are looked at by their names."""
    kubectl, port = cluster.kubectl, {"name": "sql", "port": 5432}
    kubectl.apply(json.dumps(_object("v1", "Service", "db", {"ports": [port]})))
    reference = {"clusterRef": {"name": cluster.name}}
    registration = _object("eurekube.io/v1alpha1", "EurekaRegistration", "db")
    registration["spec"] = {**reference, "service": "db"}
    for addresses in (["192.0.2.1", "192.0.2.2"], ["192.0.2.2"]):
        slice_ = _object("discovery.k8s.io/v1", "EndpointSlice", "db-1")
        slice_["metadata"]["labels"] = {"kubernetes.io/service-name": "db"}
        endpoints = [{"addresses": [each], "conditions": {"ready": True}} for each in addresses]
        slice_ |= {"addressType": "IPv4", "ports": [port], "endpoints": endpoints}
        kubectl.apply(json.dumps(slice_))
        kubectl.apply(json.dumps(registration))
        count = len(addresses)
        until(lambda count=count: _instances(kubectl) == count, PATIENCE_S)  # type: ignore[misc]
    kubectl("delete", "eurekaregistration", "db")


def _instances(kubectl: Kubectl) -> int:
    """How many are registered for it."""
    status = kubectl.get("eurekaregistration", "db").get("status", {})
    return int(status.get("instances", 0))


def _lose_a_pod(target: Target, plan: Plan, cluster: EkcCluster) -> None:
    """It is asked for by its name before its lease is removed.

    One pod stays: while none is listed, no lease is removed.
    """
    namespace, holdings = cluster.kubectl.namespace, Holdings.of(plan, cluster)
    cluster.kubectl.apply(listed(unscheduled(target, "stays")))
    with registered(holdings, namespace, {"gone": cluster_uid(target)}):
        until(lambda: cluster.events("LeaseRemoved"), PATIENCE_S)
    cluster.kubectl("delete", "pod", "stays")


def _want_less(cluster: EkcCluster) -> None:
    """Fewer peers, and neither a NetworkPolicy nor a ServiceMonitor."""
    off = {"networkPolicy": {"enabled": False}, "monitoring": {"serviceMonitor": False}}
    cluster.change({"replicas": 1, **off})
    cluster.wait_ready()


def _lose_a_node(cluster: EkcCluster, faults: Faults) -> None:
    """A pod that should be gone for half a minute is removed without its kubelet."""
    name, pod = next(iter(cluster.pods.items()))
    with faults.stopped(f"{pod.node}/kubelet"):
        cluster.kubectl("delete", "pod", name, "--grace-period=1", "--wait=false")
        until(lambda: cluster.events("PeerAbandoned"), PATIENCE_S)
    cluster.wait_ready()


def _lose_certificates(operator: Operator) -> None:
    """The Secret is made again, its leaf too, and the new CA is published."""
    secret = f"{operator.deployment.removesuffix('-operator')}-injector-tls"

    def leaf() -> str:
        found = operator.kubectl.run_unchecked(
            "get", "secret", secret, "-o", r"jsonpath={.data.tls\.crt}"
        )
        return found.stdout if found.returncode == 0 else ""

    operator.kubectl("delete", "secret", secret)
    until(leaf, PATIENCE_S)
    lost = json.dumps([{"op": "remove", "path": "/data/tls.crt"}])
    operator.kubectl("patch", "secret", secret, "--type=json", f"--patch={lost}")
    until(leaf, PATIENCE_S)


def _lose_the_certificate_of_peers(two: EkcCluster) -> None:
    """It is made anew in the Secret that is there."""

    def leaf() -> str:
        return str(two.kubectl.get("secret", "other-tls")["data"].get("tls.crt", ""))

    lost = json.dumps([{"op": "remove", "path": "/data/tls.crt"}])
    two.kubectl("patch", "secret", "other-tls", "--type=json", f"--patch={lost}")
    until(leaf, PATIENCE_S)


def _granted(operator: Operator) -> set[Permission]:
    """What the chart's roles grant."""
    kubectl, name = operator.kubectl, operator.deployment
    injector = f"{name.removesuffix('-operator')}-injector"
    roles = (
        ("clusterrole", name),
        ("role", f"{name}-leader-election"),
        ("clusterrole", f"{injector}-webhook"),
        ("role", f"{injector}-certificates"),
    )
    rules: Iterable[Mapping[str, Any]] = [
        rule for role in roles for rule in kubectl.get(*role)["rules"]
    ]
    return granted(rules)


def _object(version: str, kind: str, name: str, spec: object = None) -> dict[str, Any]:
    found: dict[str, Any] = {"apiVersion": version, "kind": kind, "metadata": {"name": name}}
    return found if spec is None else {**found, "spec": spec}


_CONTAINER: Final = {"name": "nothing", "image": "nothing.example/nothing"}
