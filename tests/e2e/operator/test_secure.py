"""A registry by HTTPS whose certificates and CAs change, and go amiss: no client notices."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from cluster.images import REGISTRY
from e2e.clusters import Target
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.installed import Operator
from eureka_operator.core.certificates import Subject
from eureka_operator.core.tls import SETTLE_S
from eureka_operator.shell.keypairs import encode_base64, make_authority, make_leaf
from processes.cluster import until
from support.kubectl import Kubectl

EXAMPLE: Final = Path(__file__).parents[3] / "examples" / "secure.yaml"
SPEC: Final[dict[str, Any]] = yaml.safe_load(EXAMPLE.read_text())["spec"]
SECRET: Final = "eureka-tls"  # noqa: S105 - its name
POD: Final = "renewer"
LOOK_S: Final = 60.0
"""How often the operator looks at a Secret."""
ROTATED_S: Final = PATIENCE_S + SETTLE_S + LOOK_S
_PROGRAM: Final = Path(__file__).with_name("renewer.py")


@dataclass(frozen=True)
class Report:
    """What the client has met so far: see `renewer.py`."""

    done: int
    failed: list[dict[str, str]]
    serial: dict[str, str]


class Secure:
    """An EurekaCluster with `spec.tls`, and a client that never rests."""

    def __init__(self, cluster: EkcCluster, secret: str = SECRET) -> None:
        self.cluster = cluster
        self._secret = secret
        self.kubectl = cluster.kubectl

    def start_client(self, image: str) -> None:
        """Have the client at work; the cluster is ready."""
        urls = self.cluster.status["endpoints"]["defaultZone"].split(",")
        self.kubectl.apply(json.dumps(_client(self.kubectl.namespace, image, urls)))
        until(lambda: self.kubectl.run_unchecked("logs", POD, "--tail=1").stdout, PATIENCE_S)

    @property
    def report(self) -> Report:
        """What the client has met."""
        return Report(**json.loads(self.kubectl("logs", POD, "--tail=1")))

    def text(self, key: str) -> str:
        """A text of the Secret; empty without it."""
        found = self.kubectl.run_unchecked("get", "secret", self._secret, "-o", "json").stdout
        data = json.loads(found)["data"] if found else {}
        return base64.b64decode(data.get(key, "")).decode()

    @property
    def serial(self) -> str:
        """The serial number of the certificate in the Secret; empty if there is none."""
        text = self.text("tls.crt")
        try:
            found = x509.load_pem_x509_certificate(text.encode())
        except ValueError:
            return ""
        return f"{found.serial_number:X}"

    def remove(self, key: str) -> None:
        """Take a text out of the Secret."""
        self._patch([{"op": "remove", "path": f"/data/{key}"}])

    def damage(self, key: str) -> None:
        """Put nonsense in its place."""
        value = base64.b64encode(b"none").decode()
        self._patch([{"op": "replace", "path": f"/data/{key}", "value": value}])

    def serves(self, serial: str) -> bool:
        """Whether the client was shown this certificate by each of three peers."""
        shown = [each.upper().lstrip("0") for each in self.report.serial.values()]
        return shown == [serial.lstrip("0")] * 3

    def _patch(self, operations: list[dict[str, str]]) -> None:
        patch = json.dumps(operations)
        self.kubectl("patch", "secret", self._secret, "--type=json", f"--patch={patch}")


@pytest.fixture(scope="module")
def secure(target: Target, operator: Operator) -> Iterator[Secure]:  # noqa: ARG001 - it works there
    """The example, with its client."""
    with target.kubectl.in_a_namespace("secure") as kubectl:
        cluster = EkcCluster(kubectl)
        cluster.start(SPEC)
        found = Secure(cluster)
        found.start_client(target.image(REGISTRY))
        yield found


def test_example_is_a_registry_by_https(secure: Secure) -> None:
    """For clients and between peers; by plain HTTP nobody answers."""
    cluster = secure.cluster
    cluster.wait_agreed()
    urls = cluster.status["endpoints"]["defaultZone"].split(",")

    assert len(urls) == 3
    assert all(url.startswith("https://") and ":8443/eureka/" in url for url in urls)
    for pod in cluster.pods:
        views = [each for each in cluster.peers(pod)["peers"] if not each["self"]]
        assert {each["url"].partition(":")[0] for each in views} == {"https"}
        assert not _answers(cluster, f"{pod}:8761")
        assert not _answers(cluster, f"https:{pod}:8443")  # nobody reads who is not known
    assert cluster.is_so("TLSReady")
    assert cluster.is_so("AuthReady")
    assert cluster.status["tls"]["secretName"] == SECRET
    until(lambda: secure.serves(secure.serial), PATIENCE_S)
    assert secure.report.failed == []


def test_new_certificate_is_served_by_all_and_noticed_by_nobody(secure: Secure) -> None:
    """Each second request is a renewal, and each has a connection of its own."""
    lives, before = secure.cluster.restart_counts, secure.serial
    secure.remove("tls.crt")
    until(lambda: secure.serial not in ("", before), PATIENCE_S + LOOK_S)

    until(lambda: secure.serves(secure.serial), PATIENCE_S)

    assert secure.report.failed == []
    assert secure.cluster.restart_counts == lives
    secure.cluster.wait_agreed()


@pytest.mark.long
def test_new_ca_signs_when_all_know_it_and_is_noticed_by_nobody(secure: Secure) -> None:
    """Its certificate is there before what it has signed."""
    lives, before, bundle = secure.cluster.restart_counts, secure.serial, secure.text("ca.crt")
    secure.remove("ca.key")
    until(lambda: secure.text("ca.crt").endswith(f"\n{bundle}"), PATIENCE_S + LOOK_S)
    assert secure.serial == before

    until(lambda: secure.serial != before, ROTATED_S)
    until(lambda: secure.serves(secure.serial), PATIENCE_S)

    assert secure.report.failed == []
    assert secure.cluster.restart_counts == lives
    secure.cluster.wait_agreed()


@pytest.mark.long
def test_deleted_secret_comes_back_as_it_was(secure: Secure) -> None:
    """An event says so."""
    lives, before, key = secure.cluster.restart_counts, secure.serial, secure.text("ca.key")
    secure.kubectl("delete", "secret", SECRET)

    until(lambda: secure.serial == before, PATIENCE_S + LOOK_S)

    assert secure.text("ca.key") == key
    assert secure.cluster.events("SecretRestored")
    assert secure.report.failed == []
    assert secure.cluster.restart_counts == lives


@pytest.mark.long
@pytest.mark.parametrize("key", ["tls.crt", "ca.crt"])
def test_damaged_secret_is_mended(secure: Secure, key: str) -> None:
    """Peers keep what they have until then."""
    lives, bundle = secure.cluster.restart_counts, secure.text("ca.crt")
    secure.damage(key)

    until(lambda: secure.text(key) != "none", PATIENCE_S + LOOK_S)
    until(lambda: secure.serves(secure.serial), PATIENCE_S)

    assert secure.text("ca.crt") == bundle
    assert secure.report.failed == []
    assert secure.cluster.restart_counts == lives


def test_clients_trust_what_peers_do(secure: Secure) -> None:
    """The same bundle as peers have, and no key."""
    assert secure.kubectl.get("configmap", "eureka-ca")["data"] == {"ca.crt": secure.text("ca.crt")}


def test_secret_of_ones_own_is_missed_and_then_taken(cluster: EkcCluster) -> None:
    """Peers wait for it; the condition says what has to be in it."""
    cluster.apply({"replicas": 2, "tls": {"secretName": "mine"}})
    until(lambda: cluster.is_so("TLSReady", "False", "SecretMissing"), PATIENCE_S)
    until(lambda: "create it with tls.crt" in cluster.condition("Ready")["message"], PATIENCE_S)
    until(lambda: cluster.events("SecretMissing"), PATIENCE_S)

    _give(cluster.kubectl, "eureka")
    until(lambda: cluster.is_so("TLSReady", "False", "SANMismatch"), PATIENCE_S + LOOK_S)
    _give(cluster.kubectl, "*")

    cluster.wait_ready(PATIENCE_S + 2 * LOOK_S)
    assert cluster.is_so("TLSReady")


def test_plain_registry_becomes_one_by_https(cluster: EkcCluster) -> None:
    """By both ports, whether or not the object says so; what it holds stays."""
    cluster.start({"replicas": 2})
    cluster.change({"tls": {"mode": "Permissive"}})
    cluster.wait_ready(2 * PATIENCE_S)
    until(lambda: _schemes(cluster) == {"https"}, PATIENCE_S)
    cluster.wait_agreed()
    assert _answers(cluster, "eureka-peer-1:8761")
    assert _answers(cluster, "https:eureka-peer-1:8443")

    cluster.change({"tls": {"mode": "Strict"}})
    cluster.wait_ready(2 * PATIENCE_S)

    cluster.wait_agreed()
    assert not _answers(cluster, "eureka-peer-1:8761")
    assert _answers(cluster, "https:eureka-peer-1:8443")


def _schemes(cluster: EkcCluster) -> set[str]:
    """Of the URLs in the status."""
    urls = str(cluster.status["endpoints"]["defaultZone"]).split(",")
    return {url.partition(":")[0] for url in urls}


def _answers(cluster: EkcCluster, place: str) -> bool:
    """Whether a pod's registry answers at a port."""
    where = f"/api/v1/namespaces/{cluster.kubectl.namespace}/pods/{place}/proxy/eureka/apps"
    return cluster.kubectl.run_unchecked("get", "--raw", where).returncode == 0


def _give(kubectl: Kubectl, name: str) -> None:
    """Have the Secret `mine` with a certificate for one name of the namespace."""
    now = datetime.now(UTC)
    host = f"{name}.{kubectl.namespace}.svc.cluster.local"
    subject = Subject("my CA", (host,), is_client=True)
    issuer = make_authority(subject.authority, now)
    leaf, key = make_leaf(issuer, subject, now)
    bundle = issuer.certificate.public_bytes(Encoding.PEM).decode()
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "mine"},
        "data": encode_base64({"ca.crt": bundle, "tls.crt": leaf, "tls.key": key}),
    }
    kubectl.apply(json.dumps(body))


def _client(namespace: str, image: str, urls: list[str]) -> dict[str, Any]:
    place = {"app": "RENEWER", "namespace": namespace, "folder": "/credentials"}
    wanted = json.dumps({"urls": urls, **place})
    container = {
        "name": "renewer",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-u", f"/program/{_PROGRAM.name}", wanted],
        "volumeMounts": [
            {"name": "program", "mountPath": "/program"},
            {"name": "credentials", "mountPath": "/credentials"},
        ],
    }
    token = {"audience": "eureka", "expirationSeconds": 3600, "path": "token"}
    sources = [{"configMap": {"name": "eureka-ca"}}, {"serviceAccountToken": token}]
    spec = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
        "volumes": [
            {"name": "program", "configMap": {"name": POD}},
            {"name": "credentials", "projected": {"sources": sources}},
        ],
    }
    data = {_PROGRAM.name: _PROGRAM.read_text()}
    objects = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": POD}, "data": data},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD}, "spec": spec},
    ]
    return {"apiVersion": "v1", "kind": "List", "items": objects}
