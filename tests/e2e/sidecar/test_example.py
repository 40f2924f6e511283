"""The Deployment that docs/sidecar.md tells its reader to copy from, with our images."""

from __future__ import annotations

import json
from typing import Any, Final

import yaml

from cluster.images import REGISTRY, ROOT, SIDECAR
from e2e.clusters import Target
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from processes.cluster import until

EXAMPLE: Final = ROOT / "examples" / "pods" / "orders.yaml"


def test_example_is_in_the_registry_and_says_so(target: Target, shared: EkcCluster) -> None:
    """Both pods are UP at every peer, with what their annotations and the downward API say."""
    kubectl = shared.kubectl
    kubectl.apply(json.dumps(_with_our_images(target)))
    kubectl("rollout", "status", "deployment/orders", f"--timeout={PATIENCE_S:.0f}s")

    until(lambda: len(shared.apps("eureka-peer-1").get("ORDERS", ())) == 2, PATIENCE_S)
    pods = kubectl.get("pods", "--selector=app=orders")["items"]
    wanted = {f"{pod['metadata']['name']}.{kubectl.namespace}:orders:8080" for pod in pods}
    until(lambda: shared.apps("eureka-peer-3").get("ORDERS") == wanted, PATIENCE_S)

    name = pods[0]["metadata"]["name"]
    status = ("exec", name, "--container=eureka-sidecar", "--", "eureka-sidecar", "status")
    for words in ("clients      find it", f"{pods[0]['status']['podIP']}:8080/ answered 200"):
        until(lambda words=words: words in kubectl.run_unchecked(*status).stdout, PATIENCE_S)  # type: ignore[misc] # mypy does not see the default

    kubectl("delete", "deployment", "orders", "--wait=false")
    until(lambda: "ORDERS" not in shared.apps("eureka-peer-2"), PATIENCE_S)
    phases = {
        pod["status"]["phase"] for pod in kubectl.get("pods", "--selector=app=orders")["items"]
    }
    assert phases == {"Running"}  # they still serve those who have them in their caches
    kubectl("delete", "pods", "--selector=app=orders", "--grace-period=1", "--wait=false")


def _with_our_images(target: Target) -> dict[str, Any]:
    deployment: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
    pod = deployment["spec"]["template"]["spec"]
    pod["initContainers"][0]["image"] = target.image(SIDECAR)
    pod["containers"][0]["image"] = target.image(REGISTRY)
    return deployment
