"""Watches Services and EndpointSlices of namespaces that have registrations of Services.

Of other namespaces nothing is read: a large Kubernetes has tens of thousands of endpoints, and few
of them are registered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeVar

from eureka_operator.core.kinds import ENDPOINT_SLICE, SERVICE, Kind, Object
from eureka_operator.core.registrations.sources import Service, Slice, read_service, read_slice
from eureka_operator.shell.client import Client
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.mirror import Mirror, Name

T = TypeVar("T", Service, Slice)


class NamespaceSources(NamedTuple):
    """Services and slices of one namespace."""

    services: Mapping[Name, Service]
    slices: Mapping[Name, Slice]


class Sources:
    """Watches Services and slices of some namespaces; `tell` is called after each change."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._watches: dict[str, _NamespaceWatch] = {}

    def watch(self, namespaces: set[str], client: Client, group: asyncio.TaskGroup) -> None:
        """Watch these namespaces from now on, and no others."""
        for gone in self._watches.keys() - namespaces:
            self._watches.pop(gone).stop()
        for new in namespaces - self._watches.keys():
            self._watches[new] = _NamespaceWatch(new, client, group, self._tell)

    def of(self, namespace: str) -> NamespaceSources | None:
        """The sources of a namespace; `None` while they are not all known."""
        found = self._watches.get(namespace)
        if found is None or any(
            not each.complete or each.problem is not None for each in (found.services, found.slices)
        ):
            return None
        return NamespaceSources(found.services.objects, found.slices.objects)


class _NamespaceWatch:
    """One namespace."""

    def __init__(
        self,
        namespace: str,
        client: Client,
        group: asyncio.TaskGroup,
        tell: Callable[[], None],
    ) -> None:
        self.services = Mirror(SERVICE, read_service, namespace, tell=tell)
        self.slices = Mirror(ENDPOINT_SLICE, read_slice, namespace, tell=tell)
        self._tasks = [
            group.create_task(self.services.follow(client)),
            group.create_task(self.slices.follow(client)),
        ]

    def stop(self) -> None:
        """Watch no more."""
        for each in self._tasks:
            each.cancel()


async def confirm(
    sources: NamespaceSources,
    namespace: str,
    services: Iterable[str],
    slices: Iterable[str],
    kube: Kube,
) -> NamespaceSources:
    """The known sources, with these objects as they are when each is read by its name.

    A list that is empty by a fault does not make an object go.

    Raises:
        ApiError: One of them cannot be read.
    """
    return NamespaceSources(
        await _read_again(sources.services, SERVICE, read_service, namespace, services, kube),
        await _read_again(sources.slices, ENDPOINT_SLICE, read_slice, namespace, slices, kube),
    )


async def _read_again(
    objects: Mapping[Name, T],
    kind: Kind,
    convert: Callable[[Object], T],
    namespace: str,
    names: Iterable[str],
    kube: Kube,
) -> dict[Name, T]:
    found = dict(objects)
    for name in names:
        document = await kube.get(kind, namespace, name)
        found.pop(Name(namespace, name), None)
        if document is not None:
            found[Name(namespace, name)] = convert(document)
    return found
