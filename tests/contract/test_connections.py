"""Slow, silent and too many clients. The server is told the time, nobody waits."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack

import msgspec
import pytest

from eureka_registry.core.model import Instance, Origin
from eureka_registry.http.connection import Connection
from eureka_registry.wire import jsoncodec
from support.server import Running, Wire, document, request, running

NOPE = request("GET", "/eureka/apps/NOPE")
LONG_S = 100.0
"""Beyond every time-out of the settings below."""


async def is_closed(wire: Wire) -> bool:
    """Whether the server has closed; what it said before does not matter."""
    await wire.read_to_end()
    return True


async def alive(wire: Wire) -> bool:
    """Whether the connection still serves."""
    await wire.send(NOPE)
    return (await wire.response()).status == 404


def connections(node: Running) -> list[Connection]:
    """The open ones."""
    found = [c for c in node.server.connections if isinstance(c, Connection)]
    assert len(found) == len(node.server.connections)
    return found


def busy_connections(node: Running) -> list[Connection]:
    """Those with a request that has not been answered."""
    return [each for each in connections(node) if each.idle_since is None]


def later(seconds: float) -> float:
    """The loop's time so long from now."""
    return asyncio.get_running_loop().time() + seconds


@pytest.mark.parametrize("pieces", [[b"P"], [b"PUT /eur", b"eka/apps"], [NOPE[:-2]],
                                    [NOPE + b"GET /e", b"u"]])  # fmt: skip
async def test_a_dripping_head_is_cut_off(node: Running, pieces: list[bytes]) -> None:
    """From its first byte on, however regularly more of it comes."""
    async with await node.connect() as wire:
        for piece in pieces:
            await wire.send(piece)
            await node.ask("GET", "/eureka/x")
        node.server.cut_off_overdue(later(19))
        assert node.server.cut_off == 0
        node.server.cut_off_overdue(later(21))
        assert await is_closed(wire)

    assert node.server.cut_off == 1


async def test_more_drops_do_not_buy_more_time(node: Running) -> None:
    """The time runs from the first byte of a head."""
    async with await node.connect() as wire:
        await wire.send(b"PUT /eur")
        await node.ask("GET", "/eureka/x")
        ((connection, began_at),) = [
            (c, c._began_at) for c in connections(node) if c._began_at is not None
        ]
        connection._began_at = began_at - 30
        await wire.send(b"eka/apps")
        await node.ask("GET", "/eureka/x")
        node.server.cut_off_overdue(later(0))
        assert await is_closed(wire)


async def test_a_slow_body_is_answered_408() -> None:
    """And the connection is closed, because the rest may come later."""
    async with running(request_timeout_s=0.02) as node, await node.connect() as wire:
        await wire.send(request("POST", "/eureka/apps/FOO", {"Content-Length": "100"}))
        answer = await wire.response()

    assert (answer.status, answer.headers["connection"]) == (408, "close")


async def test_who_never_reads_is_cut_off(node: Running) -> None:
    """A big list waits in vain in the server's buffer."""
    for number in range(2000):
        node.node.registry.register(_big(number), Origin.CLIENT, 0)
    own = socket.create_connection(("127.0.0.1", node.port))
    own.setblocking(False)  # noqa: FBT003
    own.send(request("GET", "/eureka/apps") * 4)
    for _ in range(50):
        await node.ask("GET", "/eureka/x")
    (stuck,) = [c for c in connections(node) if c.transport and c.transport.get_write_buffer_size()]

    node.server.cut_off_overdue(later(0))
    node.server.cut_off_overdue(later(19))
    assert node.server.cut_off == 0
    node.server.cut_off_overdue(later(41))
    await node.ask("GET", "/eureka/x")
    own.close()

    assert node.server.cut_off == 1
    assert stuck not in node.server.connections


def _big(number: int) -> Instance:
    return msgspec.structs.replace(
        jsoncodec.decode_instance(json.dumps(document("FOO", f"i{number}")).encode(), 0),
        metadata={"x": "y" * 5000},
    )


async def test_idle_connections_are_kept(node: Running) -> None:
    """Whatever was answered on them, slowly or by the fast lane; blank ones, too."""
    await node.reg()
    async with (
        await node.connect() as blank,
        await node.connect() as slow,
        await node.connect() as fast,
    ):
        await alive(slow)
        await fast.send(request("PUT", "/eureka/apps/FOO/i1"))
        await fast.response()
        node.server.cut_off_overdue(later(LONG_S))
        node.server.cut_off_overdue(later(LONG_S * 2))

        assert node.server.cut_off == 0
        assert [await alive(wire) for wire in (blank, slow, fast)] == [True] * 3


@pytest.mark.parametrize("data", [b"", NOPE, request("PUT", "/eureka/apps/FOO/i1")])
async def test_idle_connections_are_closed_after_their_time(data: bytes) -> None:
    """Half-open ones among them: a client that is gone never says so."""
    async with running(keepalive_timeout_s=0.5) as node, await node.connect() as wire:
        await node.reg()
        if data:
            await wire.send(data)
            await wire.response()

        assert await is_closed(wire)


async def test_a_renewal_on_the_fast_lane_prolongs_the_connection(node: Running) -> None:
    """As every request does."""
    await node.reg()
    async with await node.connect() as wire:
        await alive(wire)
        (connection,) = node.server.connections
        connection._next_keepalive_close_time = 0.0
        await wire.send(request("PUT", "/eureka/apps/FOO/i1"))
        await wire.response()

        assert connection._next_keepalive_close_time > later(100)


async def test_too_many_busy_connections_are_refused_politely() -> None:
    """503 at once; those that are there go on, and a place that becomes free is taken."""
    head = request("POST", "/eureka/apps/FOO", {"Content-Length": "9"})
    async with running(max_connections=2) as node:
        async with await node.connect() as one, await node.connect() as two:
            for busy in (one, two):
                await busy.send(head)
            await _until(node, lambda: len(busy_connections(node)) == 2)
            async with await node.connect() as three:
                answer = await three.response()
                assert await is_closed(three)
            for busy in (one, two):
                await busy.send(b"{nothing}")
                assert (await busy.response()).status == 415
        await asyncio.wait_for(_until_none(node), 5)
        after = await node.ask("GET", "/eureka/apps")

    assert (answer.status, answer.headers["connection"]) == (503, "close")
    assert (node.server.refused, after.status) == (1, 200)


@pytest.mark.parametrize("silent", [True, False])
async def test_a_newcomer_takes_the_place_of_the_connection_idle_for_longest(
    *, silent: bool
) -> None:
    """Else as many connections that say nothing keep everybody out for two minutes."""
    async with (
        running(max_connections=2) as node,
        await node.connect() as first,
        await node.connect() as second,
    ):
        await _until(node, lambda: len(connections(node)) == 2)
        assert silent or await alive(first)
        assert await alive(second)
        assert silent or await alive(first)
        async with await node.connect() as third:
            assert await alive(third)
            gone, kept = (first, second) if silent else (second, first)
            assert await is_closed(gone)
            assert await alive(kept)

    assert (node.server.refused, node.server.displaced) == (0, 1)


async def test_of_a_source_with_more_than_its_share_the_connections_go_first() -> None:
    """However long those of others have been idle."""
    async with running(max_connections=4) as node, AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(await node.connect()) for _ in range(4)]
        for wire in wires:
            assert await alive(wire)
        other, *greedy = sorted(connections(node), key=lambda c: c.idle_since or 0.0)
        for each in greedy:
            each.source = "192.0.2.1"
        async with await node.connect() as fifth:
            assert await alive(fifth)
            assert await is_closed(wires[1])

        assert other in node.server.connections
        assert await alive(wires[0])


async def test_a_full_management_port_still_answers_probes() -> None:
    """256 silent connections there must not have a healthy peer restarted."""
    async with running() as node, AsyncExitStack() as stack:
        for _ in range(300):
            await stack.enter_async_context(await node.connect(management=True))
        answer = await node.ask("GET", "/livez", management=True)

    assert answer.status == 200


async def _until(node: Running, what: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not what():
            await node.ask("GET", "/eureka/x", management=True)


async def _until_none(node: Running) -> None:
    while node.server.connections:
        await node.ask("GET", "/eureka/x", management=True)


async def test_pipelined_requests_are_bounded(node: Running) -> None:
    """A client that asks and asks and never reads fills its own buffers, not our queue."""
    own = socket.create_connection(("127.0.0.1", node.port))
    own.setblocking(False)  # noqa: FBT003
    data = request("GET", "/eureka/status") * 1000
    sent = 0
    for _ in range(100):
        try:
            sent += own.send(data)
        except BlockingIOError:
            break
        await node.ask("GET", "/eureka/x")
    queued = max(len(connection._messages) for connection in node.server.connections)
    own.close()

    assert sent
    assert queued < 1000


async def test_idle_connections_do_no_harm(
    node: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten thousand, or as many as the machine allows: others are served."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = max(10, min(10_000, (soft - 500) // 2))
    own = []
    try:
        for number in range(count):
            each = socket.socket()
            each.setblocking(False)  # noqa: FBT003
            each.connect_ex(("127.0.0.1", node.port))
            own.append(each)
            if number % 200 == 0:
                await node.ask("GET", "/eureka/x")
        answer = await node.reg()
        node.server.cut_off_overdue(later(LONG_S))
        there = len(node.server.connections)
    finally:
        for each in own:
            each.close()
    with capsys.disabled():
        print(f"\n{count} idle connections, {there} of them taken")  # noqa: T201

    assert answer.status == 204
    assert there >= count * 0.9
