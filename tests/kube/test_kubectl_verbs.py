"""`kubectl eureka status`, `doctor`, `report` and `plan` on a real API server without nodes."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from cluster.plan import Plan
from eureka_operator.core.kinds import CLUSTER
from kube.operator.objects import install
from kubectl_eureka.__main__ import main
from processes.cluster import until
from support.clusterobjects import document
from support.kubectl import Kubectl

PLANTED: Final = "hunter2-Zq9-planted"
PODS: Final = f"""
apiVersion: v1
kind: Pod
metadata: {{name: early, labels: {{app: early}}}}
spec:
  containers:
  - name: app
    image: shop/early:1
    ports: [{{containerPort: 8080}}]
    env: [{{name: EUREKA_URL, value: "http://user:{PLANTED}@peer1:8761/eureka/"}}]
---
apiVersion: v1
kind: Service
metadata: {{name: eureka}}
spec: {{ports: [{{port: 8761}}], selector: {{app: eureka}}}}
"""
STATUS: Final = {
    "phase": "Degraded",
    "peers": [
        {"name": f"peer{number}", "index": number, "state": state, "url": "http://peer/eureka/"}
        for number, state in ((1, "Pending"), (2, "Pending"))
    ],
    "conditions": [
        {
            "type": kind,
            "status": status,
            "observedGeneration": 1,
            "lastTransitionTime": "2026-11-29T02:25:29Z",
            "reason": "PeersNotReady",
            "message": "0 of 2 peers are ready",
        }
        for kind, status in (("Ready", "False"), ("Degraded", "True"), ("Available", "True"))
    ],
}


class Done(NamedTuple):
    """What came of a command."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture(scope="module")
def shop(api: Kubectl) -> Iterator[Kubectl]:
    """A namespace with a registry whose peers do not run, and a pod with mistakes."""
    install(api)
    with api.in_a_namespace("shop") as kubectl:
        kubectl.apply(json.dumps(document({"replicas": 2}, "eureka")))
        patch = json.dumps({"status": STATUS})
        ref = f"{CLUSTER.plural}/eureka"
        kubectl("patch", ref, "--subresource=status", "--type=merge", f"--patch={patch}")
        until(lambda: kubectl.run_unchecked("get", "serviceaccount", "default").returncode == 0)
        kubectl.apply(PODS)
        name = kubectl.namespace
        Kubectl(kubectl.program)("label", "namespace", name, "eurekube.io/inject=enabled")
        yield kubectl


@pytest.fixture
def run(cluster: Plan, shop: Kubectl, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the program in this process, which has loaded it already."""
    flags = (f"--kubeconfig={cluster.kubeconfig}", f"--namespace={shop.namespace}")

    def run(verb: str, *words: str) -> Done:
        return Done(main([verb, *flags, *words]), *capsys.readouterr())

    return run


def test_status_names_what_is_amiss_and_the_cure(run: Run, shop: Kubectl) -> None:
    """Peers that cannot be asked are said to be so; the exit code is for scripts."""
    done = run("status")
    (found,) = json.loads(run("status", "eureka", "-o", "json").out)

    assert done.code == 1
    cure = f"kubectl -n {shop.namespace} describe pods -l eurekube.io/cluster=eureka"
    assert f"EurekaCluster {shop.namespace}/eureka" in done.out
    assert cure in done.out
    assert {each["type"] for each in found["conditions"]} == {"Degraded", "Ready"}
    assert [each["agreement"] for each in found["peers"]] == ["no pod answers for it"] * 2
    assert run("status", "nobody").code == 3
    assert run("status", "-A").code == 1


def test_doctor_looks_at_pods_without_a_registry_that_answers(run: Run, shop: Kubectl) -> None:
    """The registry that cannot be asked is a note; what is ignored is left out."""
    done = run("doctor", "-o", "json")
    ignored = ("cluster_not_ready", "sidecar_missed", "service_links", "one_peer_only")
    calm = run("doctor", *(word for code in ignored for word in ("--ignore", code)))

    found = {(each["code"], each["about"]) for each in json.loads(done.out)}
    pod = f"Pod {shop.namespace}/early"
    assert found == {
        ("cluster_not_ready", f"EurekaCluster {shop.namespace}/eureka"),
        ("sidecar_missed", pod),
        ("service_links", pod),
        ("one_peer_only", pod),
    }
    assert done.code == 1
    assert "what the registry holds was not looked at" in done.err
    assert PLANTED not in done.out + done.err
    assert calm.code == 0, calm.out
    assert run("doctor", "--ignore", "nothing").code == 2


def test_a_registry_that_cannot_be_asked_is_no_traceback(run: Run) -> None:
    """With the Service, and what to look at."""
    for words in (("ls",), ("get", "A/b"), ("out", "A/b"), ("diff", "peer1", "peer2"), ("watch",)):
        done = run(*words)
        assert (done.code, done.out) == (3, ""), done
        assert "see kubectl eureka status" in done.err
    assert run("ls", "--cluster", "nobody").code == 3
    assert run("diff", "peer1", "peer7").code == 2
    assert run("get", "A").code == 2


def test_a_report_is_written_of_what_there_is(run: Run, tmp_path: Path) -> None:
    """What cannot be read is in its notes; an older file is not overwritten."""
    file = tmp_path / "report.tar.gz"

    done = run("report", "-f", str(file))
    again = run("report", "-f", str(file))

    assert done.code == 0, done.err
    assert (again.code, "already" in again.err) == (2, True)
    with tarfile.open(file) as archive:
        names = {each.name.partition("/")[2] for each in archive}
        notes = _read(archive, "notes.txt")
        assert not [name for name in names if PLANTED in _read(archive, name)]
    assert {"README.txt", "status.json", "version.json"} <= names
    assert "its instances" in notes


def test_plan_is_the_operators(run: Run, tmp_path: Path) -> None:
    """With `--live` it is compared with what is there."""
    file = tmp_path / "eureka.yaml"
    body: dict[str, Any] = document({"replicas": 2}, "eureka")
    file.write_text(json.dumps(body))

    offline = run("plan", "-f", str(file))
    live = run("plan", "-f", str(file), "--live")

    assert (offline.code, live.code) == (0, 0), live.err
    assert "without --live" in offline.out
    assert "without --live" not in live.out
    assert "create" in live.out
    assert main(["plan", "-f", str(tmp_path / "none")]) == 2


def _read(archive: tarfile.TarFile, name: str) -> str:
    for member in archive.getmembers():
        if member.name.partition("/")[2] == name:
            found = archive.extractfile(member)
            assert found is not None
            return found.read().decode()
    raise AssertionError(name)
