"""`spec.tls.certManager` on a real API server with cert-manager's CRD; the test plays the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from cluster import crds
from cluster.errors import CannotRunError
from cluster.plan import Plan
from conformance.realclient import not_run
from eureka_operator.__main__ import main
from eureka_operator.core.certificates import Subject
from eureka_operator.core.desired.common import Environment
from eureka_operator.reconcile import Reconciler
from eureka_operator.shell.keypairs import encode_base64, make_authority, make_leaf
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.metrics import Metrics
from eureka_operator.shell.queue import Key
from eureka_operator.shell.turns import Turns
from processes.cluster import until
from support.clusterobjects import document
from support.kubectl import Kubectl
from support.ownclusters import show_progress

pytestmark = pytest.mark.usefixtures("crd")

NAME: Final = "eureka-certificate"
ISSUER: Final = {"issuerRef": {"name": "shop"}}
TLS: Final = {"certManager": ISSUER, "extraSANs": ["192.0.2.1", "eureka.example.com"]}
_KIND: Final = "certificates.cert-manager.io"
_TEXTS: Final = ("ca.crt", "tls.crt", "tls.key")


class CertManager:
    """An EurekaCluster, the operator's passes over it, and what cert-manager writes."""

    def __init__(self, kubectl: Kubectl, kube: Kube) -> None:
        self.kubectl = kubectl
        self._now = datetime.now(UTC)
        around = Environment(registry_image="eurekube/registry:test", version="0.1.0")
        self._reconciler = Reconciler(kube, around, Metrics(), Turns(), lambda: self._now)

    async def apply(self, tls: object) -> None:
        """Have the cluster with this `spec.tls`, and look at it."""
        self.kubectl.apply(json.dumps(document({"tls": tls})))
        await self.look()

    async def look(self, after_s: float = 0.0) -> None:
        """Have the operator look until it has nothing more to write."""
        self._now += timedelta(seconds=after_s)
        for _ in range(2):
            await self._reconciler.reconcile(Key(self.kubectl.namespace, "eureka"))

    @property
    def spec(self) -> dict[str, Any]:
        """What is asked of the issuer."""
        found: dict[str, Any] = self.kubectl.get(_KIND, NAME)["spec"]
        return found

    @property
    def is_there(self) -> bool:
        """Whether there is a Certificate."""
        return self.kubectl.run_unchecked("get", _KIND, NAME).returncode == 0

    def say(self, **conditions: tuple[str, str, str]) -> None:
        """Write the Certificate's status: conditions with status, reason and message."""
        said = [
            {"type": kind, "status": status, "reason": reason, "message": message}
            for kind, (status, reason, message) in conditions.items()
        ]
        patch = json.dumps({"status": {"conditions": said}})
        flags = ("--subresource=status", "--type=merge", f"--patch={patch}")
        self.kubectl("patch", _KIND, NAME, *flags)

    def issue(self, keys: tuple[str, ...] = _TEXTS) -> str:
        """Write the Secret as it is asked for, with these keys, and that it is; its `ca.crt`."""
        spec, now = self.spec, datetime.now(UTC)
        names = (*spec["dnsNames"], *spec.get("ipAddresses", ()))
        subject = Subject("shop CA", names, is_client=True)
        issuer = make_authority(subject.authority, now)
        leaf, key = make_leaf(issuer, subject, now)
        bundle = issuer.certificate.public_bytes(Encoding.PEM).decode()
        texts = {"ca.crt": bundle, "tls.crt": leaf, "tls.key": key}
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": spec["secretName"]},
            "data": encode_base64({name: texts[name] for name in keys}),
        }
        self.kubectl.apply(json.dumps(body))
        self.say(Ready=("True", "Ready", "Certificate is up to date and has not expired"))
        return bundle

    @property
    def tls_ready(self) -> tuple[str, str, str]:
        """Status, reason and message of `TLSReady`."""
        found = self.kubectl.get("ekc", "eureka")["status"]["conditions"]
        (condition,) = (each for each in found if each["type"] == "TLSReady")
        return condition["status"], condition["reason"], condition["message"]


@pytest.fixture
def manager(kubectl: Kubectl, kube: Kube) -> CertManager:
    """No EurekaCluster yet."""
    return CertManager(kubectl, kube)


@pytest.fixture
def kind(api: Kubectl, pytestconfig: pytest.Config) -> Iterator[None]:
    """Certificates can be made while the test runs."""
    with show_progress(pytestconfig):
        try:
            text = crds.certificates().read_text()
        except CannotRunError as error:
            not_run("kube of cert-manager", str(error))
    api.apply(text)
    until(lambda: api.run_unchecked("get", _KIND, "--all-namespaces").returncode == 0)
    yield
    api("delete", "crd", _KIND)


async def test_without_cert_manager_it_is_missed(manager: CertManager) -> None:
    """The rest of the cluster is made all the same."""
    await manager.apply(TLS)

    status, reason, message = manager.tls_ready
    assert (status, reason) == ("False", "CertManagerMissing")
    assert "rbac.certManager" in message
    assert manager.kubectl.get("statefulset", "eureka-peer")


@pytest.mark.usefixtures("kind")
async def test_certificate_is_asked_for_and_taken(manager: CertManager) -> None:
    """By the names of all peers and Services; what cert-manager says is said."""
    await manager.apply(TLS)

    host = f"{manager.kubectl.namespace}.svc.cluster.local"
    spec = manager.spec
    assert spec["secretName"] == NAME
    assert spec["issuerRef"] == {"name": "shop", "kind": "Issuer", "group": "cert-manager.io"}
    assert {f"eureka.{host}", f"peer9.{host}", "eureka.example.com"} <= {*spec["dnsNames"]}
    assert spec["ipAddresses"] == ["192.0.2.1"]
    assert manager.tls_ready[:2] == ("False", "CertificateNotReady")
    assert "is it running?" in manager.tls_ready[2]

    manager.say(
        Ready=("False", "DoesNotExist", "Issuing certificate as Secret does not exist"),
        Issuing=("False", "Failed", "The certificate request has failed: no such issuer"),
    )
    await manager.look()
    assert (
        "Secret does not exist; The certificate request has failed: no such" in manager.tls_ready[2]
    )

    bundle = manager.issue()
    await manager.look()
    assert manager.tls_ready[:2] == ("True", "Valid")
    assert manager.kubectl.get("configmap", "eureka-ca")["data"] == {"ca.crt": bundle}
    assert manager.kubectl.get("ekc", "eureka")["status"]["tls"]["secretName"] == NAME
    (volume,) = (
        each
        for each in manager.kubectl.get("statefulset", "eureka-peer")["spec"]["template"]["spec"][
            "volumes"
        ]
        if each["name"] == "tls"
    )
    assert volume["secret"]["secretName"] == NAME


@pytest.mark.usefixtures("kind")
async def test_issuer_that_gives_no_authority_is_named(manager: CertManager) -> None:
    """cert-manager is content with it; peers could verify nobody."""
    await manager.apply(TLS)
    manager.issue(("tls.crt", "tls.key"))

    await manager.look()

    assert manager.tls_ready[:2] == ("False", "Invalid")
    assert "ca.crt is missing. Use an issuer that writes ca.crt" in manager.tls_ready[2]


@pytest.mark.usefixtures("kind")
async def test_certificate_is_kept_as_it_should_be(manager: CertManager) -> None:
    """Whoever changes or deletes it; a quiet look writes nothing."""
    await manager.apply({"certManager": {**ISSUER, "duration": "720h", "renewBefore": "240h"}})
    manager.issue()
    await manager.look()
    before = manager.kubectl.get(_KIND, NAME)["metadata"]["resourceVersion"]
    await manager.look(after_s=120)
    assert manager.kubectl.get(_KIND, NAME)["metadata"]["resourceVersion"] == before

    patch = json.dumps({"spec": {"duration": "1h"}})
    manager.kubectl("patch", _KIND, NAME, "--type=merge", f"--patch={patch}")
    await manager.look()
    assert (manager.spec["duration"], manager.spec["renewBefore"]) == ("720h", "240h")

    manager.kubectl("delete", _KIND, NAME)
    await manager.look()
    assert manager.is_there


@pytest.mark.usefixtures("kind")
async def test_certificate_goes_with_its_field_and_the_secret_stays(manager: CertManager) -> None:
    """Running peers have it mounted; and who goes on with it names it."""
    await manager.apply({"certManager": ISSUER, "secretName": "mine"})
    manager.issue()

    await manager.apply({"secretName": "mine"})

    assert not manager.is_there
    assert manager.tls_ready[:2] == ("True", "Valid")
    assert manager.kubectl.get("secret", "mine")


@pytest.mark.usefixtures("kind")
async def test_certificate_of_somebody_else_is_left_alone(manager: CertManager) -> None:
    """It may be what another registry is served with."""
    spec = {"secretName": "other", "issuerRef": {"name": "other"}, "dnsNames": ["other"]}
    body = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": NAME}}
    manager.kubectl.apply(json.dumps({**body, "spec": spec}))

    await manager.apply(TLS)

    assert manager.spec == spec
    found = manager.kubectl.get("ekc", "eureka")["status"]["conditions"]
    (condition,) = (each for each in found if each["type"] == "Reconciled")
    assert condition["reason"] == "NameTaken"


@pytest.mark.usefixtures("kind")
async def test_cert_manager_that_comes_later_is_noticed(manager: CertManager, api: Kubectl) -> None:
    """Within a minute."""
    api("delete", "crd", _KIND)
    await manager.apply(TLS)
    assert manager.tls_ready[1] == "CertManagerMissing"

    api.apply(crds.certificates().read_text())
    until(lambda: api.run_unchecked("get", _KIND, "--all-namespaces").returncode == 0)
    await manager.look(after_s=61)

    assert manager.is_there


@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize("live", [True, False])
def test_preview_has_the_certificate(
    cluster: Plan,
    kubectl: Kubectl,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    live: bool,
) -> None:
    """Beside an API server that has Certificates, and without one."""
    file = tmp_path / "eureka.yaml"
    file.write_text(json.dumps(document({"tls": TLS})))
    flags = ("-f", str(file), "--namespace", kubectl.namespace, *(["--live"] if live else []))

    assert main(["plan", *flags, f"--kubeconfig={cluster.kubeconfig}"]) == 0

    assert f"Certificate {NAME}" in capsys.readouterr().out
