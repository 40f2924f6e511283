"""The charts before a real API server: what it would refuse, and what releases do to each other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import pytest
import yaml

from cluster import parts
from cluster.errors import CannotRunError, ClusterError
from cluster.plan import Plan
from conformance.realclient import not_run
from eureka_operator.api.selectors import Selector
from eureka_operator.api.spec import Injection
from eureka_operator.core.injection.config import RegistryTarget
from eureka_operator.core.injection.webhooks import selected_webhooks
from eureka_operator.shell.selected import SELECTION_MANAGER
from support import helm as helms
from support.helm import Helm
from support.kubectl import Kubectl
from support.ownclusters import show_progress
from support.rendering import (
    CLUSTER,
    CLUSTER_VALUES,
    OPERATOR,
    OPERATOR_VALUES,
    Values,
    of_kind,
    rendered,
    rendered_text,
)

CRD: Final = OPERATOR / "files" / "crds" / "eurekacluster.yaml"
_APPLY: Final = ("apply", "--server-side", "--validate=strict", "-f", "-")
_DRY: Final = (*_APPLY, "--dry-run=server")


@pytest.fixture(scope="module", params=helms.VERSIONS, ids="helm-{}".format)
def version(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> str:
    """A version of Helm, built if it is not there."""
    with show_progress(pytestconfig):
        parts.build(parts.helm(request.param))
    return str(request.param)


@pytest.fixture
def helm(cluster: Plan, kubectl: Kubectl, version: str) -> Helm:
    """Helm in the test's own namespace."""
    return helms.helm(cluster, kubectl.namespace, version)


@pytest.fixture(scope="module")
def crds(api: Kubectl, pytestconfig: pytest.Config) -> None:
    """The CRDs that rendered objects are judged by: ours, and the one of ServiceMonitors."""
    with show_progress(pytestconfig):
        try:
            folder = parts.build(parts.service_monitors())
        except (CannotRunError, ClusterError) as error:
            not_run("kube", f"no CRD of ServiceMonitors: {error}")
    for file in (CRD, folder / parts.SERVICE_MONITORS):
        api(*_APPLY, "--force-conflicts", given=file.read_text())
    api("wait", "--for=condition=Established", "crd", "--all", "--timeout=150s")


@pytest.fixture
def restricted_namespace(kubectl: Kubectl) -> Kubectl:
    """A namespace that enforces the restricted Pod Security Standard, and warns of workloads."""
    for mode in ("enforce", "warn"):
        label = f"pod-security.kubernetes.io/{mode}=restricted"
        kubectl("label", "namespace", kubectl.namespace, label)
    return kubectl


@pytest.mark.usefixtures("crds")
@pytest.mark.parametrize("values", OPERATOR_VALUES.values(), ids=OPERATOR_VALUES)
def test_api_server_takes_what_the_operators_chart_renders(
    helm: Helm, restricted_namespace: Kubectl, values: Values
) -> None:
    """Every field is known, and nothing but a node's network offends the restricted standard."""
    text = rendered_text(helm, OPERATOR, _in(restricted_namespace.namespace, values))
    for account in of_kind([*yaml.safe_load_all(text)], "ServiceAccount"):
        restricted_namespace.apply(json.dumps(account))  # pods are not taken without theirs

    taken = Kubectl(restricted_namespace.program).run_unchecked(
        *_DRY, "--force-conflicts", given=text
    )

    assert taken.returncode == 0, taken.stderr
    is_on_nodes = values.get("injector", {}).get("hostNetwork", False)
    assert ("PodSecurity" in taken.stderr) is is_on_nodes


@pytest.mark.usefixtures("crds")
def test_pod_that_may_more_is_warned_of(helm: Helm, restricted_namespace: Kubectl) -> None:
    """Or the test above would say nothing."""
    values = {"securityContext": {"allowPrivilegeEscalation": True}}
    text = rendered_text(helm, OPERATOR, values, "--skip-tests")

    warned = restricted_namespace.run_unchecked(*_DRY, "--force-conflicts", given=text)

    assert "PodSecurity" in warned.stderr


@pytest.mark.usefixtures("crds")
@pytest.mark.parametrize("values", CLUSTER_VALUES.values(), ids=CLUSTER_VALUES)
def test_api_server_takes_a_cluster_of_the_chart(
    helm: Helm, kubectl: Kubectl, values: Values
) -> None:
    """And a second look finds nothing to change."""
    text = rendered_text(helm, CLUSTER, values)
    kubectl(*_APPLY, given=text)

    compared = kubectl.run_unchecked("diff", "--server-side", "-f", "-", given=text)

    assert compared.returncode == 0, compared.stdout + compared.stderr


def test_operator_of_one_namespace_has_no_rights_elsewhere(helm: Helm, kubectl: Kubectl) -> None:
    """What the API server itself says that its account may do."""
    objects = rendered(helm, OPERATOR, {"watch": {"namespaces": [kubectl.namespace]}})
    access = [each for each in objects if each["kind"] in {"ServiceAccount", "Role", "RoleBinding"}]
    Kubectl(kubectl.program)(*_APPLY, given=yaml.safe_dump_all(access))

    def may(verb: str, what: str, namespace: str, *flags: str) -> bool:
        user = f"system:serviceaccount:{kubectl.namespace}:eurekube-operator"
        words = ["auth", "can-i", verb, what, f"--as={user}", f"--namespace={namespace}", "--quiet"]
        return Kubectl(kubectl.program).run_unchecked(*words, *flags).returncode == 0

    here = kubectl.namespace
    assert may("create", "statefulsets.apps", here)
    assert may("patch", "eurekaclusters.eurekube.io", here, "--subresource=status")
    assert not may("patch", "eurekaclusters.eurekube.io", here)
    assert may("update", "leases.coordination.k8s.io/eurekube-operator", here)
    assert not may("update", "leases.coordination.k8s.io/another", here)
    assert may("get", "secrets", here)
    assert not may("list", "secrets", here)
    assert not may("delete", "secrets", here)
    assert not may("get", "secrets", "default")
    assert not may("create", "pods", here)
    for verb in ("get", "list", "create", "delete"):
        assert not may(verb, "statefulsets.apps", "default")
        assert not may(verb, "eurekaclusters.eurekube.io", "default")
    assert may("get", "namespaces/kube-system", "kube-system")
    assert not may("get", "namespaces/default", "default")
    assert not may("get", "configmaps", "kube-system")


def test_release_is_installed_upgraded_and_uninstalled(helm: Helm, kubectl: Kubectl) -> None:
    """Nothing of it is left but the CRD, which another release then takes over."""
    values = ["--set", "crds.install=true", "--take-ownership"]
    said = helm.install("eurekube", OPERATOR, *values, *_namespaced(kubectl))
    assert "rollout status deployment/eurekube-operator" in said

    helm.upgrade("eurekube", OPERATOR, *values, *_namespaced(kubectl), "--set", "replicas=1")
    assert kubectl.get("deployment", "eurekube-operator")["spec"]["replicas"] == 1
    assert kubectl.get("poddisruptionbudgets")["items"] == []

    helm.uninstall("eurekube")

    assert kubectl.get("deployments,services,roles,networkpolicies")["items"] == []
    assert kubectl.get("crd", "eurekaclusters.eurekube.io")
    refused = helm.run_unchecked("install", "another", str(OPERATOR), *_namespaced(kubectl))
    assert "cannot be imported" in refused.stderr or "invalid ownership" in refused.stderr
    helm.install("another", OPERATOR, "--take-ownership", *_namespaced(kubectl))
    helm.uninstall("another")


@pytest.mark.usefixtures("crds")
def test_webhooks_of_chosen_namespaces_outlive_an_upgrade_and_not_the_release(
    helm: Helm, kubectl: Kubectl
) -> None:
    """The operator adds them to the chart's object, and has no right to make or delete one."""
    own, name = ["--set", "crds.install=false,fullnameOverride=chosen"], "chosen-injector"
    injection = Injection(namespace_selector=Selector({"team": "x"}), default=True)
    eureka = RegistryTarget("infra", "eureka", (), injection)

    def webhooks() -> list[str]:
        found = kubectl.get("mutatingwebhookconfiguration", name)["webhooks"]
        return [each["name"].partition(".injector")[0] for each in found]

    def have(*registries: RegistryTarget) -> None:
        live = kubectl.get("mutatingwebhookconfiguration", name)
        found = {key: live["metadata"][key] for key in ("name", "uid", "resourceVersion")}
        wanted = {**live, "metadata": found, "webhooks": selected_webhooks(registries, live)}
        kubectl(*_APPLY, f"--field-manager={SELECTION_MANAGER}", given=json.dumps(wanted))

    helm.install("chosen", OPERATOR, *own)
    try:
        have(eureka)
        helm.upgrade("chosen", OPERATOR, *own, "--set", "injector.failurePolicy=Fail")
        assert webhooks() == ["namespace", "pod", "eureka.infra.clusters"]
        have(eureka)
        have()
        assert webhooks() == ["namespace", "pod"]
        have(eureka)
    finally:
        helm.uninstall("chosen")
    assert kubectl.run_unchecked("get", "mutatingwebhookconfiguration", name).returncode == 1


@pytest.mark.usefixtures("crds")
def test_notes_name_the_next_command(helm: Helm, kubectl: Kubectl) -> None:
    """What to wait for, where clients go, and the trap that a Service called eureka is."""
    said = helm.install("mine", CLUSTER, "--set", "spec.replicas=2")

    wait = f"kubectl --namespace {kubectl.namespace} wait --for=condition=Ready ekc/eureka"
    assert wait in said
    assert "http://peer1:8761/eureka/\n  http://peer2:8761/eureka/\n  http://eureka:8761" in said
    assert "peer3" not in said
    assert "enableServiceLinks: false" in said
    assert kubectl.get("eurekaclusters", "eureka")["spec"]["replicas"] == 2


def _in(namespace: str, values: Values) -> Mapping[str, object]:
    """The same values; hooks of the release's namespace follow it by Helm."""
    return values if "watch" not in values else {**values, "watch": {"namespaces": [namespace]}}


def _namespaced(kubectl: Kubectl) -> list[str]:
    """Nothing beside the CRD is left in the cluster, whatever fails."""
    return ["--set", f"watch.namespaces={{{kubectl.namespace}}}"]
