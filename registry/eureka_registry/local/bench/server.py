"""Finds the Eureka API of a URL, and sends requests to it.

A URL is taken with or without the path that Eureka's API has at most servers; the first of
`_PATHS` below it that gives a list of applications is used from then on.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import aiohttp
import msgspec
from yarl import URL

from eureka_registry.core.limits import LIST_ANSWER_BYTES
from eureka_registry.local.bench.leases import ALL, Operation
from eureka_registry.local.bench.plan import ANSWER_S, CONNECT_S
from eureka_registry.peers.client import credentials, read_body, trouble
from eureka_registry.peers.urls import normalise, redact

_PATHS: Final = ("", "eureka/", "eureka/v2/")
"""As given; Spring's; Netflix's own server's (`docs/protocol/http.md#base-paths`)."""

_TIMEOUT: Final = aiohttp.ClientTimeout(
    total=CONNECT_S + 4 * ANSWER_S, connect=CONNECT_S, sock_read=ANSWER_S
)
_GZIP: Final = 16 + zlib.MAX_WBITS
_NO_HEADERS: Final[Mapping[str, str]] = {}

_MEANINGS: Final[Mapping[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "it wants a user and a password, or has others; write "
    "http://user:password@host:port/eureka/",
    HTTPStatus.SERVICE_UNAVAILABLE: "it, or what stands before it, is not ready; try again later",
    HTTPStatus.TOO_MANY_REQUESTS: "it limits how much it is asked; try again later",
}


class Answer(NamedTuple):
    """An answer: `status` is 0 if there was none, and `trouble` says why.

    `date` is the header: the moment by the server's clock; empty: it is missing.
    """

    status: int
    body: bytes = b""
    encoding: str = ""
    trouble: str = ""
    date: str = ""

    @property
    def outcome(self) -> str:
        """The status, or why there was no answer."""
        return self.trouble or str(self.status)

    @property
    def text(self) -> bytes:
        """The body without its compression, empty if it is damaged or too large."""
        if self.encoding != "gzip":
            return self.body
        unpacking = zlib.decompressobj(_GZIP)
        try:
            text = unpacking.decompress(self.body, LIST_ANSWER_BYTES)
        except zlib.error:
            return b""
        return text if unpacking.eof else b""


class RegistrySize(msgspec.Struct, frozen=True):
    """The size of a server's registry before the run."""

    applications: int
    instances: int


class NoEurekaError(Exception):
    """There is no Eureka server; the text says what to do."""


class Server:
    """One server, over a session that leaves bodies compressed.

    `url` is its service URL without user and password, which go into a header and nowhere else.
    `headers` are sent besides. `tls_name` is for whom its certificate has to be; empty: its host.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        headers: Mapping[str, str] = _NO_HEADERS,
        tls_name: str = "",
    ) -> None:
        normal = normalise(url)
        self.url = redact(normal)
        self._session = session
        self._tls_name = tls_name or None
        self._headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "Content-Type": "application/json",
            "User-Agent": "eureka-registry-bench",
            # Clients of this name are exempt from Netflix's rate limits (`RateLimitingFilter`).
            "DiscoveryIdentity-Name": "DefaultClient",
            **credentials(normal),
            **headers,
        }

    async def ask(self, operation: Operation, accept: str = "application/json") -> Answer:
        """Send one request; redirects are not followed. Failures of the network raise nothing."""
        try:
            async with self._session.request(
                operation.method,
                URL(self.url + operation.path, encoded=True),
                data=operation.body,
                headers={**self._headers, "Accept": accept},
                timeout=_TIMEOUT,
                allow_redirects=False,
                server_hostname=self._tls_name,
            ) as answer:
                body = await read_body(answer, LIST_ANSWER_BYTES)
                if body is None:
                    return Answer(0, trouble=f"an answer of more than {LIST_ANSWER_BYTES:,} bytes")
                given = answer.headers
                encoding, date = given.get("Content-Encoding", ""), given.get("Date", "")
                return Answer(answer.status, body, encoding, date=date)
        except (aiohttp.ClientError, OSError) as error:  # OSError: also TimeoutError
            return Answer(0, trouble=_error_text(error))


async def find(
    session: aiohttp.ClientSession,
    url: str,
    headers: Mapping[str, str] = _NO_HEADERS,
    *,
    tls_name: str = "",
) -> tuple[Server, RegistrySize]:
    """Find the server that `url` means, and what it holds.

    Args:
        session: leaves bodies compressed.
        url: with or without the path of the API.
        headers: sent with each request besides.
        tls_name: name that the certificate must have; empty: for the URL's host.

    Raises:
        NoEurekaError: it cannot be reached, refuses us, or is not a Eureka server.
    """
    found = []
    for path in _PATHS:
        server = Server(session, url + path, headers, tls_name)
        answer = await server.ask(ALL)
        holding = registry_size(answer)
        if holding is not None:
            return server, holding
        found.append((server.url, answer))
        if ends_search(answer):
            break
    raise NoEurekaError(why_not(found))


def registry_size(answer: Answer) -> RegistrySize | None:
    """The size of a list of all applications; `None` if the answer is no such list."""
    if answer.status != HTTPStatus.OK:
        return None
    try:
        document: Any = json.loads(answer.text)
        applications = document["applications"]["application"]
        return RegistrySize(len(applications), sum(len(each["instance"]) for each in applications))
    except (ValueError, KeyError, TypeError):
        return None


def ends_search(answer: Answer) -> bool:
    """Whether another path at the same host would get the same answer."""
    return answer.status in _MEANINGS or not answer.status


def why_not(answers: Sequence[tuple[str, Answer]]) -> str:
    """Why none of these URLs is a Eureka, by their answers to a list of applications."""
    url, answer = answers[-1]
    if not answer.status:
        advice = "is it running, and is this its address?"
        if "certificate" in answer.trouble:
            advice = "name the authority that issued it: SSL_CERT_FILE=ca.pem"
        return f"{url} cannot be reached: {answer.trouble}; {advice}"
    meaning = _MEANINGS.get(answer.status)
    if meaning:
        return f"{url} answers {answer.status}: {meaning}"
    tried = ", ".join(f"{url}apps ({_shape(answer)})" for url, answer in answers)
    return (
        f"{answers[0][0]} is not a Eureka server: no list of applications at {tried}; give its"
        f" service URL, such as http://host:8761/eureka/"
    )


def _shape(answer: Answer) -> str:
    """What an answer is, if it is not a list of applications."""
    if answer.status == HTTPStatus.OK:
        return "something else"
    if answer.status == HTTPStatus.FORBIDDEN:
        return "403, forbidden to this user or not ready"  # `shouldAllowAccess`
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        return f"{answer.status}, a redirect"
    return str(answer.status)


def _error_text(error: Exception) -> str:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"no connection within {CONNECT_S:g} s"
    if isinstance(error, TimeoutError):
        return f"no answer within {ANSWER_S:g} s"
    return trouble(error)
