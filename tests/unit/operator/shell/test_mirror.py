"""A view of a kind: what is in it, and what becomes of it when the API server is away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, RawTestServer
from kubernetes.aio.client import Configuration

from eureka_operator.core.kinds import NAMESPACE, SECRET, Object
from eureka_operator.shell import mirror as module
from eureka_operator.shell.client import Client
from eureka_operator.shell.mirror import Mirror, Name
from support.apiserver import ApiServer

NAMESPACES = "/api/v1/namespaces"


@asynccontextmanager
async def following(mirror: Mirror[Any], way: Configuration) -> AsyncIterator[None]:
    """A view that is kept true while the block runs."""
    async with Client(way) as client:
        task = asyncio.create_task(mirror.follow(client))
        try:
            yield
        finally:
            task.cancel()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that the view learns."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - it is sockets that are waited for
            await asyncio.sleep(0)


def names(mirror: Mirror[Any]) -> list[str]:
    """What is in it."""
    return sorted(each.name for each in mirror.objects)


def labels(found: Object) -> object:
    """What is kept."""
    return found["metadata"].get("labels")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here is busy."""
    for name in ("_BETWEEN_S", "_LEAST_PAUSE_S"):
        monkeypatch.setattr(module, name, 0.0)


async def test_view_follows_what_is_made_changed_and_deleted() -> None:
    """And tells of each change; of an object only what is asked for is kept."""
    api, told = ApiServer(), []
    await api.put(f"{NAMESPACES}/a", {"metadata": {"labels": {"x": "1"}}})
    mirror = Mirror(NAMESPACE, labels, tell=lambda: told.append(dict(mirror.objects)))
    async with api.serving() as way, following(mirror, way):
        await until(lambda: mirror.complete)
        assert mirror.objects == {Name("", "a"): {"x": "1"}}
        assert mirror.problem is None

        await api.put(f"{NAMESPACES}/b", {})
        await api.put(f"{NAMESPACES}/a", {"metadata": {"labels": {"x": "2"}}})
        await until(lambda: mirror.objects.get(Name("", "a")) == {"x": "2"})
        await api.delete(f"{NAMESPACES}/a")
        await until(lambda: names(mirror) == ["b"])

    assert told[0] == {Name("", "a"): {"x": "1"}}
    assert told[-1] == {Name("", "b"): None}


def test_view_that_was_not_read_says_so() -> None:
    """Until then nothing can be decided by it."""
    mirror = Mirror(NAMESPACE, labels)

    assert (mirror.problem, mirror.complete) == ("namespaces were not read yet", False)


async def test_view_of_one_object_holds_no_other() -> None:
    """The right to one Secret is enough for it."""
    api = ApiServer()
    for name in ("one", "other"):
        await api.put(f"{NAMESPACES}/a/secrets/{name}", {})
    mirror = Mirror(SECRET, labels, "a", name="one")
    async with api.serving() as way, following(mirror, way):
        await until(lambda: mirror.complete)
        await api.put(f"{NAMESPACES}/a/secrets/other", {})
        await api.delete(f"{NAMESPACES}/a/secrets/one")
        await until(lambda: not mirror.objects)


async def test_change_wakes_up_who_waits() -> None:
    """Each time anew."""
    api = ApiServer()
    mirror = Mirror(NAMESPACE, labels)
    async with api.serving() as way, following(mirror, way):
        await until(lambda: mirror.complete)
        waiting = asyncio.create_task(mirror.change())
        await asyncio.sleep(0)
        assert not waiting.done()
        await api.put(f"{NAMESPACES}/a", {})
        async with asyncio.timeout(10):
            await waiting


async def test_refusal_is_told_in_words_and_tried_again() -> None:
    """A role that is made a little later."""
    api = ApiServer()
    await api.put(f"{NAMESPACES}/a", {})
    api.refused[NAMESPACES] = 403
    mirror = Mirror(NAMESPACE, labels)
    async with api.serving() as way, following(mirror, way):
        await until(lambda: mirror.problem == "namespaces cannot be read: refused: 403")
        assert not mirror.complete

        api.refused.clear()
        await until(lambda: names(mirror) == ["a"])
        assert mirror.problem is None


async def test_history_that_is_too_short_is_read_anew_without_a_word() -> None:
    """410 is how an API server says so: in an event, or as its answer."""
    lists = 0

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal lists
        if request.query.get("watch"):
            gone = {"code": 410, "reason": "Expired", "message": "too old"}
            if lists == 1:
                return web.json_response(gone, status=410)
            line = json.dumps({"type": "ERROR", "object": gone})
            return web.Response(text=line + "\n")
        lists += 1
        items = [{"metadata": {"name": f"a{lists}"}}]
        return web.json_response({"metadata": {"resourceVersion": "1"}, "items": items})

    mirror = Mirror(NAMESPACE, labels)
    async with RawTestServer(answer) as server, following(mirror, at(server)):
        await until(lambda: lists >= 3)
        assert mirror.problem is None


async def test_watch_goes_on_where_the_last_one_ended() -> None:
    """At a bookmark, which is not an object."""
    asked: list[str] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.query.get("watch"):
            assert request.query["allowWatchBookmarks"] == "true"
            asked.append(request.query["resourceVersion"])
            bookmark = {"metadata": {"resourceVersion": str(int(asked[-1]) + 10)}}
            return web.Response(text=json.dumps({"type": "BOOKMARK", "object": bookmark}) + "\n")
        return web.json_response({"metadata": {"resourceVersion": "1"}, "items": None})

    mirror = Mirror(NAMESPACE, labels)
    async with RawTestServer(answer) as server, following(mirror, at(server)):
        await until(lambda: len(asked) >= 3)

    assert asked[:3] == ["1", "11", "21"]
    assert mirror.objects == {}


async def test_api_server_that_is_away_leaves_the_view_as_it_was() -> None:
    """What was true a moment ago is more than nothing."""
    api = ApiServer()
    await api.put(f"{NAMESPACES}/a", {})
    mirror = Mirror(NAMESPACE, labels)
    async with api.serving() as way, following(mirror, way):
        await until(lambda: mirror.complete)
        api.refused[NAMESPACES] = 500
        await api.end_watches()
        await until(lambda: mirror.problem == "namespaces cannot be read: refused: 500")

    assert names(mirror) == ["a"]


def at(server: BaseTestServer) -> Configuration:
    """How to reach it."""
    found = Configuration()
    found.host = str(server.make_url("")).rstrip("/")
    return found
