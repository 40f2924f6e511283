"""Copies and digests in pages, between peers that really listen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from eureka_registry.core.model import Instance, LeaseInfo, Origin
from eureka_registry.core.pages import Cursor
from eureka_registry.core.registry import Registry
from eureka_registry.http import peer_api
from eureka_registry.http.routes import Resource
from eureka_registry.peers import digests
from eureka_registry.peers.link import Agreement, Link
from eureka_registry.wire.copies import decode_digest, encode_copy
from support.instances import changed, instance
from support.server import DIRTY, Running

NOW = 1_795_000_000_000
Start = Callable[..., Awaitable[Running]]
HEADERS = {"Content-Type": "application/json"}


def fill(registry: Registry, count: int, *, apps: int = 7, size: int = 0) -> None:
    """Hold so many instances, each with so many characters of metadata."""
    for number in range(count):
        told = instance(f"i{number}", f"APP{number % apps:03d}", last_dirty_ms=DIRTY)
        hold(registry, changed(told, metadata={"k": "v" * size}))


def hold(registry: Registry, told: Instance) -> None:
    """Hold an instance whose lease has begun when the tests' clock does."""
    registry.register(told, Origin.CLIENT, NOW)


def url(port: int) -> str:
    """The service URL of a port."""
    return f"http://127.0.0.1:{port}/eureka/"


async def joined(start: Start, port: int, **settings: object) -> Running:
    """A peer that starts with one other in its list."""
    given = {"peers": [url(port)], "fetch_registry": True, "digest_interval_s": 3600.0}
    return await start(**{**given, **settings})


def link(peer: Running) -> Link:
    """Its only one."""
    (found,) = peer.node.mesh.links.values()
    return found


async def until(what: Callable[[], bool]) -> None:
    """Wait for what must come."""
    async with asyncio.timeout(60):
        while not what():  # noqa: ASYNC110 - nothing sets an event
            await asyncio.sleep(0.01)


async def pages(peer: Running, query: str = "") -> list[Any]:
    """A whole copy, as a peer reads it."""
    found: list[Any] = []
    after = ("", "")
    while True:
        path = f"/peerreplication/copy?after_app={after[0]}&after_id={after[1]}{query}"
        found.append((await peer.get(path)).json)
        if found[-1]["next"] is None:
            return found
        after = found[-1]["next"]


@pytest.mark.parametrize(("count", "size"), [(1_203, 0), (60, 100_000)])
async def test_ready_means_that_every_page_was_taken_over(
    start: Start, count: int, size: int
) -> None:
    """A registry too large for one answer: 2 % of it was taken for all of it."""
    there = await start()
    fill(there.node.registry, count, size=size)

    here = await joined(start, there.port)

    assert here.node.registry.size == count
    assert here.node.registry.digest() == there.node.registry.digest()
    assert len(await pages(there)) >= 3


async def test_pages_of_one_application(start: Start) -> None:
    """Where only that one differs."""
    there = await start()
    fill(there.node.registry, 1_203, apps=2)

    found = await pages(there, "&app=APP001")

    assert [len(page["leases"]) for page in found] == [500, 101]
    assert {each["instance"]["app"] for page in found for each in page["leases"]} == {"APP001"}
    assert await pages(there, "&app=NONE") == [
        {"node": there.node.id, "stage": "ready", "leases": [], "next": None}
    ]


async def test_peer_of_an_earlier_version_is_not_given_a_part(start: Start) -> None:
    """It asks for everything, and would take a page for it; refused, it takes clients' list."""
    there = await start()
    fill(there.node.registry, 500)
    whole = await there.get("/peerreplication/copy")
    fill(there.node.registry, 501)
    refused = await there.get("/peerreplication/copy")

    assert (whole.status, len(whole.json["leases"])) == (200, 500)
    assert refused.status == 413


async def test_page_is_encoded_once_for_many(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Peers that start together, or a stranger, ask for the same; a change makes it anew."""
    made: list[object] = []

    def counting(*given: Any) -> tuple[bytes, Cursor | None]:  # noqa: ANN401 - as they come
        made.append(given)
        return encode_copy(*given)

    monkeypatch.setattr(peer_api, "encode_copy", counting)
    there = await start()
    fill(there.node.registry, 5)
    for _ in range(10):
        await pages(there)
    fill(there.node.registry, 6)
    await pages(there)
    for number in range(50):
        await there.get(f"/peerreplication/copy?after_app=A&after_id={number}")

    assert len(made) == 52
    assert len(there.node.peer_api._pages._kept) <= 8


async def test_digests_in_pages_name_what_differs(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Applications beyond the first page, at either end, and one that only one of them has."""
    monkeypatch.setattr(peer_api, "APPLICATIONS_AT_ONCE", 3)
    there = await start()
    fill(there.node.registry, 10, apps=10)
    here = await joined(start, there.port)
    assert (await differing(here, there)) == frozenset()
    there.node.registry.copy(instance("new", "APP004"), 1)
    there.node.registry.cancel("APP009", "i9", 1)
    here.node.registry.copy(instance("new", "ZZZ"), 1)

    assert (await differing(here, there)) == {"APP004", "APP009", "ZZZ"}


async def differing(here: Running, there: Running) -> frozenset[str]:
    """What the one finds different at the other."""
    first = decode_digest((await there.get("/peerreplication/digest")).body)
    return await digests.differing_applications(here.node.registry, link(here).client, first)


async def test_equal_digests_alone_are_agreement(start: Start) -> None:
    """Whatever has been tried and failed in between."""
    there = await start()
    fill(there.node.registry, 20)
    here = await joined(start, there.port)
    await link(here).compare(here.clock())
    seen = [link(here).agreement()]
    hold(there.node.registry, instance("new", "APP004"))
    for _ in range(3):
        await link(here).compare(here.clock())
        seen.append(link(here).agreement())

    # What differs once may just have changed; what differs twice is copied, and then equal.
    agreed, unknown = Agreement.AGREED, Agreement.UNKNOWN
    assert seen == [agreed, agreed, unknown, agreed]
    assert here.node.registry.lease("APP004", "new")


async def test_leases_that_are_over_are_no_disagreement(start: Start) -> None:
    """Each peer evicts in its own order, for minutes; updates need not wait for that."""
    there = await start()
    fill(there.node.registry, 20)
    here = await joined(start, there.port)
    over = LeaseInfo(duration_s=1, renewed_at_ms=1)
    await link(here).compare(here.clock())
    there.node.registry.copy(changed(instance("over", "APP004"), lease=over), there.clock())
    seen = []
    for _ in range(3):
        await link(here).compare(here.clock())
        seen.append(link(here).agreement())

    assert seen == [Agreement.AGREED] * 3
    assert here.node.registry.lease("APP004", "over") is None


async def test_peer_that_was_never_equal_does_not_agree(start: Start) -> None:
    """Not for one comparison: somebody may act on it."""
    there = await start()
    here = await joined(start, there.port)
    link(here).digest = None
    await link(here).compare(here.clock())
    hold(there.node.registry, instance("new", "APP004"))
    there.node.peer_api._node = "another"
    await link(here).compare(here.clock())

    assert link(here).agreement() is Agreement.UNKNOWN


async def test_many_applications_that_differ_are_copied_at_once(start: Start) -> None:
    """Twenty a round, a start that missed much would take hours to mend."""
    there = await start()
    here = await joined(start, there.port)
    fill(there.node.registry, 120, apps=60)
    for _ in range(3):
        await link(here).compare(here.clock())

    assert here.node.registry.digest() == there.node.registry.digest()
    assert link(here).repaired >= 120


@asynccontextmanager
async def claiming(copy: Callable[[dict[str, str]], bytes]) -> AsyncIterator[BaseTestServer]:
    """A peer that is ready, differs, and gives these copies."""
    applications = {"LIES": "0" * 16}
    sight = {"name": "liar", "stage": "ready", "instances": 1, "sees": {}}
    document = {"node": "liar", "applications": applications, **sight}

    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("digest"):
            return web.json_response(document)
        if request.path.endswith("copy"):
            return web.Response(body=copy(dict(request.query)))
        return web.json_response({"responseList": []})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        yield server


def page(*leases: object, after: object = None) -> bytes:
    """A page of a ready peer."""
    told = {"node": "liar", "stage": "ready", "leases": leases, "next": after}
    return json.dumps(told).encode()


LEASE = {
    "renewedMsAgo": 0,
    "registeredMsAgo": 0,
    "instance": {"instanceId": "i", "app": "LIES", "hostName": "h", "ipAddr": "1"},
}


@pytest.mark.parametrize(
    ("copy", "why"),
    [
        (lambda _: b" " * 16_777_217, "answer larger than 16777216 bytes"),
        (lambda q: page(*[LEASE] * 9, after=("X", q["after_id"] + "x")), "more than 40 instances"),
    ],
)
async def test_copy_that_is_too_large_is_said_aloud(
    start: Start,
    caplog: pytest.LogCaptureFixture,
    copy: Callable[[dict[str, str]], bytes],
    why: str,
) -> None:
    """It was taken for silence: ready without it, and nobody was told."""
    async with claiming(copy) as server:
        here = await joined(start, server.port or 0, sync_timeout_s=3, max_instances=40)
        seen = json.loads((await here.ask("GET", "/peers", management=True)).body)
        for _ in range(3):
            await link(here).compare(here.clock())

        assert "the start is not complete" in seen["problem"]
        assert why in caplog.text
        assert why in (link(here).why_unavailable(here.clock()) or "")
        assert link(here).agreement() is not Agreement.AGREED


@pytest.mark.parametrize(
    "copy",
    [
        lambda _: page(LEASE, after=("", "")),
        lambda _: page(after=("X", "x")),
        lambda _: page(LEASE, after=["X"]),
        lambda _: b"<html>",
    ],
)
async def test_copy_that_cannot_be_ends_the_try(
    start: Start, copy: Callable[[dict[str, str]], bytes]
) -> None:
    """Pages that do not advance would be asked for without end."""
    async with claiming(copy) as server, asyncio.timeout(30):
        here = await joined(start, server.port or 0, sync_timeout_s=0.3)
        for _ in range(3):
            await link(here).compare(here.clock())

        assert link(here).why_not_copied
        assert link(here).agreement() is Agreement.UNKNOWN


async def test_short_renewals_renew(start: Start) -> None:
    """In one request with items; the answer names what is not 200."""
    there = await start()
    await there.reg()
    there.clock.advance(50)
    body = {
        "renewals": [["FOO", "i1", DIRTY, "UP", None], ["FOO", "none", DIRTY, "UP", None]],
        "replicationList": [{"appName": "FOO", "id": "none", "action": "Cancel"}],
    }

    answer = await there.ask(
        "POST", "/eureka/peerreplication/renewals/", HEADERS, json.dumps(body).encode()
    )

    assert answer.json == {
        "renewals": 2,
        "others": [[1, 404, None]],
        "responseList": [{"statusCode": 404}],
    }
    there.clock.advance(50)
    assert (await there.state())["leaseInfo"]["lastRenewalTimestamp"] == there.clock() - 50_000


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"[]", 400),
        ("application/json", b'{"renewals":[[]],"replicationList":[]}', 400),
        ("text/html", b"{}", 415),
    ],
)
async def test_what_is_no_batch_of_renewals_is_refused(
    start: Start, content_type: str, body: bytes, status: int
) -> None:
    """Upon 415 a peer sends Java's batch; 400 says that one item is at fault."""
    there = await start()
    headers = {"Content-Type": content_type}

    answer = await there.ask("POST", "/eureka/peerreplication/renewals/", headers, body)

    assert answer.status == status


async def test_peers_of_ours_tell_renewals_short(start: Start) -> None:
    """Once a digest has said that the other takes them."""
    there = await start()
    here = await joined(start, there.port)
    await here.reg()
    await link(here).compare(here.clock())
    await until(lambda: there.node.registry.size == 1)
    await here.put(f"/apps/FOO/i1?status=UP&lastDirtyTimestamp={DIRTY}")
    await until(lambda: there.node.counters.requests.get(_SHORT) == 1)


_SHORT = (Resource.RENEWALS, "POST", 200)
