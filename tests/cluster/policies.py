"""NetworkPolicies enforced: kube-router's firewall on every node, as long as a block lasts.

Not always, since it keeps from pods whom a real network would keep from them, too: the API server,
for which many tests look into pods, is no node of theirs.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from . import components, debian, network, parts, places, processes
from .errors import CannotRunError, ClusterError
from .plan import Node, Plan

_PROGRAM: Final = "kube-router"
_TRIAL: Final = "eurekube-trial"
_CHAIN: Final = "KUBE-ROUTER-FORWARD"
_WORKS_S: Final = 120.0


def provide(plan: Plan) -> Path:
    """The program of kube-router, once everything else is there that it takes.

    Raises:
        CannotRunError: a program or something of the kernel is missing here.
        ClusterError: kube-router cannot be built.
    """
    debian.provide(debian.FOR_POLICIES)
    for each in plan.nodes:
        _check_kernel(plan, each)
    return parts.build(parts.kube_router()) / _PROGRAM


@contextmanager
def enforced(plan: Plan) -> Iterator[None]:
    """Have NetworkPolicies enforced on all nodes of a cluster that is up.

    Raises:
        CannotRunError: as `provide`.
        ClusterError: as `provide`, or kube-router does not come up.
    """
    program = provide(plan)
    with ExitStack() as undone:
        for each in plan.nodes:
            undone.enter_context(_started(plan, each, program))
        for each in plan.nodes:
            _wait_until_it_works(plan, each)
        yield


def _check_kernel(plan: Plan, node: Node) -> None:
    pid = places.lifeline(plan, node.name).pid
    rule = ["-m", "set", "--match-set", _TRIAL, "src", "-m", "physdev", "--physdev-is-bridged"]
    try:
        network.in_place(pid, ["ipset", "create", _TRIAL, "hash:ip"])
        network.in_place(pid, ["iptables", "-N", _TRIAL])
        network.in_place(pid, ["iptables", "-A", _TRIAL, *rule, "-j", "RETURN"])
    except ClusterError as error:
        raise CannotRunError(f"the kernel has not what kube-router takes: {error}") from error
    finally:
        for words in (("iptables", "-F"), ("iptables", "-X"), ("ipset", "destroy")):
            places.run_in(plan, node.name, [*words, _TRIAL])


@contextmanager
def _started(plan: Plan, node: Node, program: Path) -> Iterator[None]:
    """Have kube-router on a node; what it wrote into the kernel has no effect afterwards."""
    # A copy: the node may not see the cache, of which it hides /run, /var/lib and /var/log.
    shutil.copy(program, plan.home(node.name) / _PROGRAM)
    component = components.kube_router(node)
    pid = places.start(plan, component, places.lifeline(plan, node.name).pid)
    try:
        places.check_alive(plan, [(component, pid)])
        yield
    finally:
        process = places.running(plan, component)
        if process is not None:
            places.end(process)
        _open(places.lifeline(plan, node.name).pid)


def _open(pid: int) -> None:
    """Let packets pass kube-router's chains by; `--cleanup-config` of 2.1 does nothing."""
    for chain in ("INPUT", "FORWARD", "OUTPUT"):
        own = f"KUBE-ROUTER-{chain}"
        for rule in network.in_place(pid, ["iptables", "-w", "-S", chain]).splitlines():
            if rule.endswith(f"-j {own}"):
                words = shlex.split(rule)[1:]
                network.in_place(pid, ["iptables", "-w", "-D", *words])
                network.in_place(pid, ["iptables", "-w", "-F", own])


def _wait_until_it_works(plan: Plan, node: Node) -> None:
    """Wait for its first look at all policies, which ends with a rule of its own."""
    component = components.kube_router(node)

    def works() -> bool:
        if places.running(plan, component) is None:
            log = plan.log(component.place, component.part)
            raise ClusterError(f"{component.label} ended by itself, see {log}")
        rules = places.run_in(plan, node.name, ["iptables", "-w", "-S", _CHAIN])
        return "-j ACCEPT" in rules.stdout

    if not processes.wait(works, _WORKS_S):
        raise ClusterError(f"{component.label} enforces nothing after {_WORKS_S:g} s")
