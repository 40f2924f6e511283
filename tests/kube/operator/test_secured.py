"""What the operator does with Secrets, on a real API server."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from eureka_operator.core.desired.common import Environment
from eureka_operator.reconcile import Reconciler
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.metrics import Metrics
from eureka_operator.shell.queue import Key
from eureka_operator.shell.turns import Turns
from support.kubectl import Kubectl

pytestmark = pytest.mark.usefixtures("crd")

OBJECT = {
    "apiVersion": "eurekube.io/v1alpha1",
    "kind": "EurekaCluster",
    "metadata": {"name": "eureka"},
    "spec": {
        "tls": {},
        "auth": {
            "type": "ServiceAccount",
            "names": [{"namespaceSelector": {}, "patterns": ["ORDERS*"]}],
        },
    },
}


@pytest.fixture
async def reconciler(kubectl: Kubectl, kube: Kube) -> Reconciler:
    """The cluster was looked at twice."""
    kubectl.apply(json.dumps(OBJECT))
    around = Environment(registry_image="eurekube/registry:test", version="0.1.0")
    found = Reconciler(kube, around, Metrics(), Turns(), lambda: datetime.now(UTC))
    for _ in range(2):
        await found.reconcile(Key(kubectl.namespace, "eureka"))
    return found


def data(kubectl: Kubectl, name: str) -> dict[str, str]:
    """What a Secret holds."""
    found: dict[str, str] = kubectl.get("secret", name)["data"]
    return {key: base64.b64decode(text).decode() for key, text in found.items()}


def condition(kubectl: Kubectl, kind: str) -> dict[str, Any]:
    """One condition of the cluster."""
    found = kubectl.get("ekc", "eureka")["status"]["conditions"]
    return next(each for each in found if each["type"] == kind)


async def test_secrets_keys_and_status_are_as_the_api_server_takes_them(
    kubectl: Kubectl, reconciler: Reconciler
) -> None:
    """Media types, types of Secrets, rules of the CRD."""
    assert data(kubectl, "eureka-tls").keys() == {"ca.crt", "ca.key", "tls.crt", "tls.key"}
    assert data(kubectl, "eureka-peer").keys() == {"password", "credentials"}
    files = kubectl.get("configmap", "eureka-config")["data"]
    policy = json.loads(files["auth.yaml"])["service_accounts"]
    assert policy["issuers"][0].startswith("https://")
    assert policy["names"][kubectl.namespace] == ["ORDERS*"]
    assert json.loads(files["keys.json"])["keys"][0]["kty"] in {"EC", "RSA"}
    assert (
        kubectl.get("configmap", "eureka-ca")["data"]["ca.crt"]
        == data(kubectl, "eureka-tls")["ca.crt"]
    )
    status = kubectl.get("ekc", "eureka")["status"]
    assert status["tls"]["secretName"] == "eureka-tls"
    assert condition(kubectl, "TLSReady")["status"] == "True"
    assert condition(kubectl, "AuthReady")["status"] == "True"
    version = kubectl.get("secret", "eureka-tls")["metadata"]["resourceVersion"]
    await reconciler.reconcile(Key(kubectl.namespace, "eureka"))
    assert kubectl.get("secret", "eureka-tls")["metadata"]["resourceVersion"] == version


async def test_certificate_that_somebody_takes_out_is_made_anew(
    kubectl: Kubectl, reconciler: Reconciler
) -> None:
    """As the page says; the API server lets people do it."""
    before = data(kubectl, "eureka-tls")
    lost = json.dumps([{"op": "remove", "path": "/data/tls.crt"}])
    kubectl("patch", "secret", "eureka-tls", "--type=json", f"--patch={lost}")

    await reconciler.reconcile(Key(kubectl.namespace, "eureka"))

    after = data(kubectl, "eureka-tls")
    assert after["tls.crt"] != before["tls.crt"]
    assert after["ca.crt"] == before["ca.crt"]


async def test_deleted_secrets_come_back(kubectl: Kubectl, reconciler: Reconciler) -> None:
    """With what they held."""
    before = data(kubectl, "eureka-tls"), data(kubectl, "eureka-peer")
    kubectl("delete", "secret", "eureka-tls", "eureka-peer")

    await reconciler.reconcile(Key(kubectl.namespace, "eureka"))

    assert (data(kubectl, "eureka-tls"), data(kubectl, "eureka-peer")) == before
    events = kubectl.get("events", "--field-selector=reason=SecretRestored")["items"]
    assert len(events) == 2
