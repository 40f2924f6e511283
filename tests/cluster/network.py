"""The cables, addresses and routes of a cluster (`docs/test-cluster.md#network`).

What to do is computed as lines for `ip -batch`; `wire` says them in the namespaces of the places.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

from . import plan as plans
from .errors import ClusterError
from .namespaces import nsenter_command
from .plan import CONTROL, Node, Plan

_CONTROL_SETTINGS = ("net.ipv4.ip_forward=1",)
_NODE_SETTINGS = (
    "net.ipv4.ip_forward=1",
    "net.bridge.bridge-nf-call-iptables=1",
    "net.ipv4.conf.all.rp_filter=0",
)
"""Services of a pod's own node are translated only where the bridge shows packets to iptables."""


def control_lines(plan: Plan, pids: Mapping[str, int]) -> list[str]:
    """What to tell `ip` in the control plane's network; `pids` are the places' lifelines."""
    bridge = plans.BRIDGE
    lines = [
        "link set lo up",
        f"link add name {bridge} type bridge",
        f"addr add {plans.CONTROL_ADDRESS}/24 dev {bridge}",
        f"link set {bridge} up",
    ]
    for node in plan.nodes:
        peer = f"peer name {plans.UPLINK} netns {pids[node.name]}"
        lines += [
            f"link add name {node.port} type veth {peer}",
            f"link set {node.port} master {bridge} up",
            f"route add {node.pods} via {node.address}",
        ]
    if plan.nodes:
        lines.append(f"route add {plans.SERVICE_NETWORK} via {plan.nodes[0].address}")
    return lines


def node_lines(plan: Plan, node: Node) -> list[str]:
    """What to tell `ip` in a node's network, once its cable is there."""
    lines = [
        "link set lo up",
        f"addr add {node.address}/24 dev {plans.UPLINK}",
        f"link set {plans.UPLINK} up",
        f"route add default via {plans.CONTROL_ADDRESS}",
    ]
    others = (other for other in plan.nodes if other != node)
    return [*lines, *(f"route add {other.pods} via {other.address}" for other in others)]


def wire(plan: Plan, pids: Mapping[str, int]) -> None:
    """Lay all cables and give all addresses.

    Raises:
        ClusterError: the kernel has not got what this takes.
    """
    in_place(pids[CONTROL], ["sysctl", "-qw", *_CONTROL_SETTINGS])
    ip_batch(pids[CONTROL], control_lines(plan, pids))
    for node in plan.nodes:
        ip_batch(pids[node.name], node_lines(plan, node))
        in_place(pids[node.name], ["sysctl", "-qw", *_NODE_SETTINGS])


def ip_batch(pid: int, lines: Sequence[str]) -> None:
    """Run lines of `ip` in the network of a process.

    Raises:
        ClusterError: one fails; those before it are done.
    """
    in_place(pid, ["ip", "-batch", "-"], "".join(f"{line}\n" for line in lines))


def in_place(pid: int, command: Sequence[str], text: str = "") -> str:
    """Run a command in the network of a process with `text` on its standard input; what it prints.

    Raises:
        ClusterError: it fails.
    """
    run = subprocess.run(
        [*nsenter_command(pid, "net"), *command],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        said = run.stderr.strip() or run.stdout.strip()
        raise ClusterError(f"`{' '.join(command)}` in the network of process {pid}: {said}")
    return run.stdout
