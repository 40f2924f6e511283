"""Replicas of the operator as processes, on a real API server that is hurt."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import yaml

from cluster import audit
from cluster.faults import Faults
from cluster.plan import Plan
from kube.operator.objects import CHILD, DEAD_API, eureka_cluster, lease
from kube.operator.replica import Replica
from processes.cluster import check_throughout, until
from support.kubectl import Kubectl

SHORT_LEASE = ("--lease-duration=6", "--renew-deadline=4", "--retry-period=0.5")
LONG_LEASE = ("--lease-duration=90", "--renew-deadline=60")
NO_RESYNC = "--resync=3600"
ROLE = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: eureka-operator}
rules:
- {apiGroups: [eurekube.io], resources: [eurekaclusters, eurekaregistrations], verbs: [list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
- {apiGroups: [""], resources: [services, configmaps, serviceaccounts, pods], verbs: [list, watch]}
- {apiGroups: [apps], resources: [statefulsets], verbs: [list, watch]}
- {apiGroups: [policy], resources: [poddisruptionbudgets], verbs: [list, watch]}
- {apiGroups: [networking.k8s.io], resources: [networkpolicies], verbs: [list, watch]}
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, update]}
"""


pytestmark = pytest.mark.usefixtures("crd")


def test_events_of_a_cluster_and_of_what_is_labelled_are_passes_over_it(
    cluster: Plan, kubectl: Kubectl
) -> None:
    """Children and pods of others are not even sent to us."""
    with Replica(cluster.kubeconfig, kubectl.namespace, NO_RESYNC) as replica:
        replica.wait_for_text("watching EurekaClusters in all namespaces")
        kubectl.apply(eureka_cluster("eureka"))
        replica.passed("eureka")
        kubectl.apply(CHILD)
        replica.another_pass("eureka")
        kubectl("annotate", "configmap", "eureka-config", "by=hand")
        replica.another_pass("eureka")
        kubectl("create", "configmap", "foreign")
        kubectl("delete", "configmap", "eureka-config")
        replica.another_pass("eureka")
        kubectl("delete", "ekc", "eureka")
        replica.another_pass("eureka")


def test_watches_write_nothing(cluster: Plan, kubectl: Kubectl) -> None:
    """No finalizer that would hang a namespace, no annotation that Argo CD would prune."""
    begun = datetime.now(UTC)
    kubectl.apply(eureka_cluster("eureka"))
    made = kubectl.get("ekc", "eureka")
    kubectl.apply(CHILD)

    with Replica(cluster.kubeconfig, kubectl.namespace, "--resync=1") as replica:
        replica.passed("eureka", 4)

    assert kubectl.get("ekc", "eureka") == made
    requests = [entry for entry in audit.entries(cluster, begun) if "kopf" in entry.user_agent]
    assert {entry.verb for entry in requests} == {"list", "watch"}


def test_leader_that_is_told_to_stop_hands_over_at_once(cluster: Plan, kubectl: Kubectl) -> None:
    """The other replica does not wait for the Lease to expire, and has nothing but an elector."""
    kubectl.apply(eureka_cluster("eureka"))
    with leader_and_standby(cluster, kubectl) as (leader, standby):
        assert standby.answer("/readyz") == (200, "ok\n")
        assert standby.answer("/livez") == (200, "ok\n")
        assert standby.passes("eureka") == 0

        leader.send(signal.SIGTERM)

        assert leader.ended() == 0
        standby.wait_for_text("leading")
        standby.passed("eureka")
        assert "eureka_operator_leader 1.0" in standby.answer("/metrics")[1]
    assert lease(kubectl)["leaseTransitions"] == 1


def test_leader_that_is_killed_is_replaced_when_its_lease_has_expired(
    cluster: Plan, kubectl: Kubectl
) -> None:
    """Nobody released it."""
    with leader_and_standby(cluster, kubectl, *SHORT_LEASE) as (leader, standby):
        leader.send(signal.SIGKILL)

        standby.wait_for_text("leading")
    assert lease(kubectl)["leaseTransitions"] == 1


def test_leader_that_stood_still_ends_and_writes_nothing_more(
    cluster: Plan, kubectl: Kubectl
) -> None:
    """Two writers are worse than a restart; its own clock tells it that it is late."""
    kubectl.apply(CHILD)
    start = partial(Replica, cluster.kubeconfig, kubectl.namespace, *SHORT_LEASE, SLOW_S="1")
    with start(WRITER="old") as leader:
        leader.passed("eureka")
        with start(WRITER="new") as standby:
            standby.wait_for_text("started")
            begun = len(leader.names())
            kubectl("annotate", "configmap", "eureka-config", "by=hand")
            until(lambda: len(leader.names()) > begun)
            leader.send(signal.SIGSTOP)
            standby.passed("eureka")
            leader.send(signal.SIGCONT)

            assert leader.ended() == 1
            assert "the Lease" in leader.log_text()
    annotations = kubectl.get("configmap", "eureka-config")["metadata"]["annotations"]
    assert annotations["writer"] == "new"
    assert lease(kubectl)["leaseTransitions"] == 1


def test_leader_ends_when_another_has_its_lease(cluster: Plan, kubectl: Kubectl) -> None:
    """However that came about."""
    with Replica(cluster.kubeconfig, kubectl.namespace, *SHORT_LEASE) as replica:
        replica.wait_for_text("watching EurekaClusters")
        patch = '{"spec":{"holderIdentity":"another"}}'
        kubectl("patch", "lease", "eurekube-operator", "--type=merge", f"--patch={patch}")

        assert replica.ended() == 1
        assert "the Lease is held by another" in replica.log_text()


def test_lease_that_is_deleted_is_made_again_by_the_leader(cluster: Plan, kubectl: Kubectl) -> None:
    """Somebody tidied up; nobody else holds it."""
    with Replica(cluster.kubeconfig, kubectl.namespace, *SHORT_LEASE) as replica:
        replica.wait_for_text("watching EurekaClusters")
        kubectl("delete", "lease", "eurekube-operator")

        until(lambda: kubectl.run_unchecked("get", "lease", "eurekube-operator").returncode == 0)
        kubectl.apply(eureka_cluster("eureka"))
        replica.passed("eureka")


def test_pass_under_way_is_finished_before_the_end(cluster: Plan, kubectl: Kubectl) -> None:
    """And none is begun; the Lease is free afterwards, and nobody waits for kopf."""
    for name in ("eureka", "other"):
        kubectl.apply(eureka_cluster(name))
    flags = ("--workers=1", f"--namespaces={kubectl.namespace}")
    with Replica(cluster.kubeconfig, kubectl.namespace, *flags, SLOW_S="2") as replica:
        replica.wait_for_text("begin eureka")

        replica.send(signal.SIGTERM)

        assert replica.ended() == 0
        assert replica.names() == ["eureka"]
        assert replica.passes("eureka") == 1
    assert lease(kubectl)["holderIdentity"] == ""


def test_pass_that_takes_too_long_is_broken_off_at_the_end(cluster: Plan, kubectl: Kubectl) -> None:
    """The kubelet kills after 30 s."""
    kubectl.apply(eureka_cluster("eureka"))
    with Replica(cluster.kubeconfig, kubectl.namespace, SLOW_S="600") as replica:
        replica.wait_for_text("begin eureka")

        replica.send(signal.SIGTERM)

        assert replica.ended() == 0
        assert replica.passes("eureka") == 0
    assert lease(kubectl)["holderIdentity"] == ""


def test_change_is_seen_after_watches_expired(cluster: Plan, kubectl: Kubectl) -> None:
    """410: what happened in between is not told any more, so all is listed again."""
    kubectl.apply(eureka_cluster("eureka"))
    with Replica(cluster.kubeconfig, kubectl.namespace, NO_RESYNC, *LONG_LEASE) as replica:
        replica.passed("eureka")

        Faults(cluster).expire_watches()

        replica.another_pass("eureka")
        kubectl.apply(CHILD)
        replica.another_pass("eureka")
        assert "leading" in replica.log_text()


def test_leader_lives_through_a_short_absence_of_the_api_server(
    cluster: Plan, kubectl: Kubectl
) -> None:
    """Shorter than the Lease: it says what is wrong, and goes on."""
    kubectl.apply(eureka_cluster("eureka"))
    with Replica(cluster.kubeconfig, kubectl.namespace, "--resync=1", *LONG_LEASE) as replica:
        replica.passed("eureka")

        with Faults(cluster).killed("control/kube-apiserver"):
            until(lambda: replica.answer("/readyz")[0] == 503)
            assert "cannot be reached" in replica.answer("/readyz")[1]
            assert replica.answer("/livez")[0] == 200

        replica.another_pass("eureka")
        assert replica.answer("/readyz") == (200, "ok\n")


def test_replica_outlives_any_absence_of_the_api_server(cluster: Plan, kubectl: Kubectl) -> None:
    """One that does not lead has nothing to lose, and asks for as long as it takes."""
    with (
        Faults(cluster).killed("control/kube-apiserver"),
        Replica(cluster.kubeconfig, kubectl.namespace, *SHORT_LEASE) as replica,
    ):
        replica.wait_for_text("cannot be reached")
        check_throughout(lambda: replica.answer("/livez")[0] == 200, 5)
        said = replica.log_text()

    assert said.count("cannot be reached") == 1


def test_cluster_that_is_gone_but_for_a_child_is_looked_at(cluster: Plan, kubectl: Kubectl) -> None:
    """Its deletion may have been missed; and so may the child's label be a lie."""
    kubectl.apply(CHILD)

    with Replica(cluster.kubeconfig, kubectl.namespace) as replica:
        replica.passed("eureka")


def test_cluster_that_fails_is_tried_again_and_stops_no_other(
    cluster: Plan, kubectl: Kubectl
) -> None:
    """With one worker."""
    for name in ("broken", "sound"):
        kubectl.apply(eureka_cluster(name))
    flags = ("--workers=1", f"--namespaces={kubectl.namespace}", NO_RESYNC)
    with Replica(cluster.kubeconfig, kubectl.namespace, *flags, FAULT="broken") as replica:
        replica.passed("sound")
        replica.passed("broken", 3)

        assert "this cluster cannot be" in replica.log_text()
        assert 'reconciles_total{result="refused"}' in replica.answer("/metrics")[1]


def test_dead_aggregated_api_keeps_us_from_nothing(
    cluster: Plan, kubectl: Kubectl, api: Kubectl
) -> None:
    """Discovery of everything would fail."""
    api.apply(DEAD_API)
    try:
        with Replica(cluster.kubeconfig, kubectl.namespace, NO_RESYNC) as replica:
            replica.wait_for_text("watching EurekaClusters")
            kubectl.apply(eureka_cluster("eureka"))
            replica.passed("eureka")
    finally:
        api("delete", "apiservice", "v1.dead.example")


def test_namespaced_replica_needs_nothing_outside_its_namespaces(
    cluster: Plan, kubectl: Kubectl, api: Kubectl, tmp_path: Path
) -> None:
    """A service account's token and a Role are enough, and are all that is used.

    But for one question: which Kubernetes this is, without which no lease of a pod is removed.
    """
    begun = datetime.now(UTC)
    kubeconfig = as_service_account(cluster, kubectl, tmp_path)
    flags = (f"--namespaces={kubectl.namespace}", "--resync=1")
    with (
        Replica(kubeconfig, kubectl.namespace, *flags) as replica,
        api.in_a_namespace("other") as elsewhere,
    ):
        replica.wait_for_text(f"watching EurekaClusters in {kubectl.namespace}")
        elsewhere.apply(eureka_cluster("elsewhere"))
        kubectl.apply(eureka_cluster("eureka"))
        replica.passed("eureka", 4)
        assert set(replica.names()) == {"eureka"}

    user = audit.account(kubectl.namespace, "eureka-operator")
    refused = {
        (each.verb, each.resource, each.name)
        for each in audit.entries(cluster, begun)
        if each.user == user and each.code == 403
    }
    assert refused <= {("get", "namespaces", "kube-system")}


def test_account_that_may_not_list_is_told_so(
    cluster: Plan, kubectl: Kubectl, tmp_path: Path
) -> None:
    """By name, in log and readiness."""
    kubeconfig = as_service_account(cluster, kubectl, tmp_path)

    with Replica(kubeconfig, kubectl.namespace) as replica:
        replica.wait_for_text(
            "EurekaClusters cannot be listed: eurekaclusters.eurekube.io is forbidden"
        )
        assert replica.answer("/readyz")[0] == 503


def test_log_is_a_json_object_a_line_if_wanted(cluster: Plan, kubectl: Kubectl) -> None:
    """For collectors of logs; probes leave no line."""
    with Replica(cluster.kubeconfig, kubectl.namespace, "--log-format=json") as replica:
        replica.wait_for_text("watching EurekaClusters")
        replica.answer("/readyz")
        lines = [json.loads(line) for line in replica.log_text().splitlines()]

    assert {line["level"] for line in lines} == {"INFO"}
    assert not any("readyz" in line["message"] for line in lines)


@contextmanager
def leader_and_standby(
    cluster: Plan, kubectl: Kubectl, *flags: str
) -> Iterator[tuple[Replica, Replica]]:
    """Two replicas, of which the first leads."""
    with Replica(cluster.kubeconfig, kubectl.namespace, *flags) as leader:
        leader.wait_for_text("watching EurekaClusters")
        with Replica(cluster.kubeconfig, kubectl.namespace, *flags) as standby:
            until(lambda: standby.answer("/readyz")[0] == 200)
            yield leader, standby


def as_service_account(cluster: Plan, kubectl: Kubectl, folder: Path) -> Path:
    """A kubeconfig of an account that may do what `ROLE` says in the test's namespace."""
    kubectl.apply(ROLE)
    name = "eureka-operator"
    kubectl("create", "serviceaccount", name)
    account = f"--serviceaccount={kubectl.namespace}:{name}"
    kubectl("create", "rolebinding", name, f"--role={name}", account)
    document = yaml.safe_load(cluster.kubeconfig.read_text())
    document["users"][0]["user"] = {"token": kubectl("create", "token", name).strip()}
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path
