"""Conditions of an EurekaCluster's Secrets: its certificate, and its users and keys.

They exist while the spec asks for them. They do not count for `Ready`, because running peers
continue with the files that they have.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from eureka_operator.core import auth
from eureka_operator.core.conditions import FALSE, TRUE, Condition
from eureka_operator.core.observed import Observed, Trouble

TLS: Final = "TLSReady"
AUTH: Final = "AuthReady"

_PROOFS: Final = {
    auth.BASIC: "user and password",
    auth.BEARER: "a token",
    auth.ACCOUNT: "tokens of their ServiceAccounts",
}


def conditions(observed: Observed) -> Iterator[Condition]:
    """Yield the conditions about TLS and authentication."""
    spec, certificate, access = observed.cluster.spec, observed.certificate, observed.access
    if spec.tls is not None and certificate is not None:
        ends = f"{certificate.ends:%Y-%m-%d %H:%M} UTC" if certificate.ends else "an unknown time"
        message = f"the certificate of Secret {certificate.secret} is valid until {ends}"
        yield _condition(TLS, certificate.trouble, "Valid", message)
    if spec.auth.type != auth.NONE and access is not None:
        message = f"clients prove themselves by {_PROOFS[spec.auth.type]}"
        yield _condition(AUTH, access.trouble, "Known", message)


def troubles(observed: Observed) -> Iterator[str]:
    """Yield possible reasons why a peer does not start."""
    for found in (observed.certificate, observed.access):
        if found is not None and found.trouble is not None:
            yield found.trouble.message


def _condition(kind: str, trouble: Trouble | None, reason: str, message: str) -> Condition:
    if trouble is not None:
        return Condition(kind, FALSE, trouble.reason, trouble.message)
    return Condition(kind, TRUE, reason, message)
