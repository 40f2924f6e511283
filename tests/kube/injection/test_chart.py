"""The chart's webhook through installs, upgrades and uninstalls, by each way that people have."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml

from cluster import parts
from cluster.plan import Plan
from eureka_operator.shell.certificates import BUNDLE_MANAGER
from eureka_operator.shell.selected import SELECTION_MANAGER
from kube.injection.chain import WEBHOOK, ApiServer
from support import helm as helms
from support.helm import Helm
from support.kubectl import Kubectl
from support.ownclusters import show_progress
from support.rendering import OPERATOR

RELEASE: Final = "mine"
NAME: Final = f"{RELEASE}-eurekube-injector"
BUNDLE: Final = base64.b64encode(b"a bundle").decode()
_FAIL: Final = ("--set", "injector.failurePolicy=Fail")
_OTHER: Final = "shop.clusters.injector.eurekube.io"


@pytest.fixture(params=helms.VERSIONS, ids="helm-{}".format)
def helm(
    cluster: Plan, kubectl: Kubectl, request: pytest.FixtureRequest, pytestconfig: pytest.Config
) -> Iterator[Helm]:
    """A Helm in the test's namespace, whose release is gone afterwards."""
    with show_progress(pytestconfig):
        parts.build(parts.helm(request.param))
    found = helms.helm(cluster, kubectl.namespace, str(request.param))
    yield found
    found.run_unchecked("uninstall", RELEASE)


def test_upgrade_keeps_what_the_operator_has_put_into_the_webhook(
    cluster: Plan, helm: Helm, kubectl: Kubectl
) -> None:
    """Emptied by an upgrade, `caBundle` would let pods start without a sidecar until it is back."""
    helm.install(RELEASE, OPERATOR, "--take-ownership")
    assert all("caBundle" not in each["clientConfig"] for each in _webhooks(kubectl).values())
    _publish(cluster, kubectl)

    helm.upgrade(RELEASE, OPERATOR, *_FAIL)

    found = _webhooks(kubectl)
    assert {each["clientConfig"]["caBundle"] for each in found.values()} == {BUNDLE}
    assert [name for name, each in found.items() if each["failurePolicy"] != "Fail"] == [_OTHER]

    helm.upgrade(RELEASE, OPERATOR, "--set", "injector.enabled=false")

    assert kubectl.run_unchecked("get", WEBHOOK, NAME).returncode != 0
    assert "injector" not in kubectl("get", "deployments,services,serviceaccounts", "-o", "name")


def test_uninstall_leaves_no_webhook_behind(cluster: Plan, helm: Helm, kubectl: Kubectl) -> None:
    """One that leads nowhere would slow down, or stop, each new pod of the cluster."""
    helm.install(RELEASE, OPERATOR, "--take-ownership")
    _publish(cluster, kubectl)

    helm.uninstall(RELEASE)

    assert kubectl.run_unchecked("get", WEBHOOK, NAME).returncode != 0
    left = kubectl("get", "clusterroles,clusterrolebindings", "-o", "name")
    assert RELEASE not in left


@pytest.mark.parametrize("server_side", [True, False])
def test_apply_of_the_rendered_chart_keeps_it_too(
    cluster: Plan,
    kubectl: Kubectl,
    server_side: bool,  # noqa: FBT001 - pytest's
) -> None:
    """As Argo CD and Flux do it, and people without Helm in the cluster."""
    helm = helms.helm(cluster, kubectl.namespace)
    words = ["apply", "-f", "-", *(["--server-side"] if server_side else [])]
    texts = [_of_injector(helm.template(RELEASE, OPERATOR, *more)) for more in ((), _FAIL)]
    kubectl(*words, given=texts[0])
    try:
        _publish(cluster, kubectl)

        kubectl(*words, given=texts[1])

        found = _webhooks(kubectl)
        assert {each["clientConfig"]["caBundle"] for each in found.values()} == {BUNDLE}
        assert found[_OTHER]["failurePolicy"] == "Ignore"
        diff = (["diff", "--server-side"] if server_side else ["diff"]) + ["-f", "-"]
        assert kubectl.run_unchecked(*diff, given=texts[1]).stdout == ""
    finally:
        kubectl("delete", "-f", "-", given=texts[1])
    assert kubectl.run_unchecked("get", WEBHOOK, NAME).returncode != 0


def _publish(cluster: Plan, kubectl: Kubectl) -> None:
    """Do as the operator does: a webhook of its own, and `caBundle` in all."""
    webhook = next(iter(_webhooks(kubectl).values()))
    own = {**webhook, "name": _OTHER, "failurePolicy": "Ignore"}
    _apply(cluster, SELECTION_MANAGER, [own])
    named = [{"name": name, "clientConfig": {"caBundle": BUNDLE}} for name in _webhooks(kubectl)]
    _apply(cluster, BUNDLE_MANAGER, named)


def _apply(cluster: Plan, manager: str, webhooks: list[dict[str, Any]]) -> None:
    """Apply by a request: kubectl would give all that it has applied itself to this manager."""
    document = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": NAME},
        "webhooks": webhooks,
    }
    path = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{NAME}"
    query = f"?fieldManager={manager}&force=true"
    kind = "application/apply-patch+yaml"
    said = ApiServer(cluster.kubeconfig).send("PATCH", path + query, document, kind)
    assert json.loads(said)["kind"] == document["kind"], said


def _webhooks(kubectl: Kubectl) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in kubectl.get(WEBHOOK, NAME)["webhooks"]}


def _of_injector(text: str) -> str:
    """The objects of the injector, which are what this is about."""
    found = [each for each in yaml.safe_load_all(text) if each]
    return yaml.safe_dump_all(each for each in found if each["metadata"]["name"] == NAME)
