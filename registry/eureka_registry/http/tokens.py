"""Checks tokens of ServiceAccounts locally: signature, issuer, audience, times.

Imported only where `auth_file` has a section `service_accounts`: PyJWT and cryptography take
memory that others need not pay for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.types import Options

from eureka_registry.http.accounts import Invalid, Valid

_ALGORITHMS: Final = frozenset({"RS256", "RS384", "RS512", "ES256", "ES384", "ES512"})
"""Those that issuers of Kubernetes sign with."""
_KINDS: Final = frozenset({"RSA", "EC"})
_LEAST_RSA_BITS: Final = 2048
_MOST_KEYS: Final = 100
_MOST_TOKEN_BYTES: Final = 8192
_EARLY_S: Final = 60.0
"""A token may be used so long before it begins to be valid: clocks differ, and who made it has just
done so. None is taken after its end: kubelets renew tokens long before."""

_SUBJECT: Final = re.compile(r"system:serviceaccount:([a-z0-9-]{1,63}):[a-z0-9.-]{1,253}")
_OPTIONS: Final[Options] = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
"""PyJWT checks the signature; the claims are checked here, by the caller's clock."""


class _Keys(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    sub: str
    aud: str | list[str]
    exp: float
    nbf: float = 0.0


class Verifier:
    """Checks tokens by the keys of a JSON Web Key Set.

    Raises:
        ValueError: it is not a key set, is too large, or has no key for signatures; the text holds
            none of it.
    """

    def __init__(self, keys: bytes, audience: str, issuers: Collection[str]) -> None:
        self._keys = _read(keys)
        self._audience = audience
        self._issuers = issuers

    def verify(self, token: bytes, now_s: float) -> Valid | Invalid:
        """The ServiceAccount of a token, if the token is valid now."""
        claims = self._verified_claims(token)
        if isinstance(claims, Invalid):
            return claims
        subject = _SUBJECT.fullmatch(claims.sub)
        if claims.iss not in self._issuers or subject is None:
            return Invalid("the token is of another issuer, or not of a ServiceAccount")
        who = claims.sub
        audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        if self._audience not in audiences:
            return Invalid(f"the token is not for the audience {self._audience}", who)
        if now_s >= claims.exp:
            return Invalid("the token has expired", who)
        if now_s < claims.nbf - _EARLY_S:
            return Invalid("the token is not valid yet", who, lasts=False)
        return Valid(who, subject[1], claims.exp)

    def _verified_claims(self, token: bytes) -> _Claims | Invalid:
        if len(token) > _MOST_TOKEN_BYTES:
            return Invalid("the token is too long")
        try:
            name = jwt.get_unverified_header(token).get("kid")
            key = self._keys.get(name) if isinstance(name, str) else None
            if key is None:
                return Invalid("the token is signed by a key that is not known")
            claims = jwt.decode(token, key.key, algorithms=[key.algorithm_name], options=_OPTIONS)
            return msgspec.convert(claims, _Claims)
        except jwt.InvalidSignatureError:
            return Invalid("the token's signature is wrong")
        except (jwt.InvalidTokenError, msgspec.ValidationError, ValueError):
            return Invalid("the token is malformed, or signed in a way that is not accepted")


def _read(text: bytes) -> Mapping[str, jwt.PyJWK]:
    """The keys for signatures, by name; keys of other kinds or for other uses are left out."""
    try:
        listed = msgspec.json.decode(text, type=_Keys).keys
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("is not a JSON Web Key Set") from None
    if len(listed) > _MOST_KEYS:
        raise ValueError(f"holds more than {_MOST_KEYS} keys")
    found: dict[str, jwt.PyJWK] = {}
    for number, each in enumerate(listed, 1):
        if each.get("kty") not in _KINDS or each.get("use", "sig") != "sig":
            continue
        name = each.get("kid")
        if not isinstance(name, str) or not name or name in found:
            raise ValueError(f"key {number} has no kid of its own")
        found[name] = _key(each, number)
    if not found:
        raise ValueError("holds no RSA or EC key for signatures")
    return found


def _key(given: dict[str, Any], number: int) -> jwt.PyJWK:
    if "d" in given:
        raise ValueError(f"key {number} is a private key, which belongs to its issuer alone")
    try:
        key = jwt.PyJWK(given)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        raise ValueError(f"key {number} cannot be read") from None
    if key.algorithm_name not in _ALGORITHMS:
        raise ValueError(f"key {number} is for an algorithm other than RS256, ES256 and their kin")
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < _LEAST_RSA_BITS:
        raise ValueError(f"key {number} has fewer than {_LEAST_RSA_BITS} bits")
    return key
