"""Reads the instances of pods from one peer's registry, and changes a few things there."""

from __future__ import annotations

from typing import Final, NamedTuple

import aiohttp
from yarl import URL

from eureka_operator import __version__
from eureka_operator.core.instances import Instance, NoInstancesError, read_list, read_one
from eureka_operator.core.pods import Peer
from eureka_operator.shell import bodies
from eureka_operator.shell.ways import PLAIN, PeerSecurities, PeerSecurity, PeerSecurityError
from eureka_sidecar.core.document import quote
from eureka_sidecar.core.operations import Answer, Request

TIMEOUT: Final = aiohttp.ClientTimeout(total=5.0, sock_connect=1.0, sock_read=2.0)
"""How long one request may take. A peer that is cut off (a NetworkPolicy drops packets) shows by
the connection; a list of 10,000 instances takes half a second."""

_MOST_BYTES: Final = 64 * 1024 * 1024
"""Of an answer as it is decompressed: 10,000 instances are 12 MB."""
_HEADERS: Final = {
    "Accept": "application/json",
    "User-Agent": f"eureka-operator/{__version__}",
    # As a peer asks (`EurekaServerIdentity`): without what it shows of other regions, and never
    # refused because clients fetch too often.
    "DiscoveryIdentity-Name": "DefaultServer",
}
_OK: Final = 200
_NOT_MODIFIED: Final = 304
_NOT_FOUND: Final = 404
_REASON: Final = "X-Eurekube-Reason"
"""The header in which a registry says why it refuses a request."""
_MOST_SAID: Final = 300


class RegistryError(Exception):
    """A peer refused a request or did not answer; the text names the URL and the answer."""


class Listing(NamedTuple):
    """The instances that name a pod, and the tag by which the peer tells whether they changed."""

    tag: str
    instances: tuple[Instance, ...]


def session() -> aiohttp.ClientSession:
    """The session for requests to all peers; a context manager, in one event loop."""
    return aiohttp.ClientSession(
        timeout=TIMEOUT,
        headers=_HEADERS,
        cookie_jar=aiohttp.DummyCookieJar(),
    )


class Connections:
    """Connections to all peers, over one session."""

    def __init__(self, session: aiohttp.ClientSession, securities: PeerSecurities) -> None:
        self._session = session
        self._securities = securities

    async def to(self, peer: Peer) -> Registry:
        """The registry that a peer serves.

        Raises:
            RegistryError: There is no way to it.
        """
        try:
            security = await self._securities.to(peer)
        except PeerSecurityError as error:
            raise RegistryError(f"{peer.namespace}/{peer.name}: {error}") from error
        return Registry(self._session, peer.ip, peer.port, security)


class Registry:
    """The registry that a peer serves at an address; every verb raises `RegistryError`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        address: str,
        port: int,
        security: PeerSecurity = PLAIN,
    ) -> None:
        host = f"[{address}]" if ":" in address else address
        self._session = session
        self._security = security
        self._root = f"{security.scheme}://{host}:{port}"
        self._url = f"{self._root}/eureka/apps"

    async def instances(self, before: Listing | None) -> Listing:
        """All that name a pod; `before` itself if nothing has changed since."""
        headers = {"If-None-Match": before.tag} if before is not None and before.tag else {}
        answer = await self._ask("GET", self._url, headers)
        if answer.status == _NOT_MODIFIED and before is not None:
            return before
        self._expect(answer, _OK)
        try:
            return Listing(answer.tag, read_list(answer.body))
        except NoInstancesError as error:
            raise RegistryError(f"{self._url}: {error}") from error

    async def full_list(self, tag: str) -> tuple[str, bytes] | None:
        """The list of all instances as JSON, and its tag; `None` if it is that of `tag`."""
        answer = await self._ask("GET", self._url, {"If-None-Match": tag} if tag else {})
        if answer.status == _NOT_MODIFIED and tag:
            return None
        self._expect(answer, _OK)
        return answer.tag, answer.body

    async def exchange(self, request: Request) -> Answer:
        """Send the request of a lease; without an answer, return the reason. Raises nothing."""
        headers = {"Content-Type": "application/json"} if request.body else {}
        try:
            answer = await self._ask(
                request.method, f"{self._root}{request.target}", headers, request.body
            )
        except RegistryError as error:
            return Answer(0, reason=str(error))
        return Answer(answer.status, answer.body, answer.reason)

    async def instance(self, app: str, name: str) -> Instance | None:
        """The instance with this id now; `None` if there is none, or if it names no pod."""
        url = self._of(app, name)
        answer = await self._ask("GET", url)
        if answer.status == _NOT_FOUND:
            return None
        self._expect(answer, _OK)
        try:
            return read_one(answer.body)
        except NoInstancesError as error:
            raise RegistryError(f"{url}: {error}") from error

    async def remove(self, app: str, name: str) -> bool:
        """Remove a lease; returns whether there was one."""
        return await self._change("DELETE", self._of(app, name))

    async def override(self, app: str, name: str, status: str) -> bool:
        """Override an instance's status; returns whether the instance exists."""
        return await self._change("PUT", f"{self._of(app, name)}/status?value={quote(status)}")

    async def lift(self, app: str, name: str, status: str) -> bool:
        """Lift an override; returns whether the instance exists. It then has this status."""
        return await self._change("DELETE", f"{self._of(app, name)}/status?value={quote(status)}")

    async def _change(self, method: str, url: str) -> bool:
        answer = await self._ask(method, url)
        self._expect(answer, _OK, _NOT_FOUND)
        return answer.status == _OK

    def _of(self, app: str, name: str) -> str:
        return f"{self._url}/{quote(app)}/{quote(name)}"

    async def _ask(
        self, method: str, url: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> _Answer:
        target = URL(url, encoded=True)
        try:
            async with self._session.request(
                method,
                target,
                headers={**(headers or {}), **self._security.headers},
                data=body or None,
                allow_redirects=False,
                ssl=self._security.context or True,
                server_hostname=self._security.host or None,
            ) as response:
                found = await bodies.read(response, _MOST_BYTES)
        except TimeoutError as error:
            raise RegistryError(f"{method} {url}: the peer does not answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise RegistryError(f"{method} {url}: the peer cannot be reached: {error}") from error
        if found is None:
            raise RegistryError(f"{method} {url} answers with more than {_MOST_BYTES} bytes")
        tag = response.headers.get("ETag", "")
        reason = _sentence(response.headers.get(_REASON, ""))
        return _Answer(f"{method} {url}", response.status, tag, found, reason)

    def _expect(self, answer: _Answer, *statuses: int) -> None:
        if answer.status not in statuses:
            reason = f": {answer.reason}" if answer.reason else ""
            raise RegistryError(f"{answer.request} answers {answer.status}{reason}")


class _Answer(NamedTuple):
    request: str
    status: int
    tag: str
    body: bytes
    reason: str


def _sentence(text: str) -> str:
    """The registry's reason for a refusal, as far as it is printable."""
    return "".join(each for each in text[:_MOST_SAID] if each.isprintable())
