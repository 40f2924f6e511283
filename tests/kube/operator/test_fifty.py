"""Fifty EurekaClusters beside three thousand pods of others: what they cost the operator.

It runs as a process in the network of a cluster without nodes, with the rights that the chart
gives it. A stand-in kubelet plays the peers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
import yaml

from cluster import control, places
from cluster.audit import Entry
from cluster.plan import CONTROL, Plan
from e2e.operator.audited import LEASES, Requests
from processes.cluster import until
from support import helm as helms
from support.kubectl import Kubectl
from support.ownclusters import own_cluster
from support.rendering import OPERATOR, rendered
from support.standin.crowd import create_pods
from support.standin.standin import StandIn

CLUSTERS: Final = 50
NAMESPACES: Final = 10
CROWD: Final = 3_000
MOST_MIB: Final = 150
RESYNC_S: Final = 20
"""A third of the usual: what happens in a quiet minute happens in it, and more often."""
SETTLED: Final = timedelta(seconds=10)
READY_S: Final = 400.0
"""The controller manager makes 20 requests a second; a busy machine does the rest."""

_PROGRAM: Final = Path(sys.executable).with_name("eureka-operator")
_ACCOUNT: Final = "eurekube-operator"
_ACCESS: Final = frozenset(
    {
        "CustomResourceDefinition",
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "Role",
        "RoleBinding",
    }
)

Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def plan(pytestconfig: pytest.Config) -> Iterator[Plan]:
    """A cluster of this file's own: what it is full of would be in the way of other tests."""
    with own_cluster("kube-fifty", 0, pytestconfig) as plan:
        yield plan


@pytest.mark.long
def test_fifty_clusters_need_little_memory_and_no_writes_once_they_are_ready(
    plan: Plan, tmp_path: Path, record_property: Record
) -> None:
    """Nothing but the Lease is written, and what is not ours is not even looked at."""
    api = Kubectl(control.kubectl(plan))
    with ExitStack() as stack:
        home = stack.enter_context(api.in_a_namespace("eurekube"))
        kubeconfig = _as_operator(plan, home, tmp_path)
        stack.enter_context(StandIn(plan))
        for number in range(NAMESPACES):
            _fill(plan, stack.enter_context(api.in_a_namespace("fifty")), number)
        operator = stack.enter_context(_running(plan, kubeconfig, home.namespace, tmp_path))
        begin = time.monotonic()
        until(lambda: _ready(api), READY_S)
        record_property(f"{CLUSTERS} clusters Ready after", f"{time.monotonic() - begin:.0f} s")

        requests = Requests(plan, home.namespace, _ACCOUNT)
        until(lambda: _is_settled(requests), READY_S)
        settled = datetime.now(UTC)
        interval = until(lambda: _interval(requests, settled), 4.0 * RESYNC_S)
        peak, now = _mib(operator, "VmHWM"), _mib(operator, "VmRSS")

        record_property(f"memory, {CLUSTERS} clusters", f"{now:.0f} MiB, at most {peak:.0f} MiB")
        record_property(f"requests between two resyncs, {CLUSTERS} clusters", len(interval))
        written = [each for each in interval if each.writes]
        assert written
        assert [each for each in written if each.resource != LEASES] == []
        assert peak < MOST_MIB


def _fill(plan: Plan, kubectl: Kubectl, number: int) -> None:
    """Have this namespace's share of EurekaClusters, and of pods that nobody schedules."""
    share = range(number, CLUSTERS, NAMESPACES)
    items = [_cluster(f"eureka-{each}", f"c{each}-peer") for each in share]
    kubectl.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    create_pods(plan, kubectl.namespace, CROWD // NAMESPACES)


def _cluster(name: str, prefix: str) -> dict[str, object]:
    return {
        "apiVersion": "eurekube.io/v1alpha1",
        "kind": "EurekaCluster",
        "metadata": {"name": name},
        "spec": {"peers": {"dnsPrefix": prefix}},
    }


def _as_operator(plan: Plan, kubectl: Kubectl, folder: Path) -> Path:
    """Install the chart but for its workload; a kubeconfig of its ServiceAccount."""
    objects = rendered(helms.helm(plan, kubectl.namespace), OPERATOR, {}, "--skip-tests")
    access = [each for each in objects if each["kind"] in _ACCESS]
    kubectl.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": access}))
    kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=150s")
    document = yaml.safe_load(plan.kubeconfig_inside.read_text())
    document["users"][0]["user"] = {"token": kubectl("create", "token", _ACCOUNT).strip()}
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path


@contextmanager
def _running(plan: Plan, kubeconfig: Path, namespace: str, folder: Path) -> Iterator[int]:
    """Run the operator where it reaches peers; its process id."""
    log = folder / "operator.log"
    flags = [f"--kubeconfig={kubeconfig}", f"--resync={RESYNC_S}", "--port=0"]
    words = [*places.inside(plan, CONTROL), str(_PROGRAM), "run", *flags]
    environment = {**os.environ, "POD_NAME": "operator", "POD_NAMESPACE": namespace}
    with log.open("wb") as said:
        process = subprocess.Popen(words, env=environment, stdout=said, stderr=said)
    try:
        yield process.pid
    except BaseException:
        print(log.read_text()[-5000:])  # noqa: T201 - pytest shows it
        raise
    finally:
        process.kill()
        process.wait()


def _ready(api: Kubectl) -> bool:
    """Whether all EurekaClusters are Ready."""
    wait = ("wait", "--for=condition=Ready", "ekc", "--all", "--all-namespaces", "--timeout=10s")
    return api.run_unchecked(*wait).stdout.count("condition met") == CLUSTERS


def _is_settled(requests: Requests) -> bool:
    """Whether it went on asking and wrote nothing for a while."""
    begin = min((each.at for each in requests.all), default=datetime.now(UTC))
    last = max((each.at for each in requests.writes), default=begin)
    return datetime.now(UTC) - last > SETTLED


def _interval(requests: Requests, begin: datetime) -> list[Entry]:
    """The requests from one resync to the next, both after `begin`; none before it is over."""
    found = [each for each in requests.all if each.at > begin]
    resyncs = [number for number, each in enumerate(found) if _begins_resync(each)]
    return found[resyncs[0] : resyncs[1]] if len(resyncs) > 1 else []


def _begins_resync(entry: Entry) -> bool:
    """Whether all EurekaClusters are listed; kopf does so only at its start."""
    return (entry.verb, entry.resource, entry.namespace) == ("list", "eurekaclusters", "")


def _mib(process: int, field: str) -> float:
    """Memory of a process as Linux counts it: `VmRSS` now, `VmHWM` at most."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    kib = next(line for line in lines if line.startswith(f"{field}:")).split()[1]
    return int(kib) / 1024
