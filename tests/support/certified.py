"""Certificates of the injector as they stand in objects of Kubernetes."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding

from eureka_operator.core.certificates import INJECTOR_AUTHORITY, Subject
from eureka_operator.shell.keypairs import make_authority, make_leaf

HOST: Final = "localhost"


class SignedPair:
    """A CA, and a leaf that it has signed, as the API server has them."""

    def __init__(self) -> None:
        now = datetime.now(UTC)
        issuer = make_authority(INJECTOR_AUTHORITY, now)
        self.bundle = issuer.certificate.public_bytes(Encoding.PEM).decode()
        self.leaf, self.key = make_leaf(issuer, Subject(INJECTOR_AUTHORITY, (HOST,)), now)

    def secret(self) -> dict[str, Any]:
        """The Secret."""
        return secret(self.leaf, self.key)


def secret(leaf: str, key: str) -> dict[str, Any]:
    """A Secret with this certificate and this key."""
    data = {"tls.crt": encoded(leaf), "tls.key": encoded(key)}
    return {"metadata": {"name": "eurekube-injector-tls"}, "data": data}


def configuration(*bundles: str) -> dict[str, Any]:
    """A configuration with a webhook for each bundle; an empty one is left out."""
    webhooks = [
        {"name": f"w{index}", "clientConfig": {"caBundle": encoded(each)} if each else {}}
        for index, each in enumerate(bundles)
    ]
    return {"metadata": {"name": "eurekube-injector"}, "webhooks": webhooks}


def encoded(text: str) -> str:
    """As it stands in an object."""
    return base64.b64encode(text.encode()).decode()
