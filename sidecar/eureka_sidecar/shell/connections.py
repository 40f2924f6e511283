"""Connections to the servers of one registry, with its credentials."""

from __future__ import annotations

from ..core import urls
from ..core.lease import TIMEOUT_MS
from ..core.metrics import Counters
from ..records import replace
from .connection import NoAnswer, Server
from .credentials import CredentialFiles
from .keeper import READ_HEADERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..core.configuration import Registry
    from ..wire.http1 import Response
    from .loop import Loop
    from .resolve import Resolver


class Connections:
    """Makes connections to the servers of one registry, and counts its requests."""

    def __init__(self, loop: Loop, registry: Registry, resolver: Resolver) -> None:
        self.urls = [urls.parse(each) for each in registry.urls]
        self.paths = [each.path for each in self.urls]
        self.counters = Counters()
        self._loop = loop
        self._resolver = resolver
        self._files = CredentialFiles(registry.credentials)
        self._readers: list[Server] = []

    @property
    def problem(self) -> str:
        """Why new credentials are not in force; empty: nothing is wrong."""
        return self._files.problem or ""

    def check_for_change(self) -> bool:
        """Whether a file of its credentials has come, gone or changed since the last call."""
        return self._files.check_for_change()

    def servers(self) -> list[Server]:
        """A connection to each server, for one lease; it gives whole paths, as it tries several."""
        return [
            Server(self._loop, replace(each, path=""), self._files, self._resolver)
            for each in self.urls
        ]

    async def fetch(self, target: str) -> Response | None:
        """The answer to a GET, of whichever server gives one; `None`: none does."""
        from ..core.lookup import MAX_BODY_BYTES  # noqa: PLC0415 - loaded only where it is wished

        if not self._readers:
            self._readers = [
                Server(
                    self._loop,
                    replace(each, path=""),
                    self._files,
                    self._resolver,
                    body_limit=MAX_BODY_BYTES,
                )
                for each in self.urls
            ]
        end_ms = self._loop.now_ms() + TIMEOUT_MS
        for _ in self._readers:
            try:
                return await self._readers[0].exchange(
                    "GET", target, READ_HEADERS, b"", lambda: end_ms
                )
            except NoAnswer:
                self._readers.append(self._readers.pop(0))
        return None
