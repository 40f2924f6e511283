"""The product works on kind: what people try first, from `helm install` to an empty cluster.

Everything else is tested on clusters of tests.cluster's own, and on kind with `make e2e-kind`.
"""

from __future__ import annotations

import json
from typing import Final

from e2e.clusters import Target
from e2e.injection.manifests import deployment, pod_spec, serving
from e2e.injection.registered import has_sidecar, ids_up, instances, pods_of
from e2e.operator.ekc import LABEL, PATIENCE_S, EkcCluster
from e2e.operator.installed import Operator
from processes.cluster import until

APP: Final = "orders"
CHILDREN: Final = (
    "pods,services,configmaps,serviceaccounts,statefulsets,poddisruptionbudgets,networkpolicies"
)
RELEASED: Final = (
    "deployments,pods,services,serviceaccounts,roles,rolebindings,clusterroles,"
    "clusterrolebindings,mutatingwebhookconfigurations"
)


def test_three_peers_are_ready_and_agree(peers: EkcCluster) -> None:
    """Each is in the view of every other, and all have one list of peers."""
    peers.wait_agreed()

    assert [pod.ready for pod in peers.pods.values()] == [True, True, True]


def test_injected_pod_is_registered_while_it_is_there(target: Target, peers: EkcCluster) -> None:
    """Nothing in the Deployment is about Eureka: the webhook is called, and the sidecar works."""
    peers.kubectl.apply(json.dumps(deployment(APP, pod_spec(serving(target)))))
    until(lambda: len(ids_up(instances(peers, APP))) == 1, PATIENCE_S)
    (pod,) = pods_of(peers.kubectl, APP).values()
    (instance,) = instances(peers, APP).values()
    assert has_sidecar(pod)
    assert instance["ipAddr"] == pod["status"]["podIP"]

    peers.kubectl("delete", "deployment", APP, "--timeout=150s")
    until(lambda: instances(peers, APP) == {}, PATIENCE_S)


def test_deletion_leaves_nothing(target: Target, operator: Operator, peers: EkcCluster) -> None:
    """Neither of an EurekaCluster nor of the release; the CRDs stay, as Helm has it."""
    peers.delete()
    until(lambda: _names(target, CHILDREN, f"{LABEL}={peers.name}") == [], PATIENCE_S)

    operator.uninstall()
    release = f"app.kubernetes.io/instance={operator.release}"
    until(lambda: _names(target, RELEASED, release) == [], PATIENCE_S)


def _names(target: Target, kinds: str, selector: str) -> list[str]:
    words = ("get", kinds, "--all-namespaces", f"--selector={selector}", "--output=name")
    return target.kubectl(*words).split()
