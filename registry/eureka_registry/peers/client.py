"""Requests to one peer over HTTP; errors in plain words.

Time-outs, the size of answers and redirects are bounded here; pauses and retries are the outbox's
business. To a Java server this is a Java peer with more headers
(`docs/protocol/replication.md#batch-request`).
"""

from __future__ import annotations

import base64
import errno
import io
import logging
import ssl
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

import aiohttp
import msgspec
from yarl import URL

from eureka_registry.core.limits import (
    BATCH_ANSWER_BYTES,
    COPY_ANSWER_BYTES,
    DIGEST_ANSWER_BYTES,
    LIST_ANSWER_BYTES,
)
from eureka_registry.core.pace import Congested, Delivered, Outcome, Refused, Unreachable
from eureka_registry.peers import urls
from eureka_registry.peers.identity import NODE_HEADER, NONCE_HEADER, NodesSeen, Nonces
from eureka_registry.peers.resolver import Resolver

SEVERAL: Final = (
    "leads to several processes in turn, so a change reaches only one of them: "
    "list each peer by a URL of its own"
)
"""What is said of a URL such as that of a Kubernetes Service."""

STAGE_HEADER: Final = "X-Eurekube-Stage"
"""`stopping`, both ways, where the process that speaks was told to stop."""

STOPPING: Final = "stopping"

SERVER_IDENTITY: Final = "DefaultServer"
"""What peers call themselves in `DiscoveryIdentity-Name` (`EurekaServerIdentity`)."""

BATCH_PATH: Final = "peerreplication/batch/"
"""Where a peer takes batches, below its service URL."""

RENEWALS_PATH: Final = "peerreplication/renewals/"
"""Where a Eurekube peer takes batches whose renewals are short."""

DIGEST_PATH: Final = "peerreplication/digest"
COPY_PATH: Final = "peerreplication/copy"

_log = logging.getLogger(__name__)

_ANSWER_BYTES: Final[Mapping[str, int]] = {
    BATCH_PATH: BATCH_ANSWER_BYTES,
    RENEWALS_PATH: BATCH_ANSWER_BYTES,
    DIGEST_PATH: DIGEST_ANSWER_BYTES,
    COPY_PATH: COPY_ANSWER_BYTES,
}
_KEEPALIVE_S: Final = 15.0  # below Tomcat's 20 s, so that a Java peer is never the first to close
_CHUNK_BYTES: Final = 65_536
_UNAVAILABLE: Final = 503
_WORDS: Final[Mapping[int, str]] = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EPIPE: "connection reset",
    errno.EHOSTUNREACH: "no route to the host",
    errno.ENETUNREACH: "no route to the network",
    errno.ETIMEDOUT: "connection timed out",
}
_WORDS_BY_KIND: Final = (
    (aiohttp.ClientConnectorDNSError, "name not known"),
    (UnicodeError, "no name that DNS can hold"),
    (aiohttp.ServerDisconnectedError, "connection closed before the answer"),
    (aiohttp.ClientPayloadError, "answer broken off or damaged"),
    (aiohttp.ClientResponseError, "answer is not HTTP"),
)


class Node(msgspec.Struct, frozen=True):
    """Who we are: our node id, and the address by which logs of Java peers name us.

    `authorization` gives the header for URLs without a user; empty: none. `stopping` says whether
    this process was told to stop, `tls` gives the context for new connections to peers: trusted
    CAs, and our own certificate; `None`: the system's CAs.
    """

    id: str
    address: str
    authorization: Callable[[], str] = str  # gives ""
    stopping: Callable[[], bool] = bool  # gives `False`
    nonces: Nonces = msgspec.field(default_factory=Nonces)
    tls: Callable[[], ssl.SSLContext | None] = lambda: None


class Limits(msgspec.Struct, frozen=True):
    """Bounds of one request: seconds, and bytes of an answer after decompression.

    An answer may take `read_timeout_s` between two of its parts and four times that in all.
    """

    connect_timeout_s: float = 1.0
    read_timeout_s: float = 5.0
    answer_bytes: int = LIST_ANSWER_BYTES
    """Beside the smaller bounds of what only peers ask each other."""

    @property
    def total_s(self) -> float:
        """Longest time for all of a request."""
        return self.connect_timeout_s + 4 * self.read_timeout_s


class Answer(NamedTuple):
    """The result of a request: `body` only for a 2xx, `node` if the peer names itself.

    `is_self`: the URL leads to this process; `stops`: the peer was told to stop; `too_large`: the
    answer was larger than its bound and therefore not read.
    """

    outcome: Outcome
    body: bytes | None = None
    node: str | None = None
    is_self: bool = False
    stops: bool = False
    too_large: bool = False


def open_session(
    *, decompress: bool = True, tls: ssl.SSLContext | None = None
) -> aiohttp.ClientSession:
    """Open the session that all peers share; the caller closes it.

    Names are resolved for every new connection, as a peer comes back from a restart with another
    address. Without `decompress` bodies stay compressed. `tls` is the context of requests that have
    none of their own; `None`: the system's CAs.
    """
    connector = aiohttp.TCPConnector(
        limit=0,
        use_dns_cache=False,
        keepalive_timeout=_KEEPALIVE_S,
        ssl=tls or True,
        resolver=Resolver(),
    )
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=decompress
    )


class PeerClient:
    """One peer's service URL over a shared session.

    User and password of the URL become Basic credentials and appear nowhere else.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        node: Node,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        seen: NodesSeen | None = None,
    ) -> None:
        normal = urls.normalise(url)
        self.url = urls.redact(normal)
        self.node = node
        self.seen = seen or NodesSeen()
        self._session = session
        self._headers = _headers(node) | credentials(normal)
        self.set_limits(limits)

    def set_limits(self, limits: Limits) -> None:
        """Set the bounds of every later request."""
        self._limits = limits
        self._timeout = aiohttp.ClientTimeout(
            total=limits.total_s,
            connect=limits.connect_timeout_s,
            sock_read=limits.read_timeout_s,
        )

    async def post_batch(self, body: bytes) -> Answer:
        """Send an encoded batch; a `Delivered` answer holds the replies to its items."""
        return await self._request("POST", BATCH_PATH, body=body)

    async def post_renewals(self, body: bytes) -> Answer:
        """Send a batch with short renewals, for Eurekube peers that take them."""
        return await self._request("POST", RENEWALS_PATH, body=body)

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Fetch the JSON document at `path` below the service URL."""
        return await self._request("GET", path, params=params)

    async def _request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        answer = await self._exchange(method, path, self._sent(body), body=body, params=params)
        if answer.node == self.node.id:
            is_self = await self._leads_here()
            answer = answer._replace(is_self=is_self, node=self.node.id if is_self else None)
        if self.seen.hear(answer.node):
            _log.warning("%s peer=%s", SEVERAL, self.url)
        return answer

    async def _leads_here(self) -> bool:
        """Whether the URL leads to this process; a claim of our node id alone does not count."""
        nonce = self.node.nonces.begin()
        try:
            await self._exchange("GET", DIGEST_PATH, self._sent(None) | {NONCE_HEADER: nonce})
        finally:
            arrived = self.node.nonces.end(nonce)
        return arrived

    def _sent(self, body: bytes | None) -> dict[str, str]:
        headers = self._headers
        if "Authorization" not in headers and (proof := self.node.authorization()):
            headers = headers | {"Authorization": proof}
        if body is not None:
            headers = headers | {"Content-Type": "application/json"}
        if self.node.stopping():
            headers = headers | {STAGE_HEADER: STOPPING}
        return headers

    async def _exchange(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        *,
        body: bytes | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        limit_bytes = min(self._limits.answer_bytes, _ANSWER_BYTES.get(path, LIST_ANSWER_BYTES))
        try:
            async with self._session.request(
                method,
                URL(urljoin(self.url, path), encoded=True),
                params=params,
                data=None if body is None else io.BytesIO(body),  # in parts, unlike `bytes`
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
                ssl=self.node.tls() or True,  # open connections of another context are left alone
            ) as response:
                return await _answer(response, limit_bytes)
        except (aiohttp.ClientError, OSError, UnicodeError) as error:  # OSError: also TimeoutError
            return Answer(_outcome_of(error, self._limits))


async def _answer(response: aiohttp.ClientResponse, limit_bytes: int) -> Answer:
    node = response.headers.get(NODE_HEADER)
    stops = response.headers.get(STAGE_HEADER) == STOPPING
    if response.status == _UNAVAILABLE:
        return Answer(Congested("answered 503"), node=node, stops=stops)
    if not 200 <= response.status < 300:  # noqa: PLR2004 - redirects are refusals, too
        return Answer(Refused(response.status), node=node, stops=stops)
    body = await read_body(response, limit_bytes)
    if body is None:
        reason = f"answer larger than {limit_bytes} bytes"
        return Answer(Unreachable(reason), node=node, stops=stops, too_large=True)
    return Answer(Delivered(), body, node, stops=stops)


async def read_body(response: aiohttp.ClientResponse, limit_bytes: int) -> bytes | None:
    """The body; `None` if it is larger than the limit, and then the connection is closed."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        body += chunk
        if len(body) > limit_bytes:
            response.close()
            return None
    return bytes(body)


def _headers(node: Node) -> dict[str, str]:
    """Headers of `EurekaServerIdentity`, which exempt a peer from Java's rate limits."""
    return {
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "DiscoveryIdentity-Name": SERVER_IDENTITY,
        "DiscoveryIdentity-Version": "1.0",
        "DiscoveryIdentity-Id": node.address,
        "User-Agent": "eurekube",
        NODE_HEADER: node.id,
    }


def credentials(url: str) -> dict[str, str]:
    """The header of a URL's user and password, sent unasked as Jersey does; else empty."""
    user_info, at, _ = urlsplit(url).netloc.rpartition("@")
    if not at:
        return {}
    user, _, password = user_info.partition(":")
    plain = f"{unquote(user)}:{unquote(password)}".encode()
    return {"Authorization": "Basic " + base64.b64encode(plain).decode("ascii")}


def _outcome_of(error: Exception, limits: Limits) -> Outcome:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Unreachable(f"no connection within {limits.connect_timeout_s:g} s")
    if isinstance(error, aiohttp.SocketTimeoutError):
        return Congested(f"no answer within {limits.read_timeout_s:g} s")
    if isinstance(error, TimeoutError):
        return Congested(f"answer not complete within {limits.total_s:g} s")
    return Unreachable(trouble(error))


def trouble(error: Exception) -> str:
    """Briefly, why a request failed; a time-out is left to the caller, who knows its length."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"TLS certificate not trusted: {_tls_error_text(error.certificate_error)}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {_tls_error_text(error)}"
    for kind, words in _WORDS_BY_KIND:
        if isinstance(error, kind):
            return words
    return _os_error_text(error) if isinstance(error, OSError) else type(error).__name__


def _os_error_text(error: OSError) -> str:
    known = _WORDS.get(error.errno or 0)
    return known or (error.strerror or str(error) or type(error).__name__).lower()


def _tls_error_text(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    reason = getattr(error, "reason", None)
    return str(reason or error).replace("_", " ").lower()
