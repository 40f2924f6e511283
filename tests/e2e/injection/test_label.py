"""One label on a namespace: what each kind of workload becomes, and what the registry holds of it.

Each pod is as the injector decides, and what it decides stands in an annotation of the pod.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

import pytest

from cluster.images import SIDECAR
from cluster.plan import Plan
from e2e.clusters import Target
from e2e.injection import manifests
from e2e.injection.manifests import ASKS, Document, container, pod_spec, serving
from e2e.injection.registered import (
    Direct,
    has_sidecar,
    ids_up,
    instances,
    pods_of,
    restarts,
    result_of,
)
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.sidecar.manifests import PORT, listed
from eureka_operator import __version__
from eureka_operator.core.injection.config import Config, RegistryTarget, read_registry
from eureka_operator.core.injection.decide import Inject, Skip, decide
from eureka_operator.core.injection.reasons import HOST_NETWORK
from processes.cluster import check_throughout, until
from support.kubectl import Kubectl

Record = Callable[[str, object], None]

SLOW_S: Final = 8
INJECTED: Final = "injected"
RESULTS: Final = {
    "orders": INJECTED,
    "store": INJECTED,
    "agent": INJECTED,
    "prepared": INJECTED,
    "ports": INJECTED,
    "slow": INJECTED,
    "unstable": INJECTED,
    "worker": INJECTED,
    "once": "job_default_off",
    "nightly": "job_default_off",
    "ambiguous": "ambiguous_port",
    "portless": "no_port",
    "host": "host_network",
    "embedded": "embedded_client",
}
"""What is decided of each application's pods."""
EXPLAINED: Final = ("orders", "once", "host")
SERVING: Final = {"orders": 2, "store": 1, "prepared": 1, "ports": 1, "slow": 1}
"""How many instances of each become UP; `agent` has one on each node."""
OVER: Final = "/tmp/over"  # noqa: S108 - in a container
"""The job `worker` ends when this is there."""
TOKEN: Final = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 - a path


@pytest.fixture(scope="module")
def workloads(target: Target, shop: EkcCluster) -> Iterator[EkcCluster]:
    """All kinds of them, applied at once."""
    shop.kubectl.apply(listed(_workloads(target)))
    shop.kubectl("create", "job", "nightly-now", "--from=cronjob/nightly")
    yield shop
    shop.kubectl(
        "delete",
        "deployments,statefulsets,daemonsets,jobs,cronjobs,pods",
        "--selector=!eurekube.io/cluster",
        "--wait=false",
    )


def test_what_serves_is_up(workloads: EkcCluster) -> None:
    """Every pod of every kind of workload, by its ready port, and nothing else of it."""
    nodes = workloads.kubectl.get("nodes")["items"]
    for_all = sum(not each["spec"].get("taints") for each in nodes)  # a control plane may have one
    for app, count in {**SERVING, "agent": for_all}.items():
        until(_has_up(workloads, app, count), PATIENCE_S)
        found = instances(workloads, app)
        assert {each["port"]["$"] for each in found.values()} == {PORT}
        assert {each["metadata"]["pod-name"] for each in found.values()} == {
            *pods_of(workloads.kubectl, app)
        }


def test_each_pod_is_as_it_is_decided(target: Target, workloads: EkcCluster) -> None:
    """By its annotation, by its containers, and by what `decide` says of it as it is now.

    Of pods as the API server has completed them: what was injected is left as it is.
    """
    kubectl = workloads.kubectl
    namespace = kubectl.get("namespace", kubectl.namespace)
    config = _config(target, workloads)
    for app, expected in RESULTS.items():
        until(_has_pods(kubectl, app), PATIENCE_S)
        for pod in pods_of(kubectl, app).values():
            assert result_of(pod) == expected, app
            assert has_sidecar(pod) == (expected == INJECTED), app
            decision = decide(pod, namespace, config)
            if isinstance(decision, Inject):
                assert (expected, decision.patch) == (INJECTED, ()), app
            else:
                assert isinstance(decision, Skip), app
                assert (decision.finding.reason.code, decision.patch) == (expected, ()), app


@pytest.mark.parametrize("app", EXPLAINED)
def test_explain_says_the_same(target: Target, workloads: EkcCluster, app: str) -> None:
    """The sentence that a person gets is about what the pod has, and about what is registered."""
    until(_has_up(workloads, app, SERVING.get(app, 0)), PATIENCE_S)
    (found,) = _explained(target, workloads.kubectl, next(iter(pods_of(workloads.kubectl, app))))
    codes = [each["code"] for each in found["reasons"]]

    assert found["outcome"] == (INJECTED if RESULTS[app] == INJECTED else "skipped")
    assert RESULTS[app] in (*codes, INJECTED)
    if RESULTS[app] == INJECTED:
        assert found["now"]["differences"] == []
        (registered,) = found["sidecar"]["instances"]
        assert (registered["app"], registered["port"]) == (app, PORT)


def test_pod_that_declines_is_left_alone(target: Target, workloads: EkcCluster) -> None:
    """Nobody is asked about it, so not even the reason stands on it."""
    kubectl = workloads.kubectl
    (pod,) = pods_of(kubectl, "declined").values()
    namespace = kubectl.get("namespace", kubectl.namespace)

    decision = decide(pod, namespace, _config(target, workloads))

    assert isinstance(decision, Skip)
    assert decision.finding.reason.code == "disabled_by_pod"
    assert (result_of(pod), has_sidecar(pod)) == ("", False)


def test_jobs_end(workloads: EkcCluster) -> None:
    """Also one that asked for a sidecar: that ends with it, and its lease is gone."""
    kubectl = workloads.kubectl
    until(lambda: ids_up(instances(workloads, "worker")), PATIENCE_S)
    kubectl("exec", "job/worker", "--container=application", "--", "touch", OVER)
    for name in ("once", "nightly-now", "worker"):
        kubectl("wait", "--for=condition=Complete", f"job/{name}", "--timeout=150s")

    until(lambda: instances(workloads, "worker") == {}, PATIENCE_S)
    assert instances(workloads, "once") == {}


def test_slow_starter_is_not_up_before_it_serves(workloads: EkcCluster) -> None:
    """It is registered all the same: as STARTING, so that everybody sees that it comes."""
    until(lambda: ids_up(instances(workloads, "slow")), PATIENCE_S)
    (pod,) = pods_of(workloads.kubectl, "slow").values()
    (found,) = instances(workloads, "slow").values()
    (container_status,) = pod["status"]["containerStatuses"]

    started_s = _seconds(container_status["state"]["running"]["startedAt"])
    registered_s = int(found["leaseInfo"]["registrationTimestamp"]) / 1000
    up_s = int(found["leaseInfo"]["serviceUpTimestamp"]) / 1000
    assert up_s - started_s > SLOW_S - 1  # the API has whole seconds
    assert registered_s <= up_s


def test_crash_looper_is_never_up(workloads: EkcCluster) -> None:
    """Its sidecar lives on; it has no readiness probe, so the kubelet itself calls it ready."""
    (pod,) = pods_of(workloads.kubectl, "unstable").values()
    name = pod["metadata"]["name"]

    def has_crashed() -> bool:
        found = workloads.kubectl.get("pod", name)
        return restarts(found, "application") > 1

    until(has_crashed, PATIENCE_S)
    check_throughout(lambda: not ids_up(instances(workloads, "unstable")), 3.0)
    (found,) = instances(workloads, "unstable").values()
    assert found["leaseInfo"]["serviceUpTimestamp"] == 0
    assert restarts(workloads.kubectl.get("pod", name)) == 0


def test_pod_that_asks_and_cannot_be_served_is_refused(target: Target, shop: EkcCluster) -> None:
    """With the sentence and its cure, where the person who typed it reads them."""
    asking = manifests.pod("asking", pod_spec(serving(target), hostNetwork=True), {**ASKS})

    done = shop.kubectl.run_unchecked("create", "-f", "-", given=json.dumps(asking))

    assert done.returncode != 0
    assert HOST_NETWORK.sentence in done.stderr
    assert HOST_NETWORK.cure in done.stderr


def test_sidecar_has_no_api_token(workloads: EkcCluster) -> None:
    """The API server mounts one into every container that has nothing at its place."""
    until(lambda: ids_up(instances(workloads, "store")), PATIENCE_S)
    look = ("--", "python3", "-c", f"import os; print(os.path.exists('{TOKEN}'))")

    def has_token(name: str) -> str:
        return workloads.kubectl("exec", "store-0", f"--container={name}", *look).strip()

    assert has_token("application") == "True"
    assert has_token("eureka-sidecar") == "False"


def test_seconds_to_be_seen_and_to_be_gone(
    target: Target, plan: Plan, shop: EkcCluster, record_property: Record
) -> None:
    """At every peer. The application serves on for a while after its lease is gone."""
    kubectl = shop.kubectl
    direct = Direct(plan, [each.address for each in shop.pods.values()])
    kubectl.apply(listed([manifests.pod("timed", pod_spec(serving(target)), {"app": "timed"})]))
    wait = [*kubectl.program, f"--namespace={kubectl.namespace}", "wait", "pod/timed"]
    with subprocess.Popen([*wait, "--for=condition=Ready", "--timeout=150s"]) as ready:
        times: dict[str, float] = {}

        def both() -> bool:
            now = time.monotonic()
            if ready.poll() is not None:
                times.setdefault("ready", now)
            if direct.up_everywhere("timed"):
                times.setdefault("up", now)
            return len(times) == 2

        until(both, PATIENCE_S)
    assert ready.returncode == 0
    said = f"{times['up'] - times['ready']:+.1f} s"
    record_property("pod Ready (as kubectl wait sees it) to UP at every peer", said)

    begin = time.monotonic()
    kubectl("delete", "pod", "timed", "--wait=false")
    until(lambda: direct.is_absent("timed"), PATIENCE_S)
    record_property("kubectl delete pod to gone at every peer", f"{time.monotonic() - begin:.2f} s")
    assert kubectl.get("pod", "timed")["status"]["phase"] == "Running"


def _explained(target: Target, kubectl: Kubectl, pod: str) -> list[dict[str, Any]]:
    """What `kubectl-eureka explain` says of a pod."""
    flags = [f"--kubeconfig={target.kubeconfig}", f"--namespace={kubectl.namespace}", "-ojson"]
    command = [sys.executable, "-m", "kubectl_eureka", "explain", *flags, pod]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _has_up(cluster: EkcCluster, app: str, count: int) -> Callable[[], bool]:
    return lambda: len(ids_up(instances(cluster, app))) == count


def _has_pods(kubectl: Kubectl, app: str) -> Callable[[], bool]:
    return lambda: bool(pods_of(kubectl, app))


def _workloads(target: Target) -> list[Document]:
    """All that `RESULTS` names."""
    served = serving(target)
    command = pod_spec(container(target, "python3", "-c", "print('done')"))
    two_ports = [{"containerPort": PORT}, {"containerPort": 9090}]
    named = [{"containerPort": 9090, "name": "metrics"}, {"containerPort": PORT, "name": "http"}]
    first = {**container(target, "python3", "-c", "print('first')"), "name": "first"}
    slowly = f"sleep {SLOW_S}; exec python3 -u /program/application.py {PORT}"
    until_told = (
        f"python3 /program/application.py {PORT} & while ! test -e {OVER}; do sleep 0.2; done"
    )
    crashing = container(
        target, "python3", "-c", "raise SystemExit(1)", ports=[{"containerPort": PORT}]
    )
    return [
        manifests.deployment("orders", pod_spec(served), replicas=2),
        manifests.stateful_set("store", pod_spec(served)),
        manifests.daemon_set("agent", pod_spec(served)),
        manifests.deployment("prepared", pod_spec(served, initContainers=[first])),
        manifests.deployment("ports", pod_spec(container(target, ports=named))),
        manifests.deployment("slow", pod_spec(serving(target, "sh", "-c", slowly))),
        manifests.deployment("unstable", pod_spec(crashing)),
        manifests.job("worker", pod_spec(serving(target, "sh", "-c", until_told)), asks=True),
        manifests.job("once", command, asks=False),
        manifests.cron_job("nightly", command),
        manifests.deployment("ambiguous", pod_spec(container(target, ports=two_ports))),
        manifests.deployment("portless", pod_spec(container(target))),
        manifests.deployment("host", pod_spec(_on_host(target), hostNetwork=True)),
        manifests.deployment("embedded", pod_spec(served), client="embedded"),
        manifests.pod(
            "declined", pod_spec(served), {"app": "declined", manifests.LABEL: "disabled"}
        ),
    ]


def _on_host(target: Target) -> Document:
    port = 18_080  # seldom taken on a node
    program = ("python3", "-u", "/program/application.py", str(port))
    return container(target, *program, ports=[{"containerPort": port, "hostPort": port}])


def _config(target: Target, cluster: EkcCluster) -> Config:
    """What the injector of the chart decides by."""
    registry = read_registry(cluster.document, "cluster.local")
    assert isinstance(registry, RegistryTarget)
    system: dict[str, Any] = cluster.kubectl.get("namespace", "kube-system")
    return Config(
        image=target.image(SIDECAR),
        version=__version__,
        registries=(registry,),
        own_namespace="eurekube",
        cluster_uid=system["metadata"]["uid"],
    )


def _seconds(timestamp: str) -> float:
    """A time of the API's as seconds since 1970."""
    return datetime.fromisoformat(timestamp).timestamp()
