"""Identities, and the rule for every request: who may do what. Pure; `guard` finds the identity.

The rule uses routes, not paths, so another spelling of a path cannot change the rights. Only what
is named here is allowed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Final

import msgspec

from eureka_registry.core.model import Instance
from eureka_registry.core.validation import display_text
from eureka_registry.http.accounts import Account
from eureka_registry.http.routes import Resource, Route
from eureka_registry.http.rules import Refusal, Rule

_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OF_APPLICATIONS: Final = frozenset(
    {Resource.APP, Resource.INSTANCE, Resource.STATUS_OVERRIDE, Resource.METADATA}
)
_BETWEEN_PEERS: Final = frozenset(
    {Resource.BATCH, Resource.RENEWALS, Resource.DIGEST, Resource.COPY}
)

_FILES: Final = ("static",)
"""Below it are scripts and styles of the dashboard, the same everywhere: they tell nothing."""

_LOG2_N: Final = 14
_BLOCK: Final = 8
_PASSES: Final = 5
"""OWASP's figures for scrypt in 16 MiB; peers have little memory."""
_MOST_LOG2_N: Final = 17


class Identity(msgspec.Struct, frozen=True):
    """A known sender, or with `name` "" anybody.

    `applications` are patterns of applications that may be registered, renewed, overridden and
    cancelled, `vips` of the VIP addresses that their instances may have; `None`: as `applications`.
    A `peer` may do everything. With an `account` its rules hold, and no patterns.
    """

    name: str = ""
    applications: tuple[str, ...] = ()
    vips: tuple[str, ...] | None = None
    peer: bool = False
    read: bool = True
    account: Account | None = None

    def refusal_of_writing(self, app: str) -> Refusal | None:
        """Why it may not change leases of an application (upper-cased); `None` if it may.

        Which of these leases it may change is decided by its account.
        """
        if self.account is not None:
            return self.account.refusal_of_name(app)
        if self.peer or matches(app, self.applications):
            return None
        return Refusal(Rule.APPLICATION, f"it was not given the application {display_text(app)}")

    def refusal_of_addresses(self, instance: Instance) -> Refusal | None:
        """Why it may not register an instance with such VIP addresses; `None` if it may.

        Clients look instances up by VIP address: who could take any could answer for everybody.
        """
        patterns = self.applications if self.vips is None else self.vips
        listed = f"{instance.vip_address or ''},{instance.secure_vip_address or ''}".split(",")
        names = [name.strip().upper() for name in listed]
        wrong = next((name for name in names if name and not matches(name, patterns)), None)
        if self.peer or wrong is None:
            return None
        return Refusal(Rule.APPLICATION, f"it was not given the VIP address {display_text(wrong)}")


class Request(msgspec.Struct, frozen=True):
    """The parts of a request that rights depend on."""

    method: str
    route: Route | None
    from_peer: bool = False


def refusal(identity: Identity, request: Request) -> Refusal | None:
    """Why a request must not be served, before its body is read; `None`: it may be."""
    route = request.route
    if identity.peer:
        return None
    if request.from_peer or (route is not None and route.resource in _BETWEEN_PEERS):
        return Refusal(Rule.PEER, "only peers may do that")
    if request.method in _READS:
        if route is not None and route.resource is Resource.PAGE and route.names[:1] == _FILES:
            return None
        return None if identity.read else Refusal(Rule.READ, "it may not read")
    if route is None or route.resource not in _OF_APPLICATIONS:
        return Refusal(Rule.WRITE, "nothing can be written there")
    return identity.refusal_of_writing(route.names[0])


@lru_cache(maxsize=4096)
def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether `name` is matched by a shell pattern; case does not matter."""
    return any(fnmatchcase(name.upper(), pattern.upper()) for pattern in patterns)


# -- Credentials


class Basic(msgspec.Struct, frozen=True):
    """A user and a password as sent."""

    user: str
    password: bytes


class Bearer(msgspec.Struct, frozen=True):
    """A token as sent."""

    token: bytes


def parse_credentials(header: str) -> Basic | Bearer | None:
    """Read an `Authorization` header; `None` if it is neither Basic nor Bearer, or malformed."""
    scheme, _, text = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return Bearer(text.strip().encode("utf-8", "surrogateescape"))
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(text.strip(), validate=True).partition(b":")
        return Basic(user.decode(), password) if colon else None
    except ValueError:  # also what is no base64 and no UTF-8
        return None


def certificate_names(certificate: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of a verified client certificate, in lower case: DNS names and URIs, else its CN."""
    alternatives = certificate.get("subjectAltName", ())
    names = [value for kind, value in alternatives if kind in ("DNS", "URI")]
    if not names:
        parts = [part for group in certificate.get("subject", ()) for part in group]
        names = [value for kind, value in parts if kind == "commonName"]
    return tuple(name.lower() for name in names)


# -- Passwords


def hash_password(password: bytes, salt: bytes) -> str:
    """The stored form of a password; `salt` is 16 random bytes."""
    return encode_hash(salt, _scrypt(password, salt, (_LOG2_N, _BLOCK, _PASSES)))


def encode_hash(salt: bytes, key: bytes) -> str:
    """The text of a salt and scrypt's result; random ones are a password that nobody has."""
    parts = (base64.b64encode(part).decode("ascii") for part in (salt, key))
    return "$".join(("scrypt", str(_LOG2_N), str(_BLOCK), str(_PASSES), *parts))


def decoy(hash_text: str, chance: bytes) -> str:
    """A password that nobody has; checking it costs as much as checking `hash_text`.

    Its key is made of the random bytes `chance` and as long as the other's.
    """
    (log2_n, block, passes), salt, key = _parts(hash_text)
    made = hashlib.shake_256(chance + hash_text.encode()).digest(len(key))
    parts = (base64.b64encode(part).decode("ascii") for part in (salt, made))
    return "$".join(("scrypt", str(log2_n), str(block), str(passes), *parts))


def problem(hash_text: str) -> str | None:
    """Why `hash_text` is not a stored password, without showing it; `None` if it is one."""
    try:
        (log2_n, block, passes), _, key = _parts(hash_text)
    except ValueError:
        return "is not what `eureka-registry hash-password` prints"
    if not (1 <= log2_n <= _MOST_LOG2_N and 1 <= block <= _BLOCK and 1 <= passes <= 2 * _PASSES):
        return "asks for more work than this registry does"
    return None if len(key) >= 16 else "is too short"  # noqa: PLR2004


def is_password(hash_text: str, password: bytes) -> bool:
    """Whether `password` is the one stored as `hash_text`; slow by design."""
    work, salt, key = _parts(hash_text)
    return hmac.compare_digest(_scrypt(password, salt, work, len(key)), key)


def _parts(hash_text: str) -> tuple[tuple[int, int, int], bytes, bytes]:
    kind, log2_n, block, passes, salt, key = hash_text.split("$")
    if kind != "scrypt":
        raise ValueError(kind)
    decode = [base64.b64decode(text, validate=True) for text in (salt, key)]
    return (int(log2_n), int(block), int(passes)), decode[0], decode[1]


def _scrypt(password: bytes, salt: bytes, work: tuple[int, int, int], size: int = 32) -> bytes:
    log2_n, block, passes = work
    n = 1 << log2_n
    limit = 256 * n * block + 1_048_576
    return hashlib.scrypt(password, salt=salt, n=n, r=block, p=passes, maxmem=limit, dklen=size)
