"""The control plane comes up."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from . import components, parts, places, processes
from . import plan as plans
from .api import Api
from .components import Component
from .errors import ClusterError
from .pki import Authority, Identity, write_account_keys
from .plan import CONTROL, CONTROL_ADDRESS, HOME_IN_PLACE, Plan

RELAY: Final = "machine/relay"
_READY_S: Final = 240.0
_HERE: Final = "127.0.0.1"
_SERVED_AS: Final = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    f"kubernetes.default.svc.{plans.DOMAIN}",
    "localhost",
    _HERE,
    CONTROL_ADDRESS,
    plans.API_SERVICE_ADDRESS,
)


def write_identities(plan: Plan) -> None:
    """Write the keys and kubeconfigs of everybody who talks to the API server."""
    authority = Authority()
    folder = plan.home(CONTROL) / "pki"
    folder.mkdir()
    authority.write(folder, with_key=True)
    write_account_keys(folder)
    masters = "system:masters"
    authority.issue(Identity("kube-apiserver", masters, _SERVED_AS), folder / "apiserver")
    authority.issue(Identity("front-proxy"), folder / "front-proxy")
    for user in ("controller-manager", "scheduler"):
        _client(plan, authority, CONTROL, user, Identity(f"system:kube-{user}"))
    _client(plan, authority, CONTROL, "coredns", Identity("coredns", masters))
    for node in plan.nodes:
        (plan.home(node.name) / "pki").mkdir()
        authority.write(plan.home(node.name) / "pki", with_key=False)
        kubelet = Identity(f"system:node:{node.name}", "system:nodes")
        _client(plan, authority, node.name, "kubelet", kubelet)
        _client(plan, authority, node.name, "kube-proxy", Identity("system:kube-proxy"))
        _client(plan, authority, node.name, "kube-router", Identity("kube-router", masters))
    authority.write(plan.work, with_key=False)
    authority.issue(Identity("admin", masters), plan.work / "admin")


def start_api(plan: Plan, holder: int) -> list[tuple[Component, int]]:
    """Start etcd and the API server."""
    return _started(plan, components.api_components(), holder)


def start_clients(plan: Plan, holder: int) -> list[tuple[Component, int]]:
    """Start the rest of the control plane once the API is ready.

    The controller manager ends when it may not ask for the API's health within ten seconds.
    """
    return _started(plan, components.api_clients(plan), holder)


def start_relay(plan: Plan, holder: int) -> None:
    """Let this machine reach the API server, and write the kubeconfigs.

    Raises:
        ClusterError: it does not start.
    """
    network = f"/proc/{holder}/ns/net"
    ends = ("-", _HERE, "0", network, CONTROL_ADDRESS, str(plans.API_PORT))
    port = relay(plan, RELAY, ends)
    for file, server in (
        (plan.kubeconfig, f"https://{_HERE}:{port}"),
        (plan.kubeconfig_inside, f"https://{CONTROL_ADDRESS}:{plans.API_PORT}"),
    ):
        paths = [str(plan.work / name) for name in ("ca.crt", "admin.crt", "admin.key")]
        file.touch(mode=0o600)
        file.write_text(components.kubeconfig(server, *paths))


def relay(plan: Plan, label: str, ends: tuple[str, ...]) -> int:
    """Start a relay between two networks, see `relay.py`; the port it listens at.

    Raises:
        ClusterError: it does not start.
    """
    log = plan.work / f"{label.replace('/', '-')}.log"
    package = Path(__file__).parent
    variables = processes.environment(plan.work, label) | {"PYTHONPATH": str(package.parent)}
    with log.open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", f"{package.name}.relay", *ends],
            env=os.environ | variables,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            start_new_session=True,
        )
    processes.remember(process)
    assert process.stdout is not None
    with process.stdout as told:
        port = told.readline().strip()
    if not port:
        raise ClusterError(f"{label} does not start, see {log}: {log.read_text()[-300:]}")
    return int(port)


def kubectl(plan: Plan) -> list[str]:
    """The command line of kubectl for a cluster, its arguments to follow."""
    program = parts.build(parts.kubernetes(plan.kubernetes)) / "kubernetes"
    return [str(program), "kubectl", f"--kubeconfig={plan.kubeconfig}"]


def wait_ready(plan: Plan, started: list[tuple[Component, int]]) -> Api:
    """Wait for the API server.

    Raises:
        ClusterError: it is not ready after four minutes, or a program ended.
    """
    api = Api(plan.kubeconfig)

    def ready() -> bool:
        places.check_alive(plan, started)
        return api.ready()

    if not processes.wait(ready, _READY_S):
        raise ClusterError(
            f"the API server is not ready after {_READY_S:g} s, see"
            f" {plan.log(CONTROL, 'kube-apiserver')}"
        )
    return api


def announce_dns(api: Api) -> None:
    """Make the Service of cluster DNS."""
    service, endpoints = components.dns_objects()
    api.create("/api/v1/namespaces/kube-system/services", service)
    slices = "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices"
    api.create(slices, endpoints)


def _started(plan: Plan, wanted: Iterable[Component], holder: int) -> list[tuple[Component, int]]:
    return [(component, places.start(plan, component, holder)) for component in wanted]


def _client(plan: Plan, authority: Authority, place: str, name: str, who: Identity) -> None:
    """Write key, certificate and kubeconfig of a program of a place."""
    home = plan.home(place)
    authority.issue(who, home / "pki" / name)
    seen = f"{HOME_IN_PLACE}/pki"
    server = f"https://{CONTROL_ADDRESS}:{plans.API_PORT}"
    paths = (f"{seen}/ca.crt", f"{seen}/{name}.crt", f"{seen}/{name}.key")
    (home / f"{name}.conf").write_text(components.kubeconfig(server, *paths))
