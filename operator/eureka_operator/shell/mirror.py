"""A small copy of the objects of a kind at the API server: one list, then a watch.

For processes that look at few objects and must not wait for the API server when they are asked.
An API server that is away leaves the view as it was.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from typing import Final, Generic, NamedTuple, TypeVar

from eureka_operator.core.kinds import Kind, Object
from eureka_operator.shell.client import ApiError, Client, path_of

_GONE: Final = 410
_CHUNK: Final = 500
_WATCH_S: Final = 300
_BETWEEN_S: Final = 0.2
"""Between two watches: one that a proxy ends at once must not become a storm."""
_LEAST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 15.0

_log = logging.getLogger(__name__)

Kept = TypeVar("Kept")


class Name(NamedTuple):
    """The name of an object; `namespace` is empty where the kind has none."""

    namespace: str
    name: str


class Mirror(Generic[Kept]):
    """The objects of a kind: all, or those of a namespace, with a name, or that labels match.

    Of each only what `convert` makes of it is remembered; `tell` is called after each change.
    `complete` once they were all read. `problem` says in words why they were not read yet, or
    cannot be read any more; `None`: they are as the API server has them.
    """

    def __init__(
        self,
        kind: Kind,
        convert: Callable[[Object], Kept],
        namespace: str | None = None,
        *,
        name: str = "",
        labels: str = "",
        tell: Callable[[], None] = lambda: None,
    ) -> None:
        self.kind = kind
        self.objects: dict[Name, Kept] = {}
        self.problem: str | None = f"{kind.plural} were not read yet"
        self.complete = False
        self._namespace = namespace
        self._selectors = {
            "field_selector": f"metadata.name={name}" if name else None,
            "label_selector": labels or None,
        }
        self._convert = convert
        self._last_problem = tell
        self._change_event = asyncio.Event()

    async def follow(self, client: Client) -> None:
        """Keep the view up to date, for ever; no failure of the API server ends it."""
        pause_s = _LEAST_PAUSE_S
        while True:
            try:
                version = await self._list(client)
                while True:
                    version = await self._watch(client, version)
                    pause_s = _LEAST_PAUSE_S
                    await asyncio.sleep(_BETWEEN_S)
            except ApiError as error:
                if error.status != _GONE:  # that one is no fault: what is kept of the past is short
                    self._note(error)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def change(self) -> None:
        """Return as soon as something has changed since now."""
        await self._change_event.wait()

    async def _list(self, client: Client) -> str:
        """Read all; returns the version from which a watch goes on."""
        found: dict[Name, Kept] = {}
        following = None
        while True:
            page = await client.send(
                "get",
                path_of(self.kind, self._namespace),
                **self._selectors,
                limit=_CHUNK,
                _continue=following,
            )
            for item in page["items"] or ():
                found[_name(item)] = self._convert(item)
            following = page["metadata"].get("continue")
            if not following:
                break
        if self.problem is not None and self.complete:
            _log.info("%s can be read again", self.kind.plural)
        self.objects, self.problem, self.complete = found, None, True
        self._tell()
        return str(page["metadata"]["resourceVersion"])

    async def _watch(self, client: Client, version: str) -> str:
        """Follow one watch to its end; the version from which the next one goes on."""
        events = client.watch(
            path_of(self.kind, self._namespace),
            _WATCH_S,
            **self._selectors,
            resource_version=version,
            query_params=[("allowWatchBookmarks", "true")],
        )
        async for event in events:
            changed = event["object"]
            version = str(changed["metadata"]["resourceVersion"])
            if event["type"] == "DELETED":
                self.objects.pop(_name(changed), None)
            elif event["type"] != "BOOKMARK":
                self.objects[_name(changed)] = self._convert(changed)
            else:
                continue
            self._tell()
        return version

    def _note(self, error: ApiError) -> None:
        problem = f"{self.kind.plural} cannot be read: {error}"
        if problem != self.problem:
            _log.warning("%s", problem)
        self.problem = problem
        self._tell()

    def _tell(self) -> None:
        """Wake up those who wait now, and nobody who waits later."""
        self._change_event.set()
        self._change_event = asyncio.Event()
        self._last_problem()


def objects_of(mirrors: Iterable[Mirror[Kept]]) -> dict[Name, Kept] | None:
    """What all of them show; `None` while one of them is not as the API server has it."""
    found: dict[Name, Kept] = {}
    for mirror in mirrors:
        if not mirror.complete or mirror.problem is not None:
            return None
        found |= mirror.objects
    return found


def _name(body: Object) -> Name:
    metadata = body["metadata"]
    return Name(metadata.get("namespace", ""), metadata["name"])
