"""The certificate that the injector serves; a new one is used without a restart if it is trusted.

It is tried before it is served: by a TLS handshake in memory with what the API server was told to
trust. So one that would be refused never takes the place of one that works. Nor does one whose CA
was published only now: API servers learn of that by watches of their own, maybe later than we.
"""

from __future__ import annotations

import base64
import binascii
import logging
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from eureka_operator.core.certificates import SETTLE_S
from eureka_operator.core.kinds import Object
from eureka_operator.shell.keypairs import LEAF, LEAF_KEY, load_pair

_TURNS: Final = 8
"""A handshake is over after two turns of each side; TLS 1.2 takes three."""

_log = logging.getLogger(__name__)


class _UntrustedError(Exception):
    """A certificate that the API server would refuse; the text says why, and what to do."""


class _Pair(NamedTuple):
    """A certificate, or a chain of them, and its key, as PEM."""

    leaf: str
    key: str


class _ServedPair(NamedTuple):
    pair: _Pair
    context: ssl.SSLContext
    ends_s: float


class ServedLeaf:
    """The leaf for `host`, the name by which the API server asks.

    `listening` is the context of the listener, which stays the same: it hands each handshake to
    the context of the newest leaf. `now` is in seconds since 1970, `clock` is that of waiting.
    """

    def __init__(
        self,
        host: str,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.listening = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.listening.sni_callback = self._hand_over
        self._host = host
        self._now = now
        self._clock = clock
        self._bundles: frozenset[str] = frozenset()
        self._published_s = 0.0
        self._served: _ServedPair | None = None
        self._problem: str | None = "no certificate was read yet"

    @property
    def problem(self) -> str | None:
        """Why the API server would not trust what is served, in words; `None`: it does."""
        if self._problem is None and self._now() >= self.ends_s:
            return f"the certificate that is served ended on {_day(self.ends_s)}"
        return self._problem

    @property
    def ends_s(self) -> float:
        """When the leaf ends, in seconds since 1970; 0: none is served."""
        return self._served.ends_s if self._served else 0.0

    def consider(self, secret: Object | None, webhook: Object | None) -> float:
        """Serve the Secret's certificate if all webhooks trust it; else go on with the present one.

        `None`: there is no such object. Gives the seconds after which both are to be considered
        again though they have not changed; 0: they need not be.
        """
        problem: str | None = None
        wait_s = 0.0
        try:
            self._notice(_bundles(webhook))
            tried = _checked_pair(_pair(secret), self._bundles, self._host)
            wait_s = self._wait_s(tried, webhook)
            if not wait_s:
                self._take(tried)
        except _UntrustedError as error:
            problem = None if self._is_trusted(webhook) else str(error)
            if problem is None or problem != self._problem:
                _log.warning("%s", error)
        self._problem = problem
        return wait_s

    def _notice(self, bundles: frozenset[str]) -> None:
        if bundles != self._bundles:
            self._bundles, self._published_s = bundles, self._clock()

    def _wait_s(self, candidate: _ServedPair, webhook: Object | None) -> float:
        """How long the present certificate has to stay, because it is trusted for longer."""
        if self._served is None or candidate.pair == self._served.pair:
            return 0.0
        rest_s = self._published_s + SETTLE_S - self._clock()
        return rest_s if rest_s > 0 and self._is_trusted(webhook) else 0.0

    def _take(self, candidate: _ServedPair) -> None:
        if self._served is None or candidate.pair != self._served.pair:
            self._served = candidate
            _log.info("serving a certificate that ends on %s", _day(candidate.ends_s))

    def _is_trusted(self, webhook: Object | None) -> bool:
        """Whether the present certificate is still trusted."""
        try:
            return self._served is not None and bool(
                _checked_pair(self._served.pair, _bundles(webhook), self._host)
            )
        except _UntrustedError:
            return False

    def _hand_over(
        self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _: ssl.SSLContext
    ) -> int | None:
        """Give a new connection the newest leaf; called for each handshake, with or without SNI."""
        if self._served is None:
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
        connection.context = self._served.context
        return None


def _checked_pair(pair: _Pair, bundles: frozenset[str], host: str) -> _ServedPair:
    """The pair, after a client that trusts each of the bundles has accepted it for `host`.

    Raises:
        _UntrustedError: It did not.
    """
    context = _context(pair)
    ends_s = 0.0
    for bundle in bundles:
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            client.load_verify_locations(cadata=bundle)
            ends_s = _shake_hands(context, client, host)
        except ssl.SSLCertVerificationError as error:
            raise _UntrustedError(
                f"caBundle does not trust the certificate of {LEAF}: {error.verify_message}"
            ) from error
        except (ssl.SSLError, ValueError) as error:
            raise _UntrustedError(f"caBundle cannot be used: {error}") from error
    return _ServedPair(pair, context, ends_s)


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> float:
    """Run a handshake in memory; returns when the server's certificate ends."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(back, there, server_hostname=host)
    answering = server.wrap_bio(there, back, server_side=True)
    done: set[ssl.SSLObject] = set()
    for _ in range(_TURNS):
        for side in (asking, answering):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                continue
    if len(done) < 2:  # noqa: PLR2004 - both sides
        raise ValueError("the handshake does not end")
    shown = asking.getpeercert() or {}
    return float(ssl.cert_time_to_seconds(str(shown["notAfter"])))


def _context(pair: _Pair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        load_pair(context, pair.leaf, pair.key)
    except ValueError as error:
        raise _UntrustedError(
            f"{LEAF} and {LEAF_KEY} of the Secret are no certificate and its key: {error}"
        ) from error
    return context


def _pair(secret: Object | None) -> _Pair:
    if secret is None:
        raise _UntrustedError("the Secret with the certificate is not there")
    data = secret.get("data") or {}
    for key in (LEAF, LEAF_KEY):
        if not data.get(key):
            raise _UntrustedError(f"{key} is missing in the Secret {secret['metadata']['name']}")
    return _Pair(_text(LEAF, data[LEAF]), _text(LEAF_KEY, data[LEAF_KEY]))


def _bundles(webhook: Object | None) -> frozenset[str]:
    """The `caBundle` of each webhook, each once."""
    if webhook is None:
        raise _UntrustedError("the MutatingWebhookConfiguration is not there")
    name = webhook["metadata"]["name"]
    found = set()
    for each in webhook.get("webhooks") or ():
        encoded = each["clientConfig"].get("caBundle")
        if not encoded:
            raise _UntrustedError(
                f"the MutatingWebhookConfiguration {name} has no caBundle for {each['name']} yet"
            )
        found.add(_text("caBundle", encoded))
    if not found:
        raise _UntrustedError(f"the MutatingWebhookConfiguration {name} has no webhooks")
    return frozenset(found)


def _text(what: str, base64_text: str) -> str:
    try:
        return base64.b64decode(base64_text, validate=True).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise _UntrustedError(f"{what} cannot be read: {error}") from error


def _day(time_s: float) -> str:
    return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d %H:%M} UTC"
