"""Two replicas of the operator, of which one acts: the other takes over, and never do both write.

All the while people edit a child, so there is always something to write.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

import pytest

from cluster.faults import Faults
from cluster.plan import Plan
from e2e.operator.audited import Requests, takeover_time, takes, unauthorized
from e2e.operator.changes import choose_interval, has_interval, wait_available
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.installed import Operator
from processes.cluster import until

Recorded = Callable[[str, object], None]

LEASE_S: Final = 15.0
"""For so long a standby waits for a leader that says nothing more."""
_PAUSE_S: Final = 0.3


@pytest.fixture
def requests(operator: Operator, plan: Plan) -> Requests:
    """What the operator asks for from now on."""
    return Requests(plan, operator.namespace, operator.account)


def test_leader_that_is_stopped_hands_over_at_once(
    operator: Operator, shared: EkcCluster, requests: Requests, record_property: Recorded
) -> None:
    """It releases the Lease when it is told to stop, so nobody waits until that expires."""
    before, old = shared.restart_counts, until(lambda: operator.leader, PATIENCE_S)
    with _edited(shared):
        begin = datetime.now(UTC)
        operator.kubectl("delete", "pod", old, "--wait=false")
        choose_interval(shared, 31)
        at = until(lambda: takeover_time(requests.all, old), PATIENCE_S)
        record_property("hand-over after SIGTERM", _seconds(begin, at))
        assert (at - _last_held(requests, old)).total_seconds() < LEASE_S
        until(lambda: has_interval(shared, 31), PATIENCE_S)

    _check_health(operator, shared)
    assert shared.restart_counts == before
    assert unauthorized(requests.all) == []


def test_leader_that_dies_is_replaced_when_its_lease_expires(
    operator: Operator,
    shared: EkcCluster,
    requests: Requests,
    faults: Faults,
    record_property: Recorded,
) -> None:
    """What people change until then is caught up.

    The container that takes the place of the dead one waits, too: it is not its predecessor.
    """
    before, old = shared.restart_counts, until(lambda: _holder(operator), PATIENCE_S)
    with _edited(shared):
        begin = datetime.now(UTC)
        faults.kill_in_pod(operator.namespace, operator.leader)
        choose_interval(shared, 32)
        until(lambda: _holder(operator) not in ("", old), PATIENCE_S)
        record_property("hand-over after SIGKILL", _seconds(begin, _acquired(operator)))
        until(lambda: has_interval(shared, 32), PATIENCE_S)

    _check_health(operator, shared)
    assert shared.restart_counts == before
    assert unauthorized(requests.all) == []


def test_leader_that_stood_still_writes_nothing_when_it_goes_on(
    operator: Operator, shared: EkcCluster, requests: Requests, faults: Faults
) -> None:
    """Another one leads by then, and what it was at is out of date: it ends, and starts anew."""
    before, old = shared.restart_counts, until(lambda: operator.leader, PATIENCE_S)
    restarts = _restarts(operator, old)
    with _edited(shared):
        with faults.stopped_in_pod(operator.namespace, old):
            choose_interval(shared, 33)
            at = until(lambda: takeover_time(requests.all, old), PATIENCE_S)
            until(lambda: has_interval(shared, 33), PATIENCE_S)
        until(lambda: _restarts(operator, old) > restarts, PATIENCE_S)

    _check_health(operator, shared)
    assert shared.restart_counts == before
    assert [each for each in requests.writes if each.pod == old and each.at > at] == []
    assert unauthorized(requests.all) == []


@contextmanager
def _edited(cluster: EkcCluster) -> Iterator[None]:
    """Have somebody edit a child over and over."""
    done = threading.Event()
    words = ("label", "service", "peer3", "--overwrite", "app.kubernetes.io/part-of=elsewhere")

    def edit() -> None:
        while not done.wait(_PAUSE_S):
            cluster.kubectl.run_unchecked(*words)

    thread = threading.Thread(target=edit, name="editor")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _check_health(operator: Operator, cluster: EkcCluster) -> None:
    """Wait until nothing is under way, and all replicas are ready for the next test."""
    cluster.wait_ready()
    until(lambda: _part_of(cluster) == "eureka", PATIENCE_S)
    wait_available(operator)


def _part_of(cluster: EkcCluster) -> str:
    labels = cluster.kubectl.get("service", "peer3")["metadata"]["labels"]
    return str(labels["app.kubernetes.io/part-of"])


def _holder(operator: Operator) -> str:
    """The process that has the Lease; a container that was started again is another one."""
    return str(operator.kubectl.get("lease", operator.lease)["spec"].get("holderIdentity") or "")


def _last_held(requests: Requests, pod: str) -> datetime:
    """When a replica last wrote the Lease."""
    return max(each.at for each in requests.all if each.pod == pod and takes(each))


def _acquired(operator: Operator) -> datetime:
    """When the Lease was taken."""
    spec = operator.kubectl.get("lease", operator.lease)["spec"]
    return datetime.fromisoformat(spec["acquireTime"])


def _restarts(operator: Operator, pod: str) -> int:
    status = operator.kubectl.get("pod", pod)["status"]
    return sum(each["restartCount"] for each in status["containerStatuses"])


def _seconds(begin: datetime, end: datetime) -> str:
    return f"{(end - begin).total_seconds():.1f} s"
