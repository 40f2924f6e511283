"""An issuer of ServiceAccount tokens, as the API server of Kubernetes is one."""

from __future__ import annotations

import json
import time
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

AUDIENCE: Final = "eureka"
ISSUER: Final = "https://kubernetes.default.svc.cluster.local"

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Issuer:
    """Signs tokens by one key, which has a name."""

    def __init__(self, name: str = "key-1", algorithm: str = "ES256") -> None:
        self.name = name
        self.algorithm = algorithm
        self.key: Key
        if algorithm.startswith("RS"):
            self.key = rsa.generate_private_key(65537, 2048)
        else:
            curves = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
            self.key = ec.generate_private_key(curves[algorithm])

    def jwk(self) -> dict[str, Any]:
        """The public key, as `/openid/v1/jwks` shows it."""
        kind = jwt.get_algorithm_by_name(self.algorithm)
        public: dict[str, Any] = json.loads(kind.to_jwk(self.key.public_key()))
        public.pop("key_ops", None)
        return {**public, "kid": self.name, "use": "sig", "alg": self.algorithm}

    def token(
        self,
        namespace: str = "team-a",
        account: str = "orders",
        /,
        **claims: object,
    ) -> str:
        """A token as the kubelet gets it; a claim that is given as `...` is left out."""
        now_s = int(time.time())
        subject = f"system:serviceaccount:{namespace}:{account}"
        given: dict[str, object] = {
            "iss": ISSUER,
            "sub": subject,
            "aud": [AUDIENCE],
            "iat": now_s,
            "nbf": now_s,
            "exp": now_s + 3600,
            "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": account}},
            **claims,
        }
        payload = {name: value for name, value in given.items() if value is not ...}
        return jwt.encode(payload, self.key, self.algorithm, {"kid": self.name})


def key_set(*issuers: Issuer) -> str:
    """The keys of issuers as a JSON Web Key Set."""
    return json.dumps({"keys": [issuer.jwk() for issuer in issuers]})
