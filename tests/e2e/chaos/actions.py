"""Faults of a schedule, done to a cluster: one method for each kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from typing import Final

from cluster.errors import ClusterError
from cluster.faults import Faults
from cluster.plan import CONTROL, Plan
from e2e.chaos.schedule import Fault, Kind
from e2e.operator.changes import choose_interval, has_interval
from e2e.operator.ekc import PATIENCE_S, EkcCluster, Pod
from e2e.operator.installed import Operator
from processes.cluster import until

Mended = Callable[[], bool]
"""Whether what a fault has broken is there again; nobody sees that by peers alone."""
LOST_S: Final = 300.0
"""A node counts as lost after 20 s; its pods may stay for 30 s, have 30 s to end, and 30 s more."""
_ASKED: Final = ("peer1", "peer2")
"""Those that clients look up at: one of them has to be left."""


class NotPossibleError(Exception):
    """A fault would take away more than clients can do without; the sentence says what."""


class Actions:
    """What can be done to an EurekaCluster without zones, and to what it stands on."""

    def __init__(self, plan: Plan, cluster: EkcCluster, operator: Operator) -> None:
        self._faults = Faults(plan)
        self._cluster = cluster
        self._operator = operator
        self._numbers = count(1)
        self.victims: frozenset[str] = frozenset()
        """The pods that the fault under way takes away."""
        self._by_kind: dict[Kind, Callable[[str], AbstractContextManager[Mended]]] = {
            Kind.KILL: self._kill,
            Kind.DELETE: self._delete,
            Kind.STOP: self._stop,
            Kind.HANG: self._hang,
            Kind.APART: self._part,
            Kind.CUT: self._cut,
            Kind.LOSE: self._lose,
            Kind.DRAIN: self._drain,
            Kind.SCALE: self._scale,
            Kind.ROLL: self._roll,
            Kind.BAD_IMAGE: self._choose_missing_image,
            Kind.CONFIGURE: self._configure,
            Kind.API: self._restart_api,
            Kind.LEADER: self._kill_leader,
            Kind.CONTROLLERS: self._stop_controllers,
            Kind.DRIFT: self._delete_child,
        }

    def doing(self, fault: Fault) -> AbstractContextManager[Mended]:
        """A fault for as long as the block lasts.

        Raises:
            NotPossibleError: nobody would be left; nothing was done.
        """
        return self._by_kind[fault.kind](fault.target)

    @contextmanager
    def _kill(self, peer: str) -> Iterator[Mended]:
        name, before = self._victim(peer)
        self._faults.kill_in_pod(self._cluster.kubectl.namespace, name)
        yield lambda: self._pod(name).restarts > before.restarts

    @contextmanager
    def _delete(self, peer: str) -> Iterator[Mended]:
        name, before = self._victim(peer)
        self._cluster.kubectl("delete", "pod", name, "--wait=false")
        yield lambda: self._pod(name).uid != before.uid

    @contextmanager
    def _stop(self, peer: str) -> Iterator[Mended]:
        name, _ = self._victim(peer)
        with self._faults.stopped_in_pod(self._cluster.kubectl.namespace, name):
            yield _at_once

    @contextmanager
    def _hang(self, peer: str) -> Iterator[Mended]:
        """Until the kubelet has started another container."""
        name, before = self._victim(peer)
        with self._faults.stopped_in_pod(self._cluster.kubectl.namespace, name):
            until(lambda: self._pod(name).restarts > before.restarts, LOST_S)
            yield _at_once

    @contextmanager
    def _part(self, two: str) -> Iterator[Mended]:
        one, other = (self._pod(_pod_name(peer)).address for peer in two.split())
        with self._faults.apart(one, other):
            yield _at_once

    @contextmanager
    def _cut(self, peer: str) -> Iterator[Mended]:
        node, victims = self._node(peer)
        self.victims = frozenset(victims)
        with self._faults.cut_off(node):
            yield _at_once

    @contextmanager
    def _lose(self, peer: str) -> Iterator[Mended]:
        """Until its peers are replaced."""
        node, victims = self._node(peer)
        self.victims = frozenset(victims)
        with self._faults.cut_off(node):
            until(lambda: all(self._is_replaced(name, victims[name]) for name in victims), LOST_S)
            yield _at_once

    @contextmanager
    def _drain(self, peer: str) -> Iterator[Mended]:
        """Evictions respect budgets, so the node may have all peers: one after the other goes."""
        node = self._pod(_pod_name(peer)).node
        kubectl = self._cluster.kubectl
        ways = ("--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=150s")
        try:
            until(lambda: kubectl.run_unchecked("drain", node, *ways).returncode == 0, LOST_S)
            yield _at_once
        finally:
            kubectl("uncordon", node)

    @contextmanager
    def _scale(self, numbers: str) -> Iterator[Mended]:
        wanted = numbers.rpartition(" ")[2]
        self._cluster.kubectl(
            "scale", f"eurekacluster/{self._cluster.name}", f"--replicas={wanted}"
        )
        yield _at_once

    @contextmanager
    def _roll(self, _: str) -> Iterator[Mended]:
        variable = {"name": "CHAOS", "value": str(next(self._numbers))}
        self._cluster.change({"pod": {"env": [variable]}})
        yield _at_once

    @contextmanager
    def _choose_missing_image(self, _: str) -> Iterator[Mended]:
        """Until the operator has rolled back."""
        self._cluster.change({"image": {"tag": f"missing-{next(self._numbers)}"}})
        until(lambda: self._cluster.is_so("Ready", "False", "RolledBack"), LOST_S)
        self._cluster.change({"image": {"tag": None}})
        yield _at_once

    @contextmanager
    def _configure(self, _: str) -> Iterator[Mended]:
        seconds = 30 + next(self._numbers)
        choose_interval(self._cluster, seconds)
        yield lambda: has_interval(self._cluster, seconds)

    @contextmanager
    def _restart_api(self, _: str) -> Iterator[Mended]:
        with self._faults.without_api():
            yield _at_once

    @contextmanager
    def _kill_leader(self, _: str) -> Iterator[Mended]:
        before = until(self._killed_leader, PATIENCE_S)
        yield lambda: self._holder not in ("", before)

    @contextmanager
    def _stop_controllers(self, _: str) -> Iterator[Mended]:
        with self._faults.stopped(f"{CONTROL}/kube-controller-manager"):
            yield _at_once

    @contextmanager
    def _delete_child(self, child: str) -> Iterator[Mended]:
        before = self._uid(child)
        self._cluster.kubectl("delete", child)
        yield lambda: self._uid(child) not in ("", before)

    def _victim(self, peer: str) -> tuple[str, Pod]:
        name = _pod_name(peer)
        self.victims = frozenset({name})
        return name, self._pod(name)

    def _node(self, peer: str) -> tuple[str, dict[str, Pod]]:
        """The node of a peer, and the pods of all peers there."""
        pods = self._cluster.pods
        node = pods[_pod_name(peer)].node
        there = {name: pod for name, pod in pods.items() if pod.node == node}
        if {_pod_name(each) for each in _ASKED} <= there.keys():
            raise NotPossibleError(f"{' and '.join(_ASKED)} are both on {node}")
        return node, there

    def _pod(self, name: str) -> Pod:
        """A pod; as if it had never been while there is none."""
        return self._cluster.pods.get(name, _NO_POD)

    def _is_replaced(self, name: str, before: Pod) -> bool:
        pod = self._pod(name)
        return pod.ready and pod.uid != before.uid

    def _killed_leader(self) -> str:
        """Kill the operator's leader; who it was, and empty if it is just changing."""
        holder = self._holder
        pod = holder.partition("_")[0]
        try:
            self._faults.kill_in_pod(self._operator.namespace, pod)
        except ClusterError:  # it is gone, and the Lease does not say so yet
            return ""
        # The kubelet would start it again, but later from time to time: after minutes in the end.
        self._operator.kubectl("delete", "pod", pod, "--wait=false")
        return holder

    @property
    def _holder(self) -> str:
        lease = self._operator.kubectl.get("lease", self._operator.lease)
        return str(lease["spec"].get("holderIdentity") or "")

    def _uid(self, child: str) -> str:
        """Which object has a name now; empty: none."""
        said = self._cluster.kubectl.run_unchecked("get", child, "-o", "json").stdout
        return str(json.loads(said)["metadata"]["uid"]) if said else ""


_NO_POD: Final = Pod(uid="", restarts=0, ready=False, node="", address="")


def _at_once() -> bool:
    return True


def _pod_name(peer: str) -> str:
    return f"eureka-peer-{peer.removeprefix('peer')}"
