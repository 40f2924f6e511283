"""Services and slices of namespaces, as watches and second looks have them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from eureka_operator.core.kinds import Object
from eureka_operator.core.registrations.sources import Service, Slice
from eureka_operator.shell.client import ApiError, Client
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.mirror import Name
from eureka_operator.shell.sources import NamespaceSources, Sources, confirm
from support.apiserver import ApiServer
from unit.operator.shell.eventually import eventually

SERVICE = "/api/v1/namespaces/shop/services/db"
SLICE = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices/db-1"
EMPTY = NamespaceSources({}, {})
EMPTY_SERVICE = Service(namespace="shop", name="other")
EMPTY_SLICE = Slice(namespace="shop", name="gone", service="db")
SLICE_DOCUMENT: Object = {
    "metadata": {"labels": {"kubernetes.io/service-name": "db"}},
    "addressType": "IPv4",
    "endpoints": [],
}


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[ApiServer, Client]]:
    """An API server with a Service and its slice."""
    api = ApiServer()
    async with api.serving() as way, Client(way) as client:
        await api.put(SERVICE, {"spec": {}})
        await api.put(SLICE, SLICE_DOCUMENT)
        yield api, client


async def test_namespaces_are_watched_while_they_are_named() -> None:
    """And each change is told; of a namespace that is not named nothing is known."""
    told = 0

    def tell() -> None:
        nonlocal told
        told += 1

    sources = Sources(tell)

    async def names() -> tuple[list[str], list[str]] | None:
        found = sources.of("shop")
        if found is None:
            return None
        return [each.name for each in found.services], [each.name for each in found.slices]

    async with serving() as (api, client), asyncio.TaskGroup() as group:
        assert sources.of("shop") is None
        sources.watch({"shop"}, client, group)
        await eventually(names, (["db"], ["db-1"]))
        await api.delete(SLICE)
        await eventually(names, (["db"], []))
        assert told >= 3
        sources.watch(set(), client, group)
        assert sources.of("shop") is None


async def test_namespace_is_unknown_while_one_kind_cannot_be_read() -> None:
    """Half of what there is must not be taken for all."""
    async with serving() as (api, client), asyncio.TaskGroup() as group:
        api.refused["/apis/discovery.k8s.io"] = 403
        sources = Sources(lambda: None)
        sources.watch({"shop"}, client, group)

        async def is_services_read() -> bool:
            return sources._watches["shop"].services.complete

        await eventually(is_services_read, expected=True)
        assert sources.of("shop") is None
        sources.watch(set(), client, group)


async def test_second_look_goes_by_names() -> None:
    """What a list has lost is found, and what is gone is no more; others stay as they were."""
    stale = NamespaceSources(
        {Name("shop", "other"): EMPTY_SERVICE},
        {Name("shop", "gone"): EMPTY_SLICE},
    )
    async with serving() as (_, client):
        found = await confirm(stale, "shop", ["db"], ["db-1", "gone"], Kube(client))

    assert {each.name for each in found.services} == {"db", "other"}
    assert {each.name for each in found.slices} == {"db-1"}
    assert stale.slices.keys() == {Name("shop", "gone")}


async def test_second_look_that_fails_says_nothing() -> None:
    """It is no proof that something is gone."""
    async with serving() as (api, client):
        api.refused[SLICE] = 500
        with pytest.raises(ApiError, match="500"):
            await confirm(EMPTY, "shop", ["db"], ["db-1"], Kube(client))
