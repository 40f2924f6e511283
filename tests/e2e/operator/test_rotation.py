"""CA and certificate of a registry change all the time, while a client never rests."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from cluster.images import REGISTRY
from e2e.clusters import Target
from e2e.operator.ekc import PATIENCE_S, EkcCluster
from e2e.operator.test_secure import POD, SPEC, Secure
from eureka_operator.core.certificates import Subject
from eureka_operator.shell.keypairs import Issuer, encode_base64, make_authority, make_leaf
from processes.cluster import until
from support.kubectl import Kubectl

SECRET: Final = "mine"  # noqa: S105 - its name
EVERY_S: Final = 20.0
LASTS_S: Final = 300.0
FILES_S: Final = 4.0
"""Peers look at their files every three seconds."""


class Rotation:
    """Who keeps the Secret, as `docs/tls.md` says: a CA is published before it signs."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl
        host = f"*.{kubectl.namespace}.svc.cluster.local"
        self._subject = Subject("my CA", (host,), is_client=True)
        self._signs = self._next = self._made()
        self.bundle = ""
        self.sign()

    def publish(self) -> None:
        """Have a new CA in `ca.crt` beside the one that signs."""
        self._signs, self._next = self._next, self._made()
        self._write(self._signs)

    def sign(self) -> None:
        """Have a certificate by the newest CA."""
        self._write(self._next)

    def _made(self) -> Issuer:
        return make_authority(self._subject.authority, datetime.now(UTC))

    def _write(self, issuer: Issuer) -> None:
        leaf, key = make_leaf(issuer, self._subject, datetime.now(UTC))
        both = (self._next, self._signs)
        self.bundle = "".join(each.certificate.public_bytes(Encoding.PEM).decode() for each in both)
        texts = {"ca.crt": self.bundle, "tls.crt": leaf, "tls.key": key}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}}
        self._kubectl.apply(json.dumps({**body, "data": encode_base64(texts)}))


@pytest.mark.long
def test_ca_and_certificate_change_every_20_s(
    target: Target, cluster: EkcCluster, record_property: Callable[[str, object], None]
) -> None:
    """For five minutes no renewal and no look-up fails, and nothing is restarted."""
    rotation = Rotation(cluster.kubectl)
    cluster.start({**SPEC, "tls": {"secretName": SECRET}})
    secure = Secure(cluster, SECRET)
    secure.start_client(target.image(REGISTRY))
    lives, done = cluster.restart_counts, secure.report.done

    ends = time.monotonic() + LASTS_S
    changes = 0
    while (begin := time.monotonic()) < ends:
        rotation.publish()
        _tell(cluster, f"eurekacluster/{cluster.name}")
        until(lambda: _published(cluster) == rotation.bundle, PATIENCE_S)
        _tell(cluster, f"pod/{POD}")
        until(lambda: _mounted(cluster) == {rotation.bundle}, PATIENCE_S)
        _wait_until(time.monotonic() + FILES_S)
        rotation.sign()
        _tell(cluster, f"eurekacluster/{cluster.name}")
        until(lambda: secure.serves(secure.serial), PATIENCE_S)
        changes += 1
        _wait_until(begin + EVERY_S)

    asked = secure.report.done - done
    record_property(f"CAs and certificates changed in {LASTS_S:g} s", changes)
    record_property("renewals and look-ups meanwhile, of which none failed", asked)
    assert changes > LASTS_S / EVERY_S / 2
    assert secure.report.failed == []
    assert asked > LASTS_S
    assert cluster.restart_counts == lives
    cluster.wait_agreed()


def _tell(cluster: EkcCluster, what: str) -> None:
    """Have the operator, or a pod's kubelet, look now: else they do so once a minute."""
    now = f"example.com/now={time.monotonic()}"
    cluster.kubectl("annotate", "--overwrite", what, now)


def _published(cluster: EkcCluster) -> str:
    """The CAs that clients are told of."""
    return str(cluster.kubectl.get("configmap", "eureka-ca")["data"]["ca.crt"])


def _mounted(cluster: EkcCluster) -> set[str]:
    """What peers and client have of them."""
    places = dict.fromkeys(cluster.pods, "/etc/eurekube/tls/ca.crt")
    places[POD] = "/credentials/ca.crt"
    return {cluster.kubectl("exec", pod, "--", "cat", file) for pod, file in places.items()}


def _wait_until(moment: float) -> None:
    until(lambda: time.monotonic() >= moment, 2 * EVERY_S)
