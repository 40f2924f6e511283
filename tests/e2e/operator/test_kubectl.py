"""`kubectl eureka` as people use it: three peers, a wrong pod, and a report to show to others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from e2e.clusters import Target
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from processes.cluster import until

PLANTED: Final = "hunter2-Zq9-planted"
APP: Final = "WRONG"
ID: Final = "wrong-1"
DOCUMENT: Final = {
    "instance": {
        "instanceId": ID,
        "hostName": "localhost",
        "app": APP,
        "ipAddr": "127.0.0.1",
        "vipAddress": "wrong",
        "status": "UP",
        "port": {"$": 8080, "@enabled": "true"},
        "dataCenterInfo": {
            "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
            "name": "MyOwn",
        },
        "leaseInfo": {"renewalIntervalInSecs": 30, "durationInSecs": 600},
        "metadata": {"password": PLANTED},
    }
}
REGISTER: Final = """
import sys, urllib.request
headers = {"Content-Type": "application/json"}
url = "http://127.0.0.1:8761/eureka/apps/WRONG"
request = urllib.request.Request(url, sys.argv[1].encode(), headers, method="POST")
urllib.request.urlopen(request, timeout=10)
"""
PODS: Final = f"""
apiVersion: v1
kind: Secret
metadata: {{name: planted}}
stringData: {{password: {PLANTED}}}
---
apiVersion: v1
kind: Pod
metadata:
  name: wrong
  annotations:
    example.com/note: {PLANTED}
    eurekube.io/registry: http://user:{PLANTED}@peer1:8761/eureka/
spec:
  nodeSelector: {{no: such-node}}
  containers:
  - name: app
    image: shop/wrong:1
    env:
    - {{name: EUREKA_CLIENT_SERVICEURL_DEFAULTZONE, value: "http://u:{PLANTED}@peer1:8761/eureka/"}}
    - {{name: DB_PASSWORD, value: {PLANTED}}}
"""
"""It never runs; what is wrong with it can be seen without that."""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def wrong(shared: EkcCluster) -> Iterator[EkcCluster]:
    """Three peers, an instance that registers localhost, and a pod with several mistakes."""
    kubectl = shared.kubectl
    kubectl.apply(PODS)
    pod = next(iter(shared.alias_pods.values()))
    kubectl("exec", pod, "--", "python3", "-c", REGISTER, json.dumps(DOCUMENT))
    until(lambda: all(APP in shared.apps(each) for each in shared.pods), PATIENCE_S)
    yield shared
    kubectl("delete", "pod", "wrong", "--wait=false")


@pytest.fixture
def run(wrong: EkcCluster, target: Target) -> Run:
    """Runs the program in the cluster's network, as kubectl there."""
    program = [sys.executable, "-m", "kubectl_eureka"]
    flags = [f"--namespace={wrong.kubectl.namespace}", f"--kubeconfig={target.kubeconfig}"]

    def run(verb: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*program, verb, *flags, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "KUBECONFIG": str(target.kubeconfig)},
        )

    return run


def test_status_shows_peers_that_agree(run: Run, wrong: EkcCluster) -> None:
    """With self-preservation's sentence; nothing is amiss."""
    until(lambda: run("status").returncode == 0, PATIENCE_S)
    found: list[dict[str, Any]] = []

    def agrees() -> bool:
        found[:] = json.loads(run("status", "-o", "json").stdout)
        return all(each["agreement"] == "agreed" for each in found[0]["peers"])

    until(agrees, PATIENCE_S)

    assert [each["name"] for each in found[0]["peers"]] == ["peer1", "peer2", "peer3"]
    assert all(each["ready"] and each["available"] for each in found[0]["peers"])
    assert len(found[0]["selfPreservation"]) == 3
    table = run("status", wrong.name).stdout
    assert "self-preservation" in table
    assert table.count("agreed") == 3


def test_an_instance_is_listed_goes_out_and_comes_back(run: Run, wrong: EkcCluster) -> None:
    """At every peer, as peers tell each other."""

    def statuses() -> set[str]:
        return {
            instance["status"]
            for pod in wrong.pods
            for application in wrong.listed(pod)
            for instance in application["instance"]
            if application["name"] == APP
        }

    listed = run("ls", APP)
    assert (listed.returncode, ID in listed.stdout) == (0, True), listed.stderr
    out = run("out", f"{APP}/{ID}")
    assert out.returncode == 0, out.stderr
    until(lambda: statuses() == {"OUT_OF_SERVICE"}, PATIENCE_S)
    assert run("in", f"{APP}/{ID}").returncode == 0
    until(lambda: statuses() == {"UP"}, PATIENCE_S)
    assert "It is UP." in run("get", f"{APP}/{ID}").stdout
    assert run("get", f"{APP}/nobody").returncode == 3
    until(lambda: run("diff", "peer1", "peer2").returncode == 0, PATIENCE_S)
    assert run("diff", "peer1", "peer9").returncode == 2


def test_doctor_finds_what_is_wrong(run: Run) -> None:
    """In the registry, and in the pod; no password is repeated."""
    done = run("doctor", "-o", "json")

    assert done.returncode == 1, done.stderr
    found = {(each["code"], each["about"].split("/")[-1]) for each in json.loads(done.stdout)}
    assert {
        ("address_localhost", ID),
        ("one_peer_only", "wrong"),
        ("service_links", "wrong"),
    } <= found
    assert PLANTED not in done.stdout + done.stderr


def test_a_report_holds_no_planted_secret(run: Run, tmp_path: Path) -> None:
    """But objects, events, logs, what peers say, and metrics."""
    file = tmp_path / "report.tar.gz"

    done = run("report", "-f", str(file))

    assert done.returncode == 0, done.stderr
    with tarfile.open(file) as archive:
        parts = {each.name.partition("/")[2]: _text(archive, each) for each in archive}
    assert not [name for name, text in parts.items() if PLANTED in text]
    names = "\n".join(parts)
    for part in ("eurekacluster.yaml", "peers/", "metrics/", "logs/", "events.yaml", "apps.json"):
        assert part in names, names
    assert "operator/logs/" in names
    assert file.stat().st_mode & 0o077 == 0


def test_plan_counts_with_the_operator_that_is_installed(
    run: Run, wrong: EkcCluster, tmp_path: Path
) -> None:
    """Its images and its namespace: nothing is to do for the object that is there."""
    file = tmp_path / "eureka.json"
    file.write_text(json.dumps(wrong.document))

    done = run("plan", "--live", "-f", str(file))

    assert done.returncode == 0, done.stderr
    assert "nothing to do" in done.stdout, done.stdout


def _text(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    found = archive.extractfile(member)
    assert found is not None
    return found.read().decode()
