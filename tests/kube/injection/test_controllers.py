"""Pods of controllers in a namespace that is strict in all that Kubernetes offers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml

from eureka_operator.core.injection.patches import CONTAINER
from eureka_operator.core.injection.status import INJECTED_LABEL, STATUS
from kube.injection.chain import Chain
from processes.cluster import until
from support.clusterobjects import document
from support.kubectl import Kubectl

_STRICT: Final = """
apiVersion: v1
kind: LimitRange
metadata: {name: limits}
spec:
  limits:
  - type: Container
    default: {cpu: 500m, memory: 128Mi}
    defaultRequest: {cpu: 50m, memory: 64Mi}
    max: {cpu: "2", memory: 1Gi}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: quota}
spec:
  hard: {pods: "20", requests.cpu: "4", requests.memory: 4Gi, limits.cpu: "16", limits.memory: 8Gi}
"""
_TEMPLATE: Final = yaml.safe_load("""
metadata: {labels: {app: orders}}
spec:
  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
  initContainers:
  - name: prepare
    image: example.com/prepare:1
    securityContext: &strict {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
  containers:
  - name: orders
    image: example.com/orders:1
    ports: [{containerPort: 8080}]
    readinessProbe: {httpGet: {path: /ready, port: 8080}}
    securityContext: *strict
""")

_NAMES: Final = frozenset({"deployment", "statefulset", "replicaset", "report", "asked"})

Object = dict[str, Any]


@pytest.fixture
def strict(chain: Chain, api: Kubectl) -> Iterator[Kubectl]:
    """A labelled namespace with Pod Security, a LimitRange, a ResourceQuota and a registry."""
    with api.in_a_namespace("strict") as kubectl:
        kubectl.apply(_STRICT + "---\n" + yaml.safe_dump(document({})))
        kubectl("label", "namespace", kubectl.namespace, "eurekube.io/inject=enabled")
        chain.decided(kubectl.namespace)
        level = "pod-security.kubernetes.io/enforce=restricted"
        kubectl("label", "namespace", kubectl.namespace, level)
        yield kubectl


def test_pods_of_all_controllers_have_their_sidecar_first(strict: Kubectl) -> None:
    """Their controllers make them of templates that know nothing of it; a Job has to ask."""
    strict.apply(yaml.safe_dump_all([*_workloads()]))

    found = until(lambda: _all_made(strict))

    skipped = {name for name, pod in found.items() if INJECTED_LABEL not in _labels(pod)}
    assert skipped == {"report"}
    assert _reasons(found["report"]) == ["job_default_off"]
    for name in found.keys() - skipped:
        sidecar, *others = found[name]["spec"]["initContainers"]
        assert sidecar["name"] == CONTAINER
        assert [each["name"] for each in others] == ["prepare"]
        assert sidecar["resources"]["requests"] == {"cpu": "1m", "memory": "16Mi"}
        assert json.loads(_variable(sidecar))["instances"][0]["app"] == "orders"


def test_sidecar_gets_no_token_of_the_api(strict: Kubectl) -> None:
    """The API server puts one into each container, and looks again when we have been there."""
    strict.apply(yaml.safe_dump(_workload("Deployment", "orders")))

    spec = until(lambda: _all_made(strict, frozenset({"orders"})))["orders"]["spec"]

    tokens = {each["name"] for each in spec["volumes"] if "projected" in each}
    assert tokens
    for each in (*spec["initContainers"], *spec["containers"]):
        mounts = {each["name"] for each in each["volumeMounts"]}
        assert bool(mounts & tokens) == (each["name"] != CONTAINER)


def test_owner_of_a_refused_pod_tells_why(strict: Kubectl) -> None:
    """A Deployment that asks for what cannot be: its ReplicaSet has the sentence in an event."""
    workload = _workload("Deployment", "orders")
    metadata = workload["spec"]["template"]["metadata"]
    metadata["labels"]["eurekube.io/inject"] = "enabled"
    metadata["annotations"] = {"eurekube.io/registry": "nowhere"}
    strict.apply(yaml.safe_dump(workload))

    said = until(lambda: strict("get", "events", "--field-selector=reason=FailedCreate"))

    assert f"{strict.namespace}/nowhere" in said


def _workloads() -> Iterator[Object]:
    for kind in ("Deployment", "StatefulSet", "ReplicaSet"):
        yield _workload(kind, kind.lower())
    yield _job("report")
    asked = _job("asked")
    asked["spec"]["template"]["metadata"]["labels"] = {
        "app": "orders",
        "eurekube.io/inject": "enabled",
    }
    yield asked


def _workload(kind: str, name: str) -> Object:
    spec = {"selector": {"matchLabels": {"app": "orders", "of": name}}, "template": _template(name)}
    service = {"serviceName": name} if kind == "StatefulSet" else {}
    metadata = {"name": name}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec | service}


def _template(name: str) -> Object:
    template: Object = json.loads(json.dumps(_TEMPLATE))
    template["metadata"]["labels"]["of"] = name
    return template


def _job(name: str) -> Object:
    template: Object = json.loads(json.dumps(_TEMPLATE))
    template["spec"]["restartPolicy"] = "Never"
    spec = {"template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def _all_made(kubectl: Kubectl, names: frozenset[str] = _NAMES) -> dict[str, Object]:
    """A pod of each workload by its name, once there are all."""
    found = {
        next(name for name in names if each["metadata"]["name"].startswith(name)): each
        for each in kubectl.get("pods")["items"]
    }
    return found if found.keys() == names else {}


def _labels(pod: Object) -> dict[str, str]:
    labels: dict[str, str] = pod["metadata"]["labels"]
    return labels


def _reasons(pod: Object) -> list[str]:
    reasons: list[str] = json.loads(pod["metadata"]["annotations"][STATUS])["reasons"]
    return reasons


def _variable(sidecar: Object) -> str:
    found = (each["value"] for each in sidecar["env"] if each["name"] == "EUREKA_SIDECAR_CONFIG")
    return str(next(found))
