"""`kubectl eureka drill` where it cannot be carried out, or is stopped, on an API server alone."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from cluster.plan import Plan
from kubectl_eureka.core.drill import LABEL, PREFIX, RIGHTS
from processes.cluster import until
from support.kubectl import Kubectl

PROGRAM: Final = [sys.executable, "-m", "kubectl_eureka", "drill"]
PATIENCE_S: Final = 60
NO_ANSWER: Final = 3
_FINALIZERS: Final = '{"metadata": {"finalizers": ["example.com/held"]}}'
_NO_FINALIZERS: Final = '{"metadata": {"finalizers": null}}'
LABELS: Final = {
    "app.kubernetes.io/name": "eurekube",
    "app.kubernetes.io/component": "operator",
}


def run_drill(kubeconfig: Path) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        [*PROGRAM, f"--kubeconfig={kubeconfig}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def drill_namespaces(api: Kubectl) -> list[str]:
    """The namespaces of drills."""
    found = api.get("namespaces", f"--selector={LABEL}")["items"]
    return [each["metadata"]["name"] for each in found]


def operator(*flags: str) -> str:
    """The Deployment of an operator that never runs."""
    container = {"name": "operator", "image": "eurekube/operator:0", "args": ["run", *flags]}
    return json.dumps(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "eurekube-operator", "labels": LABELS},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": LABELS},
                "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}},
            },
        }
    )


def _rule(resource: str, *verbs: str) -> dict[str, Any]:
    return {"apiGroups": [""], "resources": [resource], "verbs": verbs}


@pytest.fixture
def user_kubeconfig(cluster: Plan, kubectl: Kubectl, tmp_path: Path) -> Iterator[Path]:
    """The kubeconfig of an account that may make namespaces, list pods and read logs."""
    name = kubectl.namespace
    role = json.dumps(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name},
            "rules": [
                _rule("namespaces", "create", "get", "delete"),
                _rule("pods", "list"),
                _rule("pods/log", "get"),
            ],
        }
    )
    kubectl("create", "serviceaccount", "somebody")
    kubectl.apply(role)
    account = f"--serviceaccount={name}:somebody"
    kubectl("create", "clusterrolebinding", name, f"--clusterrole={name}", account)
    may = ("auth", "can-i", "list", "pods", f"--as=system:serviceaccount:{name}:somebody")
    until(lambda: kubectl.run_unchecked(*may).returncode == 0)
    document: dict[str, Any] = yaml.safe_load(cluster.kubeconfig.read_text())
    document["users"][0]["user"] = {"token": kubectl("create", "token", "somebody").strip()}
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(document))
    yield file
    kubectl("delete", "clusterrolebinding", name)
    kubectl("delete", "clusterrole", name)


@pytest.mark.usefixtures("no_crd")
def test_a_cluster_without_eurekube_is_a_sentence(cluster: Plan, api: Kubectl) -> None:
    """Exit code 3, and nothing is made."""
    done = run_drill(cluster.kubeconfig)

    assert done.returncode == NO_ANSWER
    assert "Eurekube is not installed" in done.stderr
    assert drill_namespaces(api) == []


@pytest.mark.usefixtures("crd")
def test_rights_that_are_missing_are_named_before_anything_is_made(
    user_kubeconfig: Path, api: Kubectl
) -> None:
    """All of them at once, and none of those that are there."""
    done = run_drill(user_kubeconfig)

    assert done.returncode == NO_ANSWER
    missing = done.stderr.partition("missing in a new namespace: ")[2].partition(";")[0].split(", ")
    there = {"create namespaces", "get namespaces", "delete namespaces", "list pods"}
    there.add("get pods/log")
    assert {*missing} == {str(each) for each in RIGHTS} - there
    assert drill_namespaces(api) == []


@pytest.mark.usefixtures("crd")
def test_an_operator_that_would_not_look_after_it_is_a_sentence(
    cluster: Plan, kubectl: Kubectl, api: Kubectl
) -> None:
    """None is installed; or only one for some namespaces."""
    none = run_drill(cluster.kubeconfig)
    kubectl.apply(operator("--namespaces=team-a,team-b"))
    limited = run_drill(cluster.kubeconfig)
    kubectl("delete", "deployment", "eurekube-operator")

    assert (none.returncode, limited.returncode) == (NO_ANSWER, NO_ANSWER)
    assert "no operator is installed" in none.stderr
    assert "looks after namespace team-a, team-b only" in limited.stderr
    assert drill_namespaces(api) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.usefixtures("crd")
def test_a_signal_removes_what_was_made(
    cluster: Plan, kubectl: Kubectl, api: Kubectl, number: signal.Signals
) -> None:
    """Its exit code is that of the signal; namespaces of others are named, and stay."""
    before = {*drill_namespaces(api)}  # of the test before, which may still be removed
    other = f"{PREFIX}{kubectl.namespace}"
    kubectl.apply(operator())
    api("create", "namespace", other)
    api("label", "namespace", other, f"{LABEL}=true")
    try:
        with subprocess.Popen(
            [*PROGRAM, f"--kubeconfig={cluster.kubeconfig}"], stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                until(lambda: {*drill_namespaces(api)} - before - {other})
                process.send_signal(number)
                _, said = process.communicate(timeout=PATIENCE_S)
            finally:
                process.kill()

        assert process.returncode == 128 + number
        assert f"kubectl delete namespace {other}" in said
        assert f"{number.name}: removing what was made" in said
        assert "is removed\n" in said
        assert {*drill_namespaces(api)} - before == {other}
    finally:
        api("delete", "namespace", other, "--wait=false")
        kubectl("delete", "deployment", "eurekube-operator")


@pytest.mark.usefixtures("crd")
def test_a_second_signal_does_not_wait_for_the_removal(
    cluster: Plan, kubectl: Kubectl, api: Kubectl
) -> None:
    """The namespace is being removed by then; a finalizer in it takes its time."""
    before = {*drill_namespaces(api)}
    kubectl.apply(operator())
    held: tuple[str, ...] = ()
    try:
        with subprocess.Popen(
            [*PROGRAM, f"--kubeconfig={cluster.kubeconfig}"], stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                until(lambda: {*drill_namespaces(api)} - before)
                (name,) = {*drill_namespaces(api)} - before
                held = ("configmap/held", f"--namespace={name}", "--type=merge")
                api("create", "configmap", "held", f"--namespace={name}")
                api("patch", *held, f"--patch={_FINALIZERS}")
                process.send_signal(signal.SIGINT)
                until(lambda: "deletionTimestamp" in api.get("namespace", name)["metadata"])
                process.send_signal(signal.SIGINT)
                _, output = process.communicate(timeout=PATIENCE_S)
            finally:
                process.kill()

        assert process.returncode == 128 + signal.SIGINT
        assert f"not waited for: kubectl delete namespace {name} removes what is left" in output
        assert name in drill_namespaces(api)
    finally:
        if held:
            api("patch", *held, f"--patch={_NO_FINALIZERS}")
        kubectl("delete", "deployment", "eurekube-operator")
