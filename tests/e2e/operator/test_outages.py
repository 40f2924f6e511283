"""What the operator stands on goes away and comes back: no peer restarts, nothing is forgotten.

The registry needs none of it. What people change meanwhile, or in the first moment afterwards, is
in force within a minute.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from cluster.faults import Faults
from cluster.plan import Plan
from e2e.clusters import Target
from e2e.operator.audited import Requests
from e2e.operator.changes import (
    choose_interval,
    delete_service,
    has_interval,
    is_there,
    log,
    restart,
    restarts,
)
from e2e.operator.direct import PermanentLease
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.installed import Operator
from processes.cluster import check_throughout, until
from support.kubectl import Kubectl

Recorded = Callable[[str, object], None]

CAUGHT_UP_S: Final = 240.0
"""60 s, and the rest for a machine that is busy."""
_FORBIDDEN: Final = 403

DEAD_API = {
    "apiVersion": "apiregistration.k8s.io/v1",
    "kind": "APIService",
    "metadata": {"name": "v1.dead.example"},
    "spec": {
        "group": "dead.example",
        "version": "v1",
        "groupPriorityMinimum": 1000,
        "versionPriority": 10,
        "insecureSkipTLSVerify": True,
        "service": {"namespace": "default", "name": "nobody", "port": 443},
    },
}


@pytest.fixture
def lease_at_all_peers(plan: Plan, shared: EkcCluster) -> PermanentLease:
    """An instance that all peers have."""
    held = PermanentLease(plan, [pod.address for pod in shared.pods.values()])
    held.register()
    until(lambda: held.everywhere, PATIENCE_S)
    return held


@pytest.mark.parametrize("outage_s", [30.0, pytest.param(120.0, marks=pytest.mark.long)])
def test_api_server_that_stands_still(
    faults: Faults,
    operator: Operator,
    shared: EkcCluster,
    lease_at_all_peers: PermanentLease,
    record_property: Recorded,
    outage_s: float,
) -> None:
    """Requests hang; the leader gives up and starts anew, and peers answer all the while.

    Longer than it goes on without its Lease (10 s), and than that lasts (15 s).
    """
    before, started = shared.restart_counts, restarts(operator)
    with faults.stopped("control/kube-apiserver"):
        check_throughout(lambda: lease_at_all_peers.everywhere, outage_s)
    until(lambda: operator.kubectl.run_unchecked("get", "pods").returncode == 0, PATIENCE_S)
    until(lambda: restarts(operator) > started, PATIENCE_S)

    what = f"caught up after {outage_s:g} s without the API server"
    _catches_up(shared, int(outage_s), record_property, what)
    assert lease_at_all_peers.everywhere
    assert shared.restart_counts == before


def test_api_server_that_is_started_again_and_has_forgotten_what_was(
    faults: Faults,
    shared: EkcCluster,
    lease_at_all_peers: PermanentLease,
    record_property: Recorded,
) -> None:
    """Watches that go on from what they last saw are answered with 410, and begin anew."""
    before = shared.restart_counts
    faults.expire_watches()

    _catches_up(shared, 42, record_property, "caught up after watches expired")
    assert lease_at_all_peers.everywhere
    assert shared.restart_counts == before


def test_api_of_others_that_is_dead(
    target: Target, operator: Operator, shared: EkcCluster, record_property: Recorded
) -> None:
    """Discovery of all kinds would fail by it; a replica that starts now has to work, too."""
    before = shared.restart_counts
    with _dead_api_group(target.kubectl):
        restart(operator)
        _catches_up(shared, 43, record_property, "caught up beside a dead API of others")

    assert shared.restart_counts == before


def test_permissions_that_are_taken_away_and_given_back(
    plan: Plan,
    target: Target,
    operator: Operator,
    shared: EkcCluster,
    record_property: Recorded,
) -> None:
    """While it runs, and when it starts; it says what it lacks, and has it again by itself."""
    before = shared.restart_counts
    requests = Requests(plan, operator.namespace, operator.account)
    with _without_permissions(target.kubectl, operator.deployment):
        choose_interval(shared, 44)
        delete_service(shared, "peer2")
        until(lambda: any(each.code == _FORBIDDEN for each in requests.all), PATIENCE_S)
        operator.kubectl("delete", "pods", f"--selector={operator.selector}")
        until(lambda: "cannot be listed" in log(operator), PATIENCE_S)
        assert not has_interval(shared, 44)
        assert not is_there(shared, "peer2")

    _is_caught_up(shared, 44, record_property, "caught up after permissions were given back")
    assert shared.restart_counts == before


def _catches_up(cluster: EkcCluster, interval: int, record: Recorded, what: str) -> None:
    """Change the object and delete a child, and wait until both are seen to."""
    choose_interval(cluster, interval)
    delete_service(cluster, "peer2")
    _is_caught_up(cluster, interval, record, what)


def _is_caught_up(cluster: EkcCluster, interval: int, record: Recorded, what: str) -> None:
    begin = time.monotonic()
    until(lambda: has_interval(cluster, interval) and is_there(cluster, "peer2"), CAUGHT_UP_S)
    written_s = time.monotonic() - begin
    cluster.wait_ready(CAUGHT_UP_S)
    record(what, f"{written_s:.1f} s; in force at all peers {time.monotonic() - begin:.1f} s")


@contextmanager
def _dead_api_group(kubectl: Kubectl) -> Iterator[None]:
    """Have the API server forward a group to a Service that is not there."""
    name = f"apiservice/{DEAD_API['metadata']['name']}"  # type: ignore[index]
    kubectl.apply(json.dumps(DEAD_API))
    try:
        kubectl("wait", "--for=condition=Available=False", name, "--timeout=150s")
        yield
    finally:
        kubectl("delete", name)  # or no namespace could be deleted any more


@contextmanager
def _without_permissions(kubectl: Kubectl, name: str) -> Iterator[None]:
    """Bind the operator's ClusterRole to nobody."""
    binding = f"clusterrolebinding/{name}"
    subjects = kubectl.get(binding)["subjects"]
    kubectl("patch", binding, "--type=merge", '--patch={"subjects": []}')
    (account,) = subjects
    user = f"--as=system:serviceaccount:{account['namespace']}:{account['name']}"
    may = ("auth", "can-i", "patch", "services", "--all-namespaces", user)
    try:
        until(lambda: kubectl.run_unchecked(*may).returncode != 0, PATIENCE_S)
        yield
    finally:
        mended = json.dumps({"subjects": subjects})
        kubectl("patch", binding, "--type=merge", f"--patch={mended}")
