"""A small asynchronous client of an API server: one request, or a collection that is watched."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import aiohttp

MERGE: Final = "application/merge-patch+json"
_JSON: Final = "application/json"
_LONGEST_LINE_BYTES: Final = 4 << 20
_AT_ONCE: Final = 16
_ANSWER_S: Final = 20.0
_RETRY_S: Final = 0.3
_FAILED: Final = 400

Object = dict[str, Any]
Key = tuple[str, str]


class RefusedError(Exception):
    """The API server answers with an error."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(f"{status}: {sentence}")
        self.status = status


UNANSWERED: Final = (aiohttp.ClientError, OSError, TimeoutError, RefusedError)
"""What a request ends with while the API server is away, or does not want it."""


class Client:
    """Talks to the API server of a kubeconfig that names its keys by file."""

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        tls = ssl.create_default_context(cafile=cluster["certificate-authority"])
        tls.load_cert_chain(user["client-certificate"], user["client-key"])
        self._connector = aiohttp.TCPConnector(ssl=tls, limit=0)
        self._session = aiohttp.ClientSession(
            cluster["server"],
            connector=self._connector,
            timeout=aiohttp.ClientTimeout(total=_ANSWER_S),
            read_bufsize=_LONGEST_LINE_BYTES,
        )
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def __aenter__(self) -> Client:
        """Use it for a while."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close its connections."""
        await self._connector.close(abort_ssl=True)  # TLS would wait for the other side
        await self._session.close()

    async def request(
        self, method: str, path: str, document: object = None, kind: str = _JSON
    ) -> Object:
        """One request; the object in the answer.

        Raises:
            RefusedError: the API server does not want it.
            aiohttp.ClientError: nobody answers.
            TimeoutError: nobody answers for 20 s.
        """
        body = None if document is None else json.dumps(document)
        async with (
            self._room,
            self._session.request(
                method, path, data=body, headers={"Content-Type": kind}
            ) as answer,
        ):
            text = await answer.text()
            if answer.status >= _FAILED:
                raise RefusedError(answer.status, text[:5000])
            found: Object = json.loads(text)
            return found

    async def events(self, path: str, query: dict[str, str]) -> AsyncIterator[Object]:
        """The events of a watch, until the API server ends it.

        Raises:
            RefusedError: the API server does not want it.
            aiohttp.ClientError: nobody answers any more.
        """
        forever = aiohttp.ClientTimeout(total=None, sock_connect=_ANSWER_S)
        watch = {**query, "watch": "1"}
        async with self._session.get(path, params=watch, timeout=forever) as answer:
            if answer.status >= _FAILED:
                raise RefusedError(answer.status, await answer.text())
            async for line in answer.content:
                yield json.loads(line)


class Watched:
    """The objects of a collection that have a label, kept up to date by `run`."""

    def __init__(self, client: Client, path: str, label: str, changed: Callable[[], None]) -> None:
        self.objects: dict[Key, Object] = {}
        self.listed = asyncio.Event()
        """Set once the objects are known."""
        self._client = client
        self._path = path
        self._label = label
        self._changed = changed

    async def run(self) -> None:
        """Follow the collection until cancelled, also while the API server is away."""
        while True:
            try:
                await self._follow()
            except UNANSWERED:
                await asyncio.sleep(_RETRY_S)

    def take(self, document: Object) -> None:
        """Take over an object from an answer, unless it is gone or newer meanwhile."""
        known = self.objects.get(_key(document))
        if known is not None and _version(known) < _version(document):
            self.objects[_key(document)] = document

    async def _follow(self) -> None:
        """List, then watch to the watch's end."""
        found = await self._client.request("GET", f"{self._path}?labelSelector={self._label}")
        self.objects = {_key(each): each for each in found["items"]}
        self.listed.set()
        self._changed()
        version = found["metadata"]["resourceVersion"]
        query = {"labelSelector": self._label, "resourceVersion": version}
        async for event in self._client.events(self._path, query):
            if event["type"] == "ERROR":
                return
            if event["type"] == "DELETED":
                self.objects.pop(_key(event["object"]), None)
            else:
                self.objects[_key(event["object"])] = event["object"]
            self._changed()


def _key(document: Object) -> Key:
    return document["metadata"]["namespace"], document["metadata"]["name"]


def _version(document: Object) -> int:
    return int(document["metadata"]["resourceVersion"])
