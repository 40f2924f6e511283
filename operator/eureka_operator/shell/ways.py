"""The operator's way to peers: plain HTTP, or HTTPS with the contents of their Secret.

A peer's pod names the Secrets that it has mounted. `ca.crt` says whom to trust, the certificate
proves that the operator is no stranger where `spec.tls.clientAuth` asks for one, and so does the
peers' password with `spec.auth`. Every peer's certificate is valid for the Service of its cluster,
whatever its pod's address is.
"""

from __future__ import annotations

import base64
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

from eureka_operator.core.auth import CREDENTIALS
from eureka_operator.core.kinds import Object
from eureka_operator.core.pods import Peer
from eureka_operator.core.tls import service_host
from eureka_operator.shell.client import ApiError
from eureka_operator.shell.keypairs import BUNDLE, LEAF, LEAF_KEY, load_pair, texts_of

_READ_EVERY_S: Final = 15.0
"""A new CA signs two minutes after it is in the Secret."""


class Scope(NamedTuple):
    """Where the operator works: in these namespaces (empty: in all), and the DNS domain."""

    namespaces: tuple[str, ...]
    domain: str


class PeerSecurityError(Exception):
    """A peer cannot be asked; the text says why, and what to do."""


_NO_HEADERS: Final[Mapping[str, str]] = {}


class PeerSecurity(NamedTuple):
    """What a request to a peer needs besides its address; `context` `None`: plain HTTP.

    `host` is whom its certificate has to be valid for, `headers` prove who asks.
    """

    context: ssl.SSLContext | None
    host: str = ""
    headers: Mapping[str, str] = _NO_HEADERS

    @property
    def scheme(self) -> str:
        """Of the URL."""
        return "http" if self.context is None else "https"


PLAIN: Final = PeerSecurity(None)


Texts = Mapping[str, str]


class _CachedSecurity(NamedTuple):
    security: PeerSecurity
    texts: tuple[Texts, Texts]
    until_s: float


ReadSecret = Callable[[str, str], Awaitable[Object | None]]
"""Reads a Secret by namespace and name; `None`: there is none. Raises `ApiError`."""


class PeerSecurities:
    """Those to all peers; `domain` is the DNS domain of Services, `clock` never jumps."""

    def __init__(
        self, secret: ReadSecret, domain: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._secret = secret
        self._domain = domain
        self._clock = clock
        self._cache: dict[tuple[str, str, str, str], _CachedSecurity] = {}

    async def to(self, peer: Peer) -> PeerSecurity:
        """What a request to a peer needs; while its Secret is unusable, its former contents count.

        Raises:
            WayError: There is none.
        """
        if not peer.secret and not peer.proof:
            return PLAIN
        key = (peer.namespace, peer.cluster, peer.secret, peer.proof)
        known = self._cache.get(key)
        if known is not None and self._clock() < known.until_s:
            return known.security
        until_s = self._clock() + _READ_EVERY_S
        try:
            texts = await self._texts(peer)
            same = known is not None and texts == known.texts
            security = (
                known.security if known is not None and same else self._security(peer, *texts)
            )
        except (ApiError, ValueError) as error:
            if known is None:
                named = " and ".join(each for each in (peer.secret, peer.proof) if each)
                message = f"what peers are verified by and asked with (Secret {named} in"
                raise PeerSecurityError(
                    f"{message} {peer.namespace}) cannot be used: {error}"
                ) from error
            security, texts = known.security, known.texts
        self._cache[key] = _CachedSecurity(security, texts, until_s)
        return security

    async def _texts(self, peer: Peer) -> tuple[Texts, Texts]:
        """The texts of the two Secrets; none where a peer has no Secret."""
        tls, proof = [
            texts_of(await self._secret(peer.namespace, name)) if name else {}
            for name in (peer.secret, peer.proof)
        ]
        return tls, proof

    def _security(self, peer: Peer, tls: Texts, proof: Texts) -> PeerSecurity:
        host = service_host(peer.namespace, peer.cluster, self._domain)
        headers = _headers(proof) if peer.proof else _NO_HEADERS
        return (
            PeerSecurity(_context(tls), host, headers)
            if peer.secret
            else PeerSecurity(None, "", headers)
        )


def _headers(texts: Texts) -> dict[str, str]:
    """The headers that prove to peers that the operator is one of them.

    Raises:
        ValueError: The password is missing.
    """
    if not texts.get(CREDENTIALS):
        raise ValueError(f"{CREDENTIALS} is missing")
    encoded = base64.b64encode(texts[CREDENTIALS].encode()).decode()
    return {"Authorization": f"Basic {encoded}"}


def _context(texts: Mapping[str, str]) -> ssl.SSLContext:
    """A context that trusts the Secret's CAs alone, and shows its certificate.

    Raises:
        ValueError: Something is missing or damaged.
    """
    for key in (BUNDLE, LEAF, LEAF_KEY):
        if not texts.get(key):
            raise ValueError(f"{key} is missing")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=texts[BUNDLE])
    except ssl.SSLError as error:
        raise ValueError(f"{BUNDLE} is damaged: {error}") from error
    load_pair(context, texts[LEAF], texts[LEAF_KEY])
    return context
