"""A name belongs to the namespace that has it: nobody else gets at its instances, by any way.

The registry is that of `examples/secure.yaml`, open to readers so that the test can look.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import jwt
import pytest

from cluster.faults import Faults
from cluster.plan import CONTROL, Plan
from e2e.clusters import Target
from e2e.injection.forged import IssuerFiles, Key
from e2e.injection.leaks import CONFIGURATION, secrets_of, visible_texts
from e2e.injection.manifests import LABEL, container, deployment, pod_spec, serving
from e2e.injection.registered import Instance, pods_of
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.installed import Operator
from e2e.operator.test_secure import SPEC
from e2e.sidecar.manifests import listed, programs
from kubectl_eureka.__main__ import main
from processes.cluster import until
from support.kubectl import Kubectl

APP: Final = "orders"
INTRUDER: Final = "intruder"
_PROGRAM: Final = Path(__file__).with_name("intruder.py")
_REFUSED: Final = frozenset({401, 403})
_IN_A_URL: Final = "url-Pa55word"
_SENT: Final = "sent-0123456789abcdef"


@pytest.fixture(scope="module")
def owner(target: Target, operator: Operator) -> Iterator[EkcCluster]:  # noqa: ARG001 - it works there
    """A secure registry, and an application of its namespace with nothing but the label."""
    with target.kubectl.in_a_namespace("team-a") as kubectl:
        cluster = EkcCluster(kubectl)
        cluster.start({**SPEC, "auth": {**SPEC["auth"], "readOnlyAnonymous": True}})
        kubectl("label", "namespace", kubectl.namespace, f"{LABEL}=enabled")
        orders = deployment(APP, pod_spec(serving(target)))
        kubectl.apply(listed([programs(), orders]))
        until(
            lambda: [each["status"] for each in _instances(cluster).values()] == ["UP"], PATIENCE_S
        )
        yield cluster


@pytest.fixture(scope="module")
def attacker(target: Target, owner: EkcCluster) -> Iterator[Kubectl]:
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
    (instance,) = _instances(owner).values()

    assert instance["metadata"]["namespace"] == owner.kubectl.namespace


def test_nobody_else_gets_at_its_instances(
    target: Target, owner: EkcCluster, attacker: Kubectl
) -> None:
    """Each attempt of a hand-written client is refused and logged; the lease is untouched."""
    ((name, before),) = _instances(owner).items()
    forged = _forged(target.plan, owner.kubectl.namespace) if target.plan is not None else {}

    answered = _answers_to(owner, attacker, name, forged)

    if forged:  # or the refusals of the others prove nothing
        assert answered.pop("renew with a token of its owner") == HTTPStatus.OK
    assert {what: code for what, code in answered.items() if code not in _REFUSED} == {}
    assert len(answered) == 16 + len(forged) - bool(forged)
    (after,) = _instances(owner).values()
    assert {**after, "leaseInfo": None} == {**before, "leaseInfo": None}
    logs = "".join(owner.kubectl("logs", pod) for pod in owner.pods)
    assert f"system:serviceaccount:{attacker.namespace}:default" in logs
    assert "eyJ" not in logs  # where each token begins


def test_nobody_else_is_injected_into_its_name(
    target: Target, owner: EkcCluster, attacker: Kubectl
) -> None:
    """The pod runs, its sidecar says why it is not registered, and the lease is untouched."""
    before = _instances(owner)
    other = deployment(
        "thief",
        pod_spec(serving(target)),
        app=APP,
        registry=f"{owner.kubectl.namespace}/{owner.name}",
    )
    attacker.apply(listed([other]))

    until(lambda: "is held by namespace" in _sidecar_logs(attacker), PATIENCE_S)

    assert _instances(owner).keys() == before.keys()


@pytest.mark.long
def test_keys_of_the_issuer_are_replaced(
    plan: Plan, faults: Faults, owner: EkcCluster, attacker: Kubectl
) -> None:
    """As administrators do it: the new key is known first, then it signs. Old tokens go on."""
    files, new = IssuerFiles(plan), Key()
    namespace, (name,) = owner.kubectl.namespace, _instances(owner)
    before = files.signs.read_text()
    old = _token(owner)

    def answers(**tokens: str) -> set[int]:
        proofs = {what: f"Bearer {token}" for what, token in tokens.items()}
        answered = _answers_to(owner, attacker, name, proofs)
        return {answered[f"renew with {what}"] for what in proofs}

    with faults.killed(f"{CONTROL}/kube-apiserver"):
        files.known.write_text(new.public_text + files.known.read_text())
    until(lambda: answers(made=new.token(namespace)) == {HTTPStatus.OK}, PATIENCE_S)
    try:
        with faults.killed(f"{CONTROL}/kube-apiserver"):
            files.signs.write_text(new.private_text)
        given = _token(owner)
        assert jwt.get_unverified_header(given)["kid"] == new.name
        assert answers(old=old, given=given) == {HTTPStatus.OK}
    finally:
        with faults.killed(f"{CONTROL}/kube-apiserver"):
            files.signs.write_text(before)
    owner.wait_ready()


def test_registry_that_speaks_https_is_explained(
    target: Target, owner: EkcCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """`kubectl eureka explain` asks it by the API server, which has no certificate of it."""
    ((name, instance),) = _instances(owner).items()
    flags = (f"--kubeconfig={target.kubeconfig}", f"--namespace={owner.kubectl.namespace}")

    assert main(["explain", *flags, instance["metadata"]["pod-name"]]) == 0

    held = f"UP in {owner.kubectl.namespace}/{owner.name} as {APP.upper()}/{name}"
    assert held in capsys.readouterr().out


def test_nothing_secret_is_shown(operator: Operator, owner: EkcCluster, attacker: Kubectl) -> None:
    """Neither what Secrets hold, nor what was sent, nor passwords of URLs."""
    url = f"https://user:{_IN_A_URL}@west.example:8443/eureka/"
    sent = {
        "a token": f"Bearer {_SENT}",
        "a password": f"Basic {base64.b64encode(f'user:{_SENT}'.encode()).decode()}",
    }
    (name,) = _instances(owner)
    _answers_to(owner, attacker, name, sent)
    owner.change(
        {
            "peers": {"extraPeerURLs": [url]},
            "registry": {"remoteRegions": [{"name": "west", "url": url}]},
        }
    )
    until(lambda: owner.is_so("RemoteRegionsAvailable", "False"), PATIENCE_S)
    until(lambda: owner.is_so("ExtraPeersAvailable", "False"), PATIENCE_S)
    refused = attacker.run_unchecked("apply", "-f", "-", given=json.dumps(_with_a_password(url)))
    assert refused.returncode != 0

    secrets = {
        **secrets_of(owner.kubectl),
        "what was sent": _SENT,
        "what was sent, encoded": sent["a password"].partition(" ")[2],
        _IN_A_URL: _IN_A_URL,
    }
    places = {**visible_texts(operator, owner, attacker), "what kubectl says": refused.stderr}
    leaks = {
        (where, what)
        for where, text in places.items()
        for what, secret in secrets.items()
        if secret in text
    }
    assert leaks == {(CONFIGURATION, _IN_A_URL)}  # where peers have it from, as it is in the spec


def _answers_to(
    owner: EkcCluster, attacker: Kubectl, instance: str, proofs: Mapping[str, str]
) -> dict[str, int]:
    """What the intruder is answered, by what it tries; see `intruder.py`."""
    wanted = {
        "url": owner.status["endpoints"]["defaultZone"].split(",")[0],
        "app": APP.upper(),
        "id": instance,
        "namespace": owner.kubectl.namespace,
        "own": attacker.namespace,
        "proofs": proofs,
    }
    said = attacker("exec", INTRUDER, "--", "python3", "/program/intruder.py", json.dumps(wanted))
    found: dict[str, int] = json.loads(said)
    return found


def _forged(plan: Plan, namespace: str) -> dict[str, str]:
    """Headers with tokens of the owner's that somebody made; the first is as good as its own."""
    key, other, now_s = IssuerFiles(plan).key(), Key(), int(time.time())
    elsewhere = "https://kubernetes.default.svc.other"
    tokens = {
        "a token of its owner": key.token(namespace),
        "an expired token of its owner": key.token(namespace, exp=now_s - 1, iat=now_s - 3600),
        "a token by another issuer": key.token(namespace, iss=elsewhere),
        "a token of another cluster": other.token(namespace),
        "a token by another key of this name": other.token(namespace, key.name),
    }
    return {what: f"Bearer {token}" for what, token in tokens.items()}


def _token(owner: EkcCluster) -> str:
    """A new one of its namespace, by the API server."""
    return owner.kubectl("create", "token", "default", "--audience=eureka").strip()


def _with_a_password(url: str) -> dict[str, Any]:
    """A pod that says where to register, with a password."""
    metadata = {
        "name": "careless",
        "labels": {LABEL: "enabled"},
        "annotations": {"eurekube.io/registry": url},
    }
    main = {"name": "main", "image": "nothing.example/nothing", "ports": [{"containerPort": 80}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [main]}}


def _instances(cluster: EkcCluster) -> dict[str, Instance]:
    """The application's instances at a peer, by id."""
    namespace = cluster.kubectl.namespace
    place = f"pods/https:eureka-peer-1:8443/proxy/eureka/apps/{APP.upper()}"
    said = cluster.kubectl.run_unchecked(
        "get", "--raw", f"/api/v1/namespaces/{namespace}/{place}"
    ).stdout
    listed_ = json.loads(said)["application"]["instance"] if said else []
    return {each["instanceId"]: each for each in listed_}


def _sidecar_logs(kubectl: Kubectl) -> str:
    """What sidecars of the thief's pods say."""
    return "".join(
        kubectl.run_unchecked("logs", name, "-c", "eureka-sidecar").stdout
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
