"""Fetching another region: what is asked for, and what is made of every kind of answer."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from eureka_registry.core.mirror import Mirror
from eureka_registry.peers import regions
from eureka_registry.peers.client import Limits, Node, open_session
from eureka_registry.peers.identity import NODE_HEADER
from eureka_registry.peers.regions import TRUSTED_MS, Bounds, Region, RegionClient

NODE = Node("node-7", "10.0.0.9")
LIMITS = Limits(connect_timeout_s=5, read_timeout_s=5, answer_bytes=100_000)
IMPATIENT = Limits(connect_timeout_s=5, read_timeout_s=0.05)
DELTA, FULL = "/eureka/apps/delta", "/eureka/apps/"


class Clock:
    """Epoch milliseconds that pass only when told to."""

    now_ms = 1_700_000_000_000

    def __call__(self) -> int:
        """Give the present moment."""
        return self.now_ms


class Elsewhere:
    """A server that plays another region; `full` and `delta` say what it answers."""

    def __init__(self) -> None:
        self.full: object = listing()
        self.delta: object = listing()
        self.node = "far-away"
        self.asked: list[str] = []
        self.requests: list[web.Request] = []

    async def handle(self, request: web.Request) -> web.Response:
        """Answer as told: a status, bytes, a document, or never."""
        self.asked.append(request.path)
        self.requests.append(request)
        if self.node == NODE.id:
            NODE.nonces.arrive(request.headers.get("X-Eurekube-Nonce"))
        answer = self.delta if request.path == DELTA else self.full
        if answer is None:
            await asyncio.Event().wait()
        headers = {NODE_HEADER: self.node} if self.node else {}
        if isinstance(answer, int):
            return web.Response(status=answer, headers=headers)
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return web.Response(body=body, headers=headers)


def listing(*instances: dict[str, object], hashcode: str | None = None) -> dict[str, object]:
    """A document of these, with their own hash unless another is given."""
    up = f"UP_{len(instances)}_" if instances else ""
    applications = [{"name": "FOO", "instance": list(instances)}] if instances else []
    return {
        "applications": {
            "versions__delta": "1",
            "apps__hashcode": up if hashcode is None else hashcode,
            "application": applications,
        }
    }


def entry(instance_id: str, **fields: object) -> dict[str, object]:
    """An instance of the other region."""
    return {
        "instanceId": instance_id,
        "hostName": "h",
        "app": "FOO",
        "ipAddr": "10.1.0.1",
        "status": "UP",
        "lastDirtyTimestamp": "1700000000000",
        "actionType": "ADDED",
        **fields,
    }


@pytest.fixture
def clock() -> Clock:
    """The time by which the region's age is told."""
    return Clock()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """The session all regions share."""
    async with open_session() as opened:
        yield opened


@asynccontextmanager
async def serving(
    handler: Callable[[web.Request], Awaitable[web.Response]], port: int = 0
) -> AsyncIterator[BaseTestServer]:
    """A server that answers every request with this handler."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app, port=port) as server:
        yield server


@pytest.fixture
async def elsewhere() -> AsyncIterator[tuple[Elsewhere, str]]:
    """Another region and its service URL."""
    place = Elsewhere()
    async with serving(place.handle) as server:
        yield place, str(server.make_url("/eureka/"))


def region_at(
    url: str,
    session: aiohttp.ClientSession,
    clock: Clock,
    limits: Limits = LIMITS,
    bounds: Bounds = Bounds(interval_s=0.01),  # noqa: B008 - frozen
) -> Region:
    """The region behind this URL."""
    return Region("west", RegionClient(session, url, NODE, limits), Mirror(180_000), bounds, clock)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until it is so, but not for ever."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - whatever can be seen from outside
            await asyncio.sleep(0)


def ids(region: Region) -> list[str]:
    """Who is shown of the region."""
    application = region.mirror.applications.get("FOO")
    return sorted(each.id for each in application.instances()) if application else []


Place = tuple[Elsewhere, str]


async def test_region_is_asked_as_java_asks_and_only_for_its_own(
    elsewhere: Place, session: aiohttp.ClientSession, clock: Clock
) -> None:
    """Java's limiter exempts this identity; our own instances must not come back to us."""
    place, url = elsewhere
    region = region_at(url.replace("//", "//bob:secret@"), session, clock)

    assert await region.fetch()

    request = place.requests[0]
    assert (request.path, request.query_string) == (FULL, "regions=none")
    assert request.headers["User-Agent"] == "Java-EurekaClient-RemoteRegion"
    assert request.headers["DiscoveryIdentity-Name"] == "DefaultServer"
    assert request.headers["Accept-Encoding"] == "gzip"
    assert request.headers["Authorization"].startswith("Basic ")
    assert "secret" not in region.client.url


async def test_first_fetch_is_full_and_the_next_ones_are_deltas(
    elsewhere: Place, session: aiohttp.ClientSession, clock: Clock
) -> None:
    """A delta costs what has changed, not what there is."""
    place, url = elsewhere
    region = region_at(url, session, clock)
    place.full = listing(entry("i1"), entry("i2"))
    place.delta = listing(entry("i3"), entry("i1", actionType="DELETED"), hashcode="UP_2_")

    assert await region.fetch()
    assert (region.mirror.ready, region.fetched_ms) == (True, clock.now_ms)
    clock.now_ms += 30_000
    assert await region.fetch()

    assert place.asked == [FULL, DELTA]
    assert (ids(region), region.problem) == (["i2", "i3"], None)
    assert (region.full_fetches, region.delta_fetches) == (1, 1)
    assert region.fetched_ms == clock.now_ms


@pytest.mark.parametrize(
    "delta",
    [
        listing(hashcode="UP_2_"),
        403,
        404,
        b"garbage",
        listing({"app": "FOO", "status": {}}, hashcode="UP_1_"),
    ],
    ids=["another hash", "switched off", "not there", "garbage", "bad instance"],
)
async def test_delta_that_does_not_do_is_followed_by_a_full_fetch(
    elsewhere: Place, session: aiohttp.ClientSession, clock: Clock, delta: object
) -> None:
    """At once: a mirror that is known to be wrong is not served for another interval."""
    place, url = elsewhere
    region = region_at(url, session, clock)
    place.full = listing(entry("i1"))
    await region.fetch()

    place.full, place.delta = listing(entry("i2"), entry("i3")), delta
    assert await region.fetch()

    assert place.asked == [FULL, DELTA, FULL]
    assert (ids(region), region.problem) == (["i2", "i3"], None)


async def test_after_a_long_silence_everything_is_fetched(
    elsewhere: Place, session: aiohttp.ClientSession, clock: Clock
) -> None:
    """One came while one left: the delta has forgotten both, and the hash is the same."""
    place, url = elsewhere
    region = region_at(url, session, clock)
    place.full, place.delta = listing(entry("i1")), listing(hashcode="UP_1_")
    await region.fetch()

    clock.now_ms += TRUSTED_MS
    place.full = listing(entry("i2"))
    await region.fetch()

    assert place.asked == [FULL, FULL]
    assert ids(region) == ["i2"]


async def test_region_that_lies_about_its_hash_is_mirrored_and_the_lie_is_shown(
    elsewhere: Place, session: aiohttp.ClientSession, clock: Clock
) -> None:
    """Two requests an interval, and no more."""
    place, url = elsewhere
    region = region_at(url, session, clock)
    place.full = place.delta = listing(entry("i1"), hashcode="UP_7_")

    assert await region.fetch()
    assert await region.fetch()

    assert place.asked == [FULL, DELTA, FULL]
    assert ids(region) == ["i1"]
    assert region.problem == "says its hash is 'UP_7_', but what it lists comes to 'UP_1_'"


async def test_instance_that_cannot_be_read_costs_only_itself(
    elsewhere: Place, session: aiohttp.ClientSession, clock: Clock
) -> None:
    """And somebody should look."""
    place, url = elsewhere
    region = region_at(url, session, clock)
    place.full = listing(entry("i1"), entry("i2", port=[]))

    assert await region.fetch()

    assert ids(region) == ["i1"]
    assert (region.problem or "").startswith("1 instances not readable, such as FOO:")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"<html>", "list not readable: malformed JSON"),
        (b"[" * 100_000, "list not readable: the document is nested too deeply"),
        (b"{}", "list not readable: the document has no object applications"),
        (b" " * 100_001, "answer larger than 100000 bytes"),
        (401, "answered 401"),
        (302, "answered 302"),
        (503, "answered 503"),
    ],
    ids=["html", "deep", "empty", "large", "unauthorized", "redirect", "starting"],
)
async def test_useless_answer_leaves_the_mirror_as_it_was(
    elsewhere: Place,
    session: aiohttp.ClientSession,
    clock: Clock,
    answer: object,
    problem: str,
) -> None:
    """The last good copy is better than none."""
    place, url = elsewhere
    region = region_at(url, session, clock)
    place.full = listing(entry("i1"))
    await region.fetch()
    fetched_ms = region.fetched_ms

    place.full = place.delta = answer
    clock.now_ms += 1
    assert not await region.fetch()

    assert ids(region) == ["i1"]
    assert (region.problem or "").startswith(problem)
    assert region.fetched_ms == fetched_ms


async def test_region_that_hangs_is_given_up_after_one_request(
    elsewhere: Place, session: aiohttp.ClientSession, clock: Clock
) -> None:
    """To ask it for everything after it did not even give a delta only takes longer."""
    place, url = elsewhere
    region = region_at(url, session, clock, IMPATIENT)
    await region.fetch()

    place.full = place.delta = None
    assert not await region.fetch()

    assert place.asked == [FULL, DELTA]
    assert region.problem == "no answer within 0.05 s"


async def test_too_many_instances_are_refused(
    elsewhere: Place, session: aiohttp.ClientSession, clock: Clock
) -> None:
    """Another region must not fill our memory, neither at once nor bit by bit."""
    place, url = elsewhere
    region = region_at(url, session, clock, bounds=Bounds(max_instances=2))
    place.full = listing(entry("i1"), entry("i2"))
    await region.fetch()

    place.full = listing(entry("i1"), entry("i2"), entry("i3"))
    place.delta = listing(entry("i3"), hashcode="UP_3_")
    assert not await region.fetch()

    assert place.asked == [FULL, DELTA, FULL]
    assert ids(region) == ["i1", "i2"]
    assert region.problem == "has 3 instances, more than 2"


async def test_url_that_leads_to_this_peer_is_told(
    elsewhere: Place, session: aiohttp.ClientSession, clock: Clock
) -> None:
    """A configuration shared by all regions easily names one's own."""
    place, url = elsewhere
    place.node = NODE.id
    region = region_at(url, session, clock)

    assert not await region.fetch()

    assert region.problem == "its URL leads to this peer itself"
    assert not region.mirror.ready


async def test_region_that_goes_away_and_comes_back_is_fetched_again(
    session: aiohttp.ClientSession, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The client never dies, keeps what it had, and says once that something is wrong."""
    caplog.set_level(logging.INFO, "eureka_registry.peers.regions")
    place = Elsewhere()
    place.full, place.delta = listing(entry("i1")), listing(hashcode="UP_1_")
    async with serving(place.handle) as server:
        port = server.port or 0
        region = region_at(str(server.make_url("/eureka/")), session, clock)
        task = asyncio.create_task(region.run())
        await until(lambda: region.delta_fetches > 2)
    await until(lambda: region.problem is not None)
    assert ids(region) == ["i1"]

    place.full = listing(entry("i2"), entry("i3"))
    place.delta = listing(hashcode="UP_2_")
    async with serving(place.handle, port):
        await until(lambda: region.problem is None)
        assert ids(region) == ["i2", "i3"]
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    said = [record.getMessage().split(" region=")[0] for record in caplog.records]
    assert said == ["region has a problem", "region is well"]


async def test_pauses_grow_with_each_failure_up_to_the_interval(
    session: aiohttp.ClientSession, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A region that restarts is fetched soon, one that is away is not asked all the time."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 5:
            raise asyncio.CancelledError

    monkeypatch.setattr(regions, "asyncio", SimpleNamespace(sleep=sleep))
    nobody = region_at("http://127.0.0.1:1/eureka/", session, clock, bounds=Bounds(interval_s=5))

    with suppress(asyncio.CancelledError):
        await nobody.run()

    assert pauses == [1, 2, 4, 5, 5]


async def test_region_is_left_alone_until_the_interval_is_over(
    elsewhere: Place, session: aiohttp.ClientSession, clock: Clock
) -> None:
    """A good fetch is not followed by another at once."""
    place, url = elsewhere
    region = region_at(url, session, clock, bounds=Bounds(interval_s=3_600))
    task = asyncio.create_task(region.run())
    await until(lambda: region.full_fetches == 1)

    for _ in range(3):
        await region.client.get("apps/ours", {})
    task.cancel()
    await asyncio.wait({task}, timeout=10)

    assert place.asked == [FULL, *["/eureka/apps/ours"] * 3]


async def test_stop_does_not_wait_for_a_region_that_hangs(
    elsewhere: Place, session: aiohttp.ClientSession, clock: Clock
) -> None:
    """The task is cancelled in the midst of a fetch."""
    place, url = elsewhere
    place.full = None
    task = asyncio.create_task(region_at(url, session, clock).run())
    await until(lambda: bool(place.asked))

    task.cancel()
    await asyncio.wait({task}, timeout=10)

    assert task.cancelled()
