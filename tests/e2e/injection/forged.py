"""Tokens of ServiceAccounts as whoever has the keys of an API server's issuer can make them."""

from __future__ import annotations

import base64
import hashlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cluster.plan import CONTROL, DOMAIN, Plan

_AN_HOUR_S: Final = 3600
_PEM: Final = serialization.Encoding.PEM
_PUBLIC: Final = serialization.PublicFormat.SubjectPublicKeyInfo


def _new() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Key:
    """A key of an issuer; a new one if none is given."""

    private: ec.EllipticCurvePrivateKey = field(default_factory=_new)

    @property
    def name(self) -> str:
        """What an API server calls it in tokens."""
        data = self.private.public_key().public_bytes(serialization.Encoding.DER, _PUBLIC)
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
        return digest.decode().rstrip("=")

    @property
    def private_text(self) -> str:
        """The key as PEM."""
        form, open_ = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self.private.private_bytes(_PEM, form, open_).decode()

    @property
    def public_text(self) -> str:
        """Its public half."""
        return self.private.public_key().public_bytes(_PEM, _PUBLIC).decode()

    def token(self, namespace: str, name: str = "", **claims: object) -> str:
        """One of the account `default`, signed by this key; `name` stands for that of another."""
        now_s = int(time.time())
        given = {
            "iss": f"https://kubernetes.default.svc.{DOMAIN}",
            "sub": f"system:serviceaccount:{namespace}:default",
            "aud": ["eureka"],
            "iat": now_s,
            "nbf": now_s,
            "exp": now_s + _AN_HOUR_S,
            "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": "default"}},
        }
        return jwt.encode({**given, **claims}, self.private, "ES256", {"kid": name or self.name})


class IssuerFiles:
    """The files with the keys of a cluster's API server, which reads them when it starts."""

    def __init__(self, plan: Plan) -> None:
        folder = plan.home(CONTROL) / "pki"
        self.signs: Path = folder / "accounts.key"
        self.known: Path = folder / "accounts.pub"

    def key(self) -> Key:
        """The one that signs."""
        private = serialization.load_pem_private_key(self.signs.read_bytes(), None)
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        return Key(private)
