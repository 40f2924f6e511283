"""All other regions together; they may come, go and change in a running peer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

import aiohttp
import msgspec

from eureka_registry.core.mirror import Mirror
from eureka_registry.peers.client import Limits, Node
from eureka_registry.peers.regions import Bounds, Region, RegionClient

_log = logging.getLogger(__name__)


class RemoteRegions(msgspec.Struct, frozen=True):
    """The other regions as the settings want them, by name in lower case.

    `urls` holds their service URLs, `applications` what is shown of those that do not show
    everything; changes stay in their deltas for `retention_ms`.
    """

    urls: dict[str, str]
    applications: dict[str, list[str]]
    bounds: Bounds
    limits: Limits
    retention_ms: int


class Remotes:
    """The regions, in the order in which they take precedence: that of their names.

    `mirrors` holds what we have of each. Needs a running `asyncio.TaskGroup` to fetch anything.
    """

    def __init__(
        self,
        wanted: RemoteRegions,
        session: aiohttp.ClientSession,
        node: Node,
        now_ms: Callable[[], int],
    ) -> None:
        self.mirrors: dict[str, Mirror] = {}
        self._regions: dict[str, Region] = {}
        self._wanted = wanted
        self._session = session
        self._node = node
        self._now_ms = now_ms
        # Also of regions that left: a mirror that returned with lower versions, or another in its
        # place in memory, would make tags of bodies say the same of different contents.
        self._known: dict[str, Mirror] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self.adopt(wanted)

    def __iter__(self) -> Iterator[Region]:
        """The regions in their order."""
        return iter(self._regions.values())

    def run_in(self, group: asyncio.TaskGroup) -> None:
        """Let the fetches of present and future regions run in `group`."""
        self._group = group
        for name in self._regions:
            self._start(name)

    def stop(self) -> None:
        """Fetch nothing any more."""
        for task in self._tasks.values():
            task.cancel()

    def adopt(self, wanted: RemoteRegions) -> None:
        """Take over other settings: fetch from new regions at once, forget removed ones."""
        before, self._wanted = self._wanted, wanted
        for name in self._regions.keys() - wanted.urls.keys():
            self._drop(name)
        changed = [name for name in sorted(wanted.urls) if self._follow(name, before)]
        self._regions = {name: self._regions[name] for name in sorted(self._regions)}
        if self.mirrors.keys() != self._regions.keys():
            self.mirrors.clear()  # the dictionary itself is shared with who reads it
            self.mirrors.update({name: each.mirror for name, each in self._regions.items()})
            for mirror in self.mirrors.values():
                mirror.forget_listings()
        for name in changed:
            self._start(name)

    # -- How

    def _follow(self, name: str, before: RemoteRegions) -> bool:
        """Adapt one region to the settings; returns whether all of it must be fetched at once."""
        wanted = self._wanted
        shown = wanted.applications.get(name)
        region = self._regions.get(name) or self._begin(name)
        moved = wanted.urls[name] != before.urls.get(name)
        if moved:
            region.request_full_fetch(self._client(name))
        region.bounds = wanted.bounds
        region.client.set_limits(wanted.limits)
        region.mirror.delta.retention_ms = wanted.retention_ms
        other_choice = region.mirror.show(shown, self._now_ms())
        if other_choice:
            region.request_full_fetch()
        return moved or other_choice

    def _begin(self, name: str) -> Region:
        wanted = self._wanted
        new = Mirror(wanted.retention_ms, wanted.applications.get(name))
        mirror = self._known.setdefault(name, new)
        self._regions[name] = Region(name, self._client(name), mirror, wanted.bounds, self._now_ms)
        return self._regions[name]

    def _client(self, name: str) -> RegionClient:
        return RegionClient(self._session, self._wanted.urls[name], self._node, self._wanted.limits)

    def _start(self, name: str) -> None:
        if self._group is None:
            return
        if name in self._tasks:
            self._tasks[name].cancel()
        region = self._regions[name]
        self._tasks[name] = self._group.create_task(region.run(), name=f"fetch region {name}")

    def _drop(self, name: str) -> None:
        _log.info("region left the settings region=%s", name)
        region = self._regions.pop(name)
        if name in self._tasks:
            self._tasks.pop(name).cancel()
        region.mirror.replace((), self._now_ms())
        region.mirror.ready = False
