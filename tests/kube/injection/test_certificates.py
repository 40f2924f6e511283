"""Certificates of the injector that somebody has damaged: they are made anew, which is told."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from eureka_operator.core.certificates import INJECTOR_AUTHORITY, Subject
from eureka_operator.shell.keypairs import make_authority, make_leaf, read, texts_of
from kube.injection.chain import NAME, SECRET, WEBHOOK, Chain
from processes.cluster import until
from support.kubectl import Kubectl

Harm = Callable[[Chain], None]


def _delete(chain: Chain) -> None:
    chain.home("delete", "secret", SECRET)


def _damage(chain: Chain) -> None:
    _patch(chain, {"tls.crt": "none"})


def _lose_key(chain: Chain) -> None:
    _patch(chain, {"tls.key": ""})


def _take_foreign(chain: Chain) -> None:
    """All of it is another CA's, as after a restore of another cluster's Secret."""
    now = datetime.now(UTC)
    issuer = make_authority(INJECTOR_AUTHORITY, now)
    leaf, key = make_leaf(issuer, Subject(INJECTOR_AUTHORITY, ("elsewhere.example",)), now)
    bundle = issuer.certificate.public_bytes(Encoding.PEM).decode()
    _patch(chain, {"ca.crt": bundle, "tls.crt": leaf, "tls.key": key})


def _edit_bundle(chain: Chain) -> None:
    bundle = base64.b64encode(b"none").decode()
    patch = [{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": bundle}]
    chain.api.run_unchecked("patch", WEBHOOK, NAME, "--type=json", f"--patch={json.dumps(patch)}")


def _patch(chain: Chain, texts: dict[str, str]) -> None:
    data = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
    chain.home("patch", "secret", SECRET, "--type=merge", f"--patch={json.dumps({'data': data})}")


@pytest.mark.parametrize("harm", [_delete, _damage, _lose_key, _take_foreign])
def test_secret_is_made_right_and_pods_go_on_being_injected(
    chain: Chain, selected: Kubectl, harm: Harm
) -> None:
    """Whatever was done to it; an event with the Secret says what was made, and why."""
    before = chain.home.get("secret", SECRET)["data"]

    with chain.failing_closed():
        harm(chain)
        until(lambda: _is_new_and_whole(chain, before))
        chain.decided(selected.namespace)

    until(lambda: any(each["reason"] == "CertificateMade" for each in _events(chain)))


def test_bundle_that_was_edited_is_put_right(chain: Chain, selected: Kubectl) -> None:
    """An API server that trusts nothing asks nobody."""
    before = chain.webhook()["webhooks"][0]["clientConfig"]["caBundle"]

    _edit_bundle(chain)

    until(lambda: chain.webhook()["webhooks"][0]["clientConfig"].get("caBundle") == before)
    until(lambda: any(each["reason"] == "CABundleRestored" for each in _events(chain)))
    chain.decided(selected.namespace)


def test_provided_certificates_are_served_and_renewed_without_a_restart(
    chain: Chain, selected: Kubectl
) -> None:
    """The Secret is somebody else's, and so is `caBundle`."""
    now = datetime.now(UTC)
    issuer = make_authority(INJECTOR_AUTHORITY, now)
    host = f"{NAME}.{chain.home.namespace}.svc"
    bundle = base64.b64encode(issuer.certificate.public_bytes(Encoding.PEM)).decode()
    certificates = {"mode": "provided", "secretName": "mine", "caBundle": bundle}
    chain.end_operator()
    try:
        chain.home.apply(
            json.dumps(
                _secret("mine", *make_leaf(issuer, Subject(INJECTOR_AUTHORITY, (host,)), now))
            )
        )
        chain.apply({"injector": {"certificates": certificates}})
        (injector, *_) = chain.have_injectors(1, "--secret=mine")
        chain.have_no_others()
        chain.decided(selected.namespace)

        chain.home.apply(
            json.dumps(
                _secret("mine", *make_leaf(issuer, Subject(INJECTOR_AUTHORITY, (host,)), now))
            )
        )

        until(lambda: chain.certificate_count() == 2)
        assert injector.ready()
        chain.decided(selected.namespace)
    finally:
        chain.apply({})
        chain.have_operator()
        chain.have_injectors(2)
        chain.used()


def _is_new_and_whole(chain: Chain, before: dict[str, str]) -> bool:
    """Whether the Secret has a leaf that was not there before and is valid for the Service."""
    done = chain.home.run_unchecked("get", "-o", "json", "secret", SECRET)
    if done.returncode != 0:
        return False
    data: dict[str, str] = json.loads(done.stdout)["data"]
    if data["tls.crt"] == before["tls.crt"]:
        return False
    leaf = read(texts_of({"data": data}), INJECTOR_AUTHORITY).leaf
    return leaf is not None and f"{NAME}.{chain.home.namespace}.svc" in leaf.names


def _events(chain: Chain) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = chain.home.get(
        "events", f"--field-selector=involvedObject.name={SECRET}"
    )["items"]
    return found


def _secret(name: str, leaf: str, key: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": name},
        "stringData": {"tls.crt": leaf, "tls.key": key},
    }
