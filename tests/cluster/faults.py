"""What can go wrong with a cluster, done on purpose. Each is undone when its block is left."""

from __future__ import annotations

import contextlib
import secrets
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from . import components, containers, control, etcd, network, node, places, plan, processes
from .api import Api
from .errors import CannotRunError, ClusterError
from .plan import CONTROL, Plan


class Faults:
    """Faults of one cluster that is up."""

    def __init__(self, cluster: Plan) -> None:
        self._plan = cluster

    @contextmanager
    def cut_off(self, name: str) -> Iterator[None]:
        """Pull a node's cable: nothing gets in or out.

        Raises:
            ValueError: there is no such node.
        """
        port = self._plan.node(name).port
        bridge = places.lifeline(self._plan, CONTROL).pid
        network.ip_batch(bridge, [f"link set {port} down"])
        try:
            yield
        finally:
            network.ip_batch(bridge, [f"link set {port} up"])

    @contextmanager
    def apart(self, one: str, other: str) -> Iterator[None]:
        """Let no packet pass between two pods, named by their addresses."""
        pairs = ((one, other), (other, one))
        rules = [f"ip saddr {source} ip daddr {target} drop" for source, target in pairs]
        # Before kube-proxy translates and before conntrack lets pass what is established.
        hook = "hook forward priority -150"
        with ExitStack() as parted:
            for each in self._plan.nodes:
                pid = places.lifeline(self._plan, each.name).pid
                parted.enter_context(_filtered(pid, "inet", hook, rules))
            yield

    @contextmanager
    def slow(self, name: str, *, delay_ms: int = 0, loss_percent: float = 0.0) -> Iterator[None]:
        """Delay or drop what a node sends.

        Raises:
            ValueError: there is no such node.
            CannotRunError: packets are to be delayed, and the kernel has no `netem`.
        """
        known = self._plan.node(name)
        with ExitStack() as undone:
            if delay_ms:
                uplink = places.lifeline(self._plan, known.name).pid
                undone.enter_context(_delayed(uplink, delay_ms))
            if loss_percent:
                # Not by netem, which some kernels lack; and not on the node, which would notice.
                bridge = places.lifeline(self._plan, CONTROL).pid
                hook = f'hook ingress device "{known.port}" priority 0'
                lost = f"numgen random mod 10000 < {round(loss_percent * 100)} drop"
                undone.enter_context(_filtered(bridge, "netdev", hook, [lost]))
            yield

    @contextmanager
    def stopped(self, label: str) -> Iterator[None]:
        """Let a program stand still, named as `status` does: `node-1/kubelet`.

        Raises:
            ValueError: there is no such part.
            ClusterError: it does not run.
        """
        component = self._component(label)
        process = places.running(self._plan, component)
        if process is None:
            raise ClusterError(f"{label} does not run")
        processes.send(process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            processes.send(process.pid, signal.SIGCONT)

    @contextmanager
    def killed(self, label: str) -> Iterator[None]:
        """Kill a program; it is started again, and has its address again, afterwards.

        Raises:
            ValueError: there is no such part.
        """
        component = self._component(label)
        process = places.running(self._plan, component)
        if process is not None:
            places.end(process)
        try:
            yield
        finally:
            holder = places.lifeline(self._plan, component.place).pid
            started = [(component, places.start(self._plan, component, holder))]
            api = control.wait_ready(self._plan, started)
            if self._plan.nodes and component.place != CONTROL:
                node.wait_ready(self._plan, api, started, lambda: True)

    @contextmanager
    def stopped_in_pod(self, namespace: str, pod: str, container: str = "") -> Iterator[None]:
        """Let the process of a pod's container stand still; empty: the pod's only container.

        Raises:
            ClusterError: no such container runs, or which of several is not said.
        """
        task = self._task(namespace, pod, container)
        task.send(signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ClusterError):  # the kubelet may have ended it meanwhile
                task.send(signal.SIGCONT)

    def kill_in_pod(self, namespace: str, pod: str, container: str = "") -> None:
        """Kill the process of a pod's container; the kubelet starts another one.

        Raises:
            ClusterError: as `stopped_in_pod`.
        """
        self._task(namespace, pod, container).send(signal.SIGKILL)

    @contextmanager
    def without_api(self) -> Iterator[None]:
        """Kill the API server; it is started again afterwards, and so are the controllers.

        Those of Kubernetes itself would else wait for up to a minute before they ask again.

        Raises:
            ClusterError: one of them does not come up.
        """
        with self.killed(f"{CONTROL}/kube-apiserver"):
            yield
        with self.killed(f"{CONTROL}/kube-controller-manager"):
            pass

    def expire_watches(self) -> None:
        """Have every watch that goes on from what it last saw answered with 410.

        The API server forgets what happened by being started again, etcd by compaction.

        Raises:
            ClusterError: the API server does not come up, or etcd does not answer.
        """
        with self.without_api():
            etcd.forget(self._plan)

    def _task(self, namespace: str, pod: str, container: str) -> containers.Task:
        document = Api(self._plan.kubeconfig).get(f"/api/v1/namespaces/{namespace}/pods/{pod}")
        node_name = document["spec"].get("nodeName", "")
        found = containers.tasks(self._plan, self._plan.node(node_name), (namespace, pod))
        named = {name: task for name, task in found.items() if container in ("", name)}
        if len(named) != 1:
            running = ", ".join(sorted(found)) or "none"
            raise ClusterError(f"which container of {pod}? {container!r} is not one of: {running}")
        return next(iter(named.values()))

    @contextmanager
    def drained(self, name: str, kubectl: Sequence[str]) -> Iterator[None]:
        """Drain a node as before maintenance, by a kubectl; it takes pods again afterwards.

        Raises:
            ValueError: there is no such node.
            ClusterError: a pod cannot be evicted within a minute.
        """
        known = self._plan.node(name).name
        options = ["--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=60s"]
        try:
            _run([*kubectl, "drain", known, *options])
            yield
        finally:
            _run([*kubectl, "uncordon", known])

    def _component(self, label: str) -> components.Component:
        known = {each.label: each for each in components.components(self._plan)}
        if label not in known:
            raise ValueError(f"{label} is no part of this cluster; it has {', '.join(known)}")
        return known[label]


@contextmanager
def _filtered(pid: int, family: str, hook: str, rules: Sequence[str]) -> Iterator[None]:
    """Have rules of nftables in the network of a process."""
    table = f"fault_{secrets.token_hex(4)}"
    lines = [f"type filter {hook}; policy accept;", *rules]
    text = "\n".join([f"table {family} {table} {{", "chain fault {", *lines, "}", "}", ""])
    network.in_place(pid, ["nft", "-f", "-"], text)
    try:
        yield
    finally:
        network.in_place(pid, ["nft", "delete", "table", family, table])


@contextmanager
def _delayed(pid: int, delay_ms: int) -> Iterator[None]:
    """Delay what leaves the network of a process."""
    where = ["dev", plan.UPLINK, "root"]
    try:
        network.in_place(pid, ["tc", "qdisc", "add", *where, "netem", "delay", f"{delay_ms}ms"])
    except ClusterError as error:
        if "kind is unknown" in str(error):
            raise CannotRunError("packets cannot be delayed: the kernel has no netem") from error
        raise
    try:
        yield
    finally:
        network.in_place(pid, ["tc", "qdisc", "del", *where])


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"`{' '.join(command)}`: {done.stderr.strip()}")
