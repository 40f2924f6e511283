"""From an outbox to a peer and back, against a peer that really listens."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import NamedTuple, TypeVar

import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from eureka_registry.core.model import PeerAction, Status
from eureka_registry.core.outbox import DropReason, Outbox, Task
from eureka_registry.peers.client import Limits, Node, PeerClient, open_session
from eureka_registry.peers.sender import Hooks, Sender
from eureka_registry.wire.renewals import encode_renewal
from eureka_registry.wire.replication import Reply, encode_item

REGISTER = PeerAction.REGISTER
HEARTBEAT = PeerAction.HEARTBEAT
CANCEL = PeerAction.CANCEL
SET = PeerAction.STATUS_UPDATE

NODE = Node("node-1", "10.0.0.1")
LIMITS = Limits(connect_timeout_s=5, read_timeout_s=0.1)

T = TypeVar("T")

Item = tuple[str, str]
"""Action and instance id of an item that arrived."""


class FakePeer:
    """A peer that answers as the script says, then 200 to all; what arrives can be waited for."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[list[Item]] = asyncio.Queue()
        self.script: list[Callable[[int], web.Response | None]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.on_digest: Callable[[Mapping[str, str]], None] = lambda _: None
        self.taken: list[list[Item]] = []
        """Batches that were not refused."""
        self.most_bytes = 1_000_000
        self.refuses = ("", 400)
        """An instance, and with which status a batch is refused that names it."""
        self.short: list[list[str]] = []
        """Ids in each list of short renewals."""
        self.short_status = 200
        self.short_answer: str | None = None

    async def renewals(self, request: web.Request) -> web.Response:
        """Take a batch with short renewals."""
        if self.short_status != 200:
            return web.Response(status=self.short_status)
        batch = json.loads(await request.read())
        items = batch["replicationList"]
        self.short.append([each[1] for each in batch["renewals"]])
        self.taken.append([(item["action"], item["id"]) for item in items])
        answer = {
            "renewals": len(batch["renewals"]),
            "others": [],
            "responseList": [{"statusCode": 200}] * len(items),
        }
        return web.Response(text=self.short_answer or json.dumps(answer))

    async def digest(self, request: web.Request) -> web.Response:
        """Answer a request for digests as a Java server does."""
        self.on_digest(request.headers)
        return web.Response(status=404)

    async def batch(self, request: web.Request) -> web.Response:
        """Take one batch; a script's `None` closes the connection instead of answering."""
        body = await request.read()
        items = [(item["action"], item["id"]) for item in json.loads(body)["replicationList"]]
        self.arrived.put_nowait(items)
        await self.gate.wait()
        if len(body) > self.most_bytes:
            return web.Response(status=413)
        if self.refuses[0] in [name for _, name in items]:
            return web.Response(status=self.refuses[1])
        self.taken.append(items)
        answer = self.script.pop(0) if self.script else replies(200)
        response = answer(len(items))
        if response is None:
            assert request.transport
            request.transport.abort()
            raise web.HTTPInternalServerError
        return response


def replies(*statuses: int) -> Callable[[int], web.Response]:
    """These item answers, the last one as often as there are items."""

    def answer(count: int) -> web.Response:
        filled = [*statuses, *statuses[-1:] * count][:count]
        return web.json_response({"responseList": [{"statusCode": status} for status in filled]})

    return answer


def status(code: int) -> Callable[[int], web.Response]:
    """An answer to the whole batch."""
    return lambda _: web.Response(status=code)


def text(body: str) -> Callable[[int], web.Response]:
    """A 200 with this body."""
    return lambda _: web.Response(text=body)


class Stage(NamedTuple):
    """A fake peer, the sender that talks to it, and what the sender told its owner."""

    peer: FakePeer
    sender: Sender
    server: BaseTestServer
    told: asyncio.Queue[tuple[Task, Reply] | str]
    gone: set[str]

    def add(self, action: PeerAction, instance_id: str = "a") -> None:
        """Queue a change for the peer."""
        self.sender.add(action, "APP", instance_id, 60_000)

    async def next_batch(self) -> list[Item]:
        """What the peer got."""
        return await wait_soon(self.peer.arrived.get())

    async def next_reply(self) -> tuple[Task, Reply]:
        """What the owner was told of an item."""
        told = await wait_soon(self.told.get())
        assert not isinstance(told, str)
        return told


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """A sender that does not run yet, and its peer."""
    peer = FakePeer()
    app = web.Application()
    app.router.add_post("/eureka/peerreplication/batch/", peer.batch)
    app.router.add_post("/eureka/peerreplication/renewals/", peer.renewals)
    app.router.add_get("/eureka/peerreplication/digest", peer.digest)
    async with TestServer(app) as server, open_session() as session:
        told: asyncio.Queue[tuple[Task, Reply] | str] = asyncio.Queue()
        gone: set[str] = set()
        client = PeerClient(session, str(server.make_url("/eureka/")), NODE, LIMITS)
        hooks = Hooks(
            lambda task: None if task.id in gone else item(task),
            lambda task: encode_renewal("APP", task.id, 1, Status.UP, None),
            lambda task, reply: told.put_nowait((task, reply)),
        )
        yield Stage(peer, Sender(client, Outbox(2, 100), hooks, now_ms), server, told, gone)
        peer.gate.set()


@pytest.fixture
async def running(stage: Stage) -> AsyncIterator[Stage]:
    """A sender that runs, and its peer."""
    task = asyncio.create_task(stage.sender.run())
    yield stage
    await stop(task)


async def wait_soon(event: Awaitable[T]) -> T:
    """Wait for what must come, and fail instead of hanging if it does not."""
    return await asyncio.wait_for(event, 10)


async def stop(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def now_ms() -> int:
    """The sender's clock."""
    return time.monotonic_ns() // 1_000_000


def item(task: Task) -> bytes:
    """An item as the wire wants it."""
    document = b'{"leaseInfo":{}}' if task.action is REGISTER else None
    return encode_item(task.action, task.app, task.id, last_dirty_ms=1, instance=document)


async def test_change_is_sent_at_once(running: Stage) -> None:
    """Nothing is under way, so there is nothing to wait for."""
    running.add(REGISTER)

    assert await running.next_batch() == [("Register", "a")]


async def test_changes_gather_while_a_batch_is_under_way(running: Stage) -> None:
    """One batch at a time, so that a cancel cannot overtake a registration."""
    running.peer.gate.clear()
    running.add(REGISTER, "a")
    first = await running.next_batch()
    for instance_id in "abc":
        running.add(CANCEL, instance_id)
    assert running.peer.arrived.empty()
    running.peer.gate.set()

    assert first == [("Register", "a")]
    assert await running.next_batch() == [("Cancel", "a"), ("Cancel", "b")]
    assert await running.next_batch() == [("Cancel", "c")]


async def test_unknown_renewal_becomes_a_registration(running: Stage) -> None:
    """A peer that lost a lease says 404 to its renewal, and its owner then sends all of it."""
    running.peer.script = [replies(404)]
    running.add(HEARTBEAT)
    task, reply = await running.next_reply()
    running.add(REGISTER, task.id)

    assert (task.action, reply.status) == (HEARTBEAT, 404)
    assert await running.next_batch() == [("Heartbeat", "a")]
    assert await running.next_batch() == [("Register", "a")]


async def test_only_items_that_failed_are_told_of(running: Stage) -> None:
    """Each answer belongs to the item at its place."""
    running.peer.script = [replies(200), replies(200, 409)]
    running.peer.gate.clear()
    running.add(SET, "a")
    await running.next_batch()
    running.add(HEARTBEAT, "b")
    running.add(HEARTBEAT, "c")
    running.peer.gate.set()
    task, reply = await running.next_reply()

    assert (task.id, reply.status) == ("c", 409)
    assert running.told.empty()


@pytest.mark.parametrize(
    "trouble",
    [status(503), lambda _: None, text("garbage"), text("{}"), text('{"responseList": 1}')],
)
async def test_batch_is_sent_again_until_it_is_answered(
    running: Stage, trouble: Callable[[int], web.Response | None]
) -> None:
    """Nobody knows whether it arrived, and to arrive twice does no harm."""
    running.peer.script = [trouble]
    running.add(REGISTER)

    assert await running.next_batch() == [("Register", "a")]
    assert await running.next_batch() == [("Register", "a")]


async def test_hanging_peer_gets_the_batch_again(running: Stage) -> None:
    """A time-out is congestion: nobody knows whether the batch took effect."""
    running.peer.gate.clear()
    running.add(REGISTER)
    await running.next_batch()

    assert await running.next_batch() == [("Register", "a")]
    assert "no answer within 0.1 s" in (running.sender.outbox.reason(now_ms()) or "")


async def test_refused_batch_is_dropped_and_the_next_one_sent(running: Stage) -> None:
    """A Java peer refuses a whole batch for one bad item; it must not block the rest."""
    running.peer.script = [status(400)]
    running.add(REGISTER, "bad")
    await running.next_batch()
    running.add(REGISTER, "good")

    assert await running.next_batch() == [("Register", "good")]
    assert running.sender.outbox.dropped[DropReason.REFUSED] == 1


@pytest.mark.parametrize("body", ['{"responseList": []}', '{"responseList": [{}, {}]}'])
async def test_answer_of_another_size_is_ignored(running: Stage, body: str) -> None:
    """Nobody knows which reply is whose; Java ignores all of them, too."""
    running.peer.script = [text(body)]
    running.add(HEARTBEAT)
    await running.next_batch()
    running.add(CANCEL)

    assert await running.next_batch() == [("Cancel", "a")]
    assert running.sender.mismatches == 1
    assert running.told.empty()


async def test_task_whose_lease_is_gone_is_not_sent(stage: Stage) -> None:
    """An evicted instance must not come to life at a peer."""
    stage.gone.update("ab")
    for instance_id in "abc":
        stage.add(REGISTER, instance_id)

    assert await stage.sender.flush(10)
    assert await stage.next_batch() == [("Register", "c")]
    assert stage.peer.arrived.empty()


async def test_peer_that_is_ourselves_gets_nothing_more(stage: Stage) -> None:
    """Any name may lead to us; that a number sent there arrives here is what tells."""
    stage.peer.script = [
        lambda _: web.Response(status=409, headers={"X-Eurekube-Node": NODE.id}),
    ]
    stage.peer.on_digest = lambda headers: NODE.nonces.arrive(headers["X-Eurekube-Nonce"])
    stage.add(REGISTER)
    await wait_soon(stage.sender.run())
    stage.add(CANCEL)

    assert stage.sender.is_self
    assert await stage.sender.flush(10)
    assert stage.peer.arrived.qsize() == 1


async def test_peer_that_claims_to_be_us_is_told_all_the_same(running: Stage) -> None:
    """Our node id stands in each of our requests: to repeat it shows nothing."""
    running.peer.script = [
        lambda _: web.json_response(
            {"responseList": [{"statusCode": 200}]}, headers={"X-Eurekube-Node": NODE.id}
        )
    ]
    running.add(REGISTER)
    await running.next_batch()
    running.add(CANCEL)

    assert await running.next_batch() == [("Cancel", "a")]
    assert not running.sender.is_self


async def test_sender_that_waits_ends_when_the_peer_is_ourselves(stage: Stage) -> None:
    """A digest shows it while nothing is sent; a task that waits on would hold up the stop."""
    task = asyncio.create_task(stage.sender.run())
    await asyncio.sleep(0)
    stage.sender.mark_as_self()

    await wait_soon(task)


async def test_another_node_is_not_ourselves(running: Stage) -> None:
    """Every peer of our own names itself."""
    running.peer.script = [
        lambda _: web.json_response(
            {"responseList": [{"statusCode": 200}]}, headers={"X-Eurekube-Node": "node-2"}
        )
    ]
    running.add(REGISTER)
    await running.next_batch()
    running.add(CANCEL)

    assert await running.next_batch() == [("Cancel", "a")]
    assert not running.sender.is_self


async def test_flush_sends_everything_beside_a_running_sender(running: Stage) -> None:
    """At a clean stop the last cancels must reach the peers, those under way included."""
    running.peer.gate.clear()
    for instance_id in "abcde":
        running.add(CANCEL, instance_id)
    flush = asyncio.create_task(running.sender.flush(10))
    sent = await running.next_batch()
    running.peer.gate.set()

    assert await flush
    while not running.peer.arrived.empty():
        sent += running.peer.arrived.get_nowait()
    assert [instance_id for _, instance_id in sent] == list("abcde")


async def test_flush_sends_the_batch_a_stopped_sender_left(stage: Stage) -> None:
    """Whoever stops us cancels `run` in the middle of a batch."""
    stage.peer.gate.clear()
    task = asyncio.create_task(stage.sender.run())
    stage.add(CANCEL)
    await stage.next_batch()
    await stop(task)
    stage.peer.gate.set()

    assert await stage.sender.flush(10)
    assert await stage.next_batch() == [("Cancel", "a")]


async def test_flush_tries_again(stage: Stage) -> None:
    """A peer may be busy for a moment just then."""
    stage.peer.script = [lambda _: None]
    stage.add(CANCEL)

    assert await stage.sender.flush(10)
    assert stage.peer.arrived.qsize() == 2


async def test_flush_gives_up_in_time(stage: Stage) -> None:
    """A peer that hangs must not keep us from stopping."""
    stage.peer.gate.clear()
    stage.add(CANCEL)

    assert not await stage.sender.flush(0.01)
    assert stage.sender.outbox.backlog == 1


async def test_flush_gives_up_on_a_dead_peer(stage: Stage) -> None:
    """Waiting for it would only delay the stop."""
    await stage.server.close()
    stage.add(CANCEL)

    assert not await stage.sender.flush(60)
    assert stage.sender.outbox.is_open
    assert (stage.sender.outbox.wait_ms(now_ms()) or 0) < 2_000  # it has not gone on trying


async def test_peer_heard_from_is_tried_at_once(stage: Stage) -> None:
    """A digest it answered says more than the pause its last failures earned."""
    stage.peer.script = [status(503)]
    stage.add(REGISTER)
    await stage.sender._send_next()
    stage.sender.retry_now()

    assert stage.sender.outbox.wait_ms(now_ms()) == 0
    assert await stage.sender.flush(10)
    assert stage.peer.arrived.qsize() == 2


async def test_a_failing_peer_is_logged_once(
    running: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """A line for every retry would fill the log of every healthy peer."""
    caplog.set_level(logging.INFO, "eureka_registry.peers")
    running.peer.script = [lambda _: None, lambda _: None, replies(404)]
    running.add(HEARTBEAT)
    await running.next_reply()

    lines = [record.getMessage().split(" peer=")[0] for record in caplog.records]
    assert lines == ["peer unavailable", "peer available again"]


async def test_batch_that_is_too_large_is_split(stage: Stage) -> None:
    """A server that takes less than we send must not cost a cancellation."""
    stage.sender.outbox.set_limits(100, 100)
    stage.peer.most_bytes = 200
    for number in range(8):
        stage.add(CANCEL, f"instance-{number}")

    assert await stage.sender.flush(10)

    arrived = [item for batch in stage.peer.taken for item in batch]
    assert arrived == [("Cancel", f"instance-{number}") for number in range(8)]
    assert not sum(stage.sender.outbox.dropped.values())


@pytest.mark.parametrize("code", [400, 413, 422, 500])
async def test_item_that_is_refused_costs_no_other(
    stage: Stage, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A Java server refuses a whole batch for one bad item; the item is found, and named."""
    stage.sender.outbox.set_limits(100, 100)
    stage.peer.refuses = ("c", code)
    for instance_id in "abcde":
        stage.add(CANCEL, instance_id)

    assert await stage.sender.flush(20)

    assert sorted(item for batch in stage.peer.taken for item in batch) == [
        ("Cancel", instance_id) for instance_id in "abde"
    ]
    assert stage.sender.outbox.dropped[DropReason.REFUSED] == 1
    assert "Cancel of APP/c" in (stage.sender.refused or "")
    assert any("change refused" in record.getMessage() for record in caplog.records)


async def test_credentials_that_are_refused_are_no_reason_to_split(stage: Stage) -> None:
    """No item is to blame, and each request costs the peer a check."""
    stage.peer.script = [status(401)]
    stage.add(CANCEL, "a")
    stage.add(CANCEL, "b")
    await stage.sender._send_next()

    assert stage.peer.arrived.qsize() == 1
    assert stage.sender.outbox.dropped[DropReason.REFUSED] == 2


async def test_renewals_are_short_where_the_peer_takes_them(stage: Stage) -> None:
    """Changes go with them in the same request, so that none overtakes another."""
    stage.sender.takes_renewals("node-2", takes=True)
    for instance_id in "abcd":
        stage.add(HEARTBEAT, instance_id)
    stage.add(SET, "d")
    stage.add(CANCEL, "e")

    assert await stage.sender.flush(10)

    assert stage.peer.short == [["a", "b", "c"]]
    assert stage.peer.taken == [[("Heartbeat", "d"), ("StatusUpdate", "d")], [("Cancel", "e")]]


@pytest.mark.parametrize("code", [404, 405, 415])
async def test_peer_that_refuses_short_renewals_gets_items(stage: Stage, code: int) -> None:
    """A proxy in between may know the paths of Java servers only."""
    stage.peer.short_status = code
    stage.sender.takes_renewals("node-2", takes=True)
    stage.add(HEARTBEAT)

    assert await stage.sender.flush(10)

    assert stage.peer.taken == [[("Heartbeat", "a")]]
    assert not sum(stage.sender.outbox.dropped.values())
    stage.sender.takes_renewals("node-2", takes=True)  # the next digest: nothing new
    stage.add(HEARTBEAT)
    assert await stage.sender.flush(10)
    assert stage.peer.short == []


async def test_unknown_short_renewal_becomes_a_registration(stage: Stage) -> None:
    """As with an item: its owner sends the whole document."""
    stage.peer.short_answer = '{"renewals":1,"others":[[0,404]],"responseList":[]}'
    stage.sender.takes_renewals("node-2", takes=True)
    stage.add(HEARTBEAT, "b")
    await stage.sender._send_next()

    task, reply = await stage.next_reply()
    assert (task.action, task.id, reply.status) == (HEARTBEAT, "b", 404)


async def test_nobody_waits_for_a_peer_that_stops_and_is_gone(stage: Stage) -> None:
    """Two told to stop at once would else wait for each other."""
    stage.sender.peer_stops = True
    await stage.server.close()
    stage.add(CANCEL)

    assert await stage.sender.flush(60)
    assert not stage.sender.outbox.is_open  # the first failure was enough


async def test_peer_says_that_it_stops(stage: Stage) -> None:
    """In the headers of its answers; one that is back says it no more."""
    headers = {"X-Eurekube-Node": "node-2", "X-Eurekube-Stage": "stopping"}
    body = '{"responseList": [{"statusCode": 200}]}'
    stage.peer.script = [
        lambda _: web.Response(text=body, headers=headers),
        lambda _: web.Response(text=body, headers={"X-Eurekube-Node": "node-3"}),
    ]
    for stops in (True, False):
        stage.add(CANCEL)
        await stage.sender._send_next()

        assert stage.sender.peer_stops is stops
