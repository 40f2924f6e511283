"""What can go wrong with a cluster, done on purpose. Each is undone when its block is left."""

from __future__ import annotations

import secrets
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from . import components, control, network, node, places, plan, processes
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
        table = f"fault_{secrets.token_hex(4)}"
        pairs = ((one, other), (other, one))
        rules = "\n".join(f"ip saddr {source} ip daddr {target} drop" for source, target in pairs)
        # Before kube-proxy translates and before conntrack lets pass what is established.
        hook = "type filter hook forward priority -150; policy accept;"
        text = f"table inet {table} {{\nchain forward {{\n{hook}\n{rules}\n}}\n}}\n"
        parted: list[int] = []
        try:
            for each in self._plan.nodes:
                pid = places.lifeline(self._plan, each.name).pid
                network.in_place(pid, ["nft", "-f", "-"], text)
                parted.append(pid)
            yield
        finally:
            for pid in parted:
                network.in_place(pid, ["nft", "delete", "table", "inet", table])

    @contextmanager
    def slow(self, name: str, *, delay_ms: int = 0, loss_percent: float = 0.0) -> Iterator[None]:
        """Delay or drop what a node sends.

        Raises:
            ValueError: there is no such node.
            CannotRunError: the kernel has no `netem`.
        """
        pid = places.lifeline(self._plan, self._plan.node(name).name).pid
        where = ["dev", plan.UPLINK, "root"]
        how = ["netem", "delay", f"{delay_ms}ms", "loss", f"{loss_percent}%"]
        try:
            network.in_place(pid, ["tc", "qdisc", "add", *where, *how])
        except ClusterError as error:
            raise CannotRunError(
                f"packets cannot be delayed or lost: the kernel has no netem ({error})"
            ) from error
        try:
            yield
        finally:
            network.in_place(pid, ["tc", "qdisc", "del", *where])

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


def _run(command: Sequence[str]) -> None:

    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"`{' '.join(command)}`: {done.stderr.strip()}")
