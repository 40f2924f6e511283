"""Objects that the operator's tests make."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from processes.cluster import until
from support.kubectl import Kubectl

CRDS = sorted((Path(__file__).parents[3] / "crds").glob("*.yaml"))
CRD_NAME = "eurekaclusters.eurekube.io"
REGISTRATION_CRD_NAME = "eurekaregistrations.eurekube.io"
EUREKA_CLUSTER = """
apiVersion: eurekube.io/v1alpha1
kind: EurekaCluster
metadata:
  name: eureka
spec: {}
"""
CHILD = """
apiVersion: v1
kind: ConfigMap
metadata:
  name: eureka-config
  labels: {eurekube.io/cluster: eureka}
"""
DEAD_API = """
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.dead.example}
spec:
  group: dead.example
  version: v1
  groupPriorityMinimum: 1000
  versionPriority: 10
  insecureSkipTLSVerify: true
  service: {name: nobody, namespace: default}
"""


def eureka_cluster(name: str) -> str:
    """The shortest EurekaCluster."""
    return EUREKA_CLUSTER.replace("eureka\n", f"{name}\n")


def install(api: Kubectl) -> None:
    """Have the CRDs, and wait until they are served."""
    for path in CRDS:
        api.apply(path.read_text())
    for name in (CRD_NAME, REGISTRATION_CRD_NAME):
        until(partial(_is_served, api, name))


def _is_served(api: Kubectl, name: str) -> bool:
    return api.run_unchecked("get", name).returncode == 0


def lease(kubectl: Kubectl) -> dict[str, Any]:
    """What the Lease says."""
    return dict(kubectl.get("lease", "eurekube-operator")["spec"])
