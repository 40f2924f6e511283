"""A name belongs to the namespace that has it: nobody else gets at its instances, by any way.

The registry is that of `examples/secure.yaml`, open to readers so that the test can look.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from e2e.clusters import Target
from e2e.injection.manifests import LABEL, container, deployment, pod_spec, serving
from e2e.injection.registered import Instance, pods_of
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.installed import Operator
from e2e.operator.test_secure import SPEC
from e2e.sidecar.manifests import listed, programs
from processes.cluster import until
from support.kubectl import Kubectl

APP: Final = "orders"
INTRUDER: Final = "intruder"
_PROGRAM: Final = Path(__file__).with_name("intruder.py")
_REFUSED: Final = frozenset({401, 403})


@pytest.fixture(scope="module")
def owner(target: Target, operator: Operator) -> Iterator[EkcCluster]:  # noqa: ARG001 - it works there
    """A secure registry, and an application of its namespace with nothing but the label."""
    with target.kubectl.in_a_namespace("team-a") as kubectl:
        cluster = EkcCluster(kubectl)
        cluster.start({**SPEC, "auth": {**SPEC["auth"], "readOnlyAnonymous": True}})
        kubectl("label", "namespace", kubectl.namespace, f"{LABEL}=enabled")
        orders = deployment(APP, pod_spec(serving(target)))
        kubectl.apply(listed([programs(), orders]))
        until(lambda: [each["status"] for each in _held(cluster).values()] == ["UP"], PATIENCE_S)
        yield cluster


@pytest.fixture(scope="module")
def intruder(target: Target, owner: EkcCluster) -> Iterator[Kubectl]:
    """A pod of another namespace with a token of its own, and the registry's CAs."""
    trusted = owner.kubectl.get("configmap", "eureka-ca")["data"]
    with target.kubectl.in_a_namespace("team-b") as kubectl:
        kubectl("label", "namespace", kubectl.namespace, f"{LABEL}=enabled")
        for name, data in ((INTRUDER, {"intruder.py": _PROGRAM.read_text()}), ("trusted", trusted)):
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
            kubectl.apply(json.dumps({**body, "data": data}))
        kubectl.apply(listed([programs(), _pod(target)]))
        kubectl("wait", "--for=condition=Ready", f"pod/{INTRUDER}", "--timeout=150s")
        yield kubectl


def test_pods_of_a_namespace_register_by_their_own_token(owner: EkcCluster) -> None:
    """Nothing is configured: injection brings whom to trust, and the token."""
    (instance,) = _held(owner).values()

    assert instance["metadata"]["namespace"] == owner.kubectl.namespace


def test_nobody_else_gets_at_its_instances(owner: EkcCluster, intruder: Kubectl) -> None:
    """Each attempt of a hand-written client is refused and logged; the lease is untouched."""
    ((name, before),) = _held(owner).items()
    url = owner.status["endpoints"]["defaultZone"].split(",")[0]
    wanted = {"url": url, "app": APP.upper(), "id": name, "own": intruder.namespace}
    wanted["namespace"] = owner.kubectl.namespace

    said = intruder("exec", INTRUDER, "--", "python3", "/program/intruder.py", json.dumps(wanted))

    answered: dict[str, int] = json.loads(said)
    assert {what: code for what, code in answered.items() if code not in _REFUSED} == {}
    assert len(answered) == 16
    (after,) = _held(owner).values()
    assert {**after, "leaseInfo": None} == {**before, "leaseInfo": None}
    logs = "".join(owner.kubectl("logs", pod) for pod in owner.pods)
    assert f"system:serviceaccount:{intruder.namespace}:default" in logs
    assert "eyJ" not in logs  # where each token begins


def test_nobody_else_is_injected_into_its_name(
    target: Target, owner: EkcCluster, intruder: Kubectl
) -> None:
    """The pod runs, its sidecar says why it is not registered, and the lease is untouched."""
    before = _held(owner)
    other = deployment(
        "thief",
        pod_spec(serving(target)),
        app=APP,
        registry=f"{owner.kubectl.namespace}/{owner.name}",
    )
    intruder.apply(listed([other]))

    until(lambda: "is held by namespace" in _sidecar_logs(intruder), PATIENCE_S)

    assert _held(owner).keys() == before.keys()


def _held(cluster: EkcCluster) -> dict[str, Instance]:
    """The application's instances at a peer, by id."""
    namespace = cluster.kubectl.namespace
    place = f"pods/https:eureka-peer-1:8443/proxy/eureka/apps/{APP.upper()}"
    said = cluster.kubectl.tried("get", "--raw", f"/api/v1/namespaces/{namespace}/{place}").stdout
    listed_ = json.loads(said)["application"]["instance"] if said else []
    return {each["instanceId"]: each for each in listed_}


def _sidecar_logs(kubectl: Kubectl) -> str:
    """What sidecars of the thief's pods say."""
    return "".join(
        kubectl.tried("logs", name, "-c", "eureka-sidecar").stdout
        for name in pods_of(kubectl, "thief")
    )


def _pod(target: Target) -> dict[str, Any]:
    tokens = [
        {"serviceAccountToken": {"audience": audience, "expirationSeconds": 3600, "path": path}}
        for audience, path in (("eureka", "token"), ("somebody", "other"))
    ]
    mounts = [
        {"name": "program", "mountPath": "/program"},
        {"name": "credentials", "mountPath": "/credentials"},
    ]
    volumes = [
        {"name": "program", "configMap": {"name": INTRUDER}},
        {
            "name": "credentials",
            "projected": {"sources": [{"configMap": {"name": "trusted"}}, *tokens]},
        },
    ]
    main = container(target, "sleep", "3600", volumeMounts=mounts)
    spec = pod_spec(main, volumes=volumes, terminationGracePeriodSeconds=0)
    metadata = {"name": INTRUDER, "labels": {LABEL: "disabled"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
