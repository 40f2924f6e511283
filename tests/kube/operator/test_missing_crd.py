"""The operator without the CRD of EurekaClusters."""

from __future__ import annotations

import pytest

from cluster.plan import Plan
from kube.operator.objects import CRD_NAME, eureka_cluster, install, lease
from kube.operator.replica import Replica
from support.kubectl import Kubectl

pytestmark = pytest.mark.usefixtures("no_crd")


def test_missing_crd_is_said_and_waited_for(cluster: Plan, kubectl: Kubectl, api: Kubectl) -> None:
    """In log and readiness; kopf alone would be idle for ever."""
    sentence = f"the CustomResourceDefinition {CRD_NAME} is not installed; waiting for it"
    with Replica(cluster.kubeconfig, kubectl.namespace) as replica:
        replica.wait_for_text(sentence)
        assert replica.answer("/readyz") == (503, f"{sentence}\n")
        assert replica.answer("/livez") == (200, "ok\n")

        install(api)
        kubectl.apply(eureka_cluster("eureka"))

        replica.passed("eureka")
        assert replica.answer("/readyz") == (200, "ok\n")
        assert replica.log_text().count(sentence) == 1


def test_crd_that_is_deleted_ends_the_process_in_words(
    cluster: Plan, kubectl: Kubectl, api: Kubectl
) -> None:
    """The kubelet starts it again, and then it waits."""
    install(api)
    with Replica(cluster.kubeconfig, kubectl.namespace, "--resync=3600") as replica:
        replica.wait_for_text("watching EurekaClusters")

        api("delete", "crd", CRD_NAME)

        assert replica.ended() == 1
        assert f"was the CustomResourceDefinition {CRD_NAME} deleted?" in replica.log_text()
    assert lease(kubectl)["holderIdentity"] == ""
