"""`watch` and `diff` beside what happens at a server, look by look."""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from eureka_registry.local.bench.server import find
from eureka_registry.local.remote import UrlServer
from eureka_registry.peers.client import open_session
from eureka_registry.verbs import commands
from eureka_registry.verbs.commands import Streams
from eureka_registry.verbs.server import JSON, Answer, NoAnswerError
from support.server import Running


@pytest_asyncio.fixture
async def server(node: Running) -> AsyncIterator[UrlServer]:
    """The peer by its URL."""
    async with open_session(decompress=False) as session:
        found, _ = await find(session, f"http://127.0.0.1:{node.port}/eureka/")
        yield UrlServer(found)


class Network:
    """Between us and the server; it may be away, or show that nothing is registered."""

    name = "behind"

    def __init__(self, server: UrlServer) -> None:
        self._server = server
        self.is_away = False
        self.is_empty = False

    async def ask(self, method: str, path: str, accept: str = JSON) -> Answer:
        """Ask the server, if it is there."""
        if self.is_away:
            raise NoAnswerError("it is away")
        if self.is_empty:
            return Answer(200, b'{"applications": {"application": []}}', 0)
        return await self._server.ask(method, path, accept)


def watching(limit: float, form: str = "json") -> argparse.Namespace:
    """So many looks after the first one."""
    return argparse.Namespace(app="", every=1.0, limit=limit, output=form)


async def test_what_happens_between_two_looks_is_told(node: Running, server: UrlServer) -> None:
    """One JSON object a line, in the order of the looks."""
    out, err = io.StringIO(), io.StringIO()
    steps = [
        lambda: node.reg(instance_id="i2"),
        lambda: node.put("/apps/FOO/i2/status?value=OUT_OF_SERVICE"),
        lambda: node.delete("/apps/FOO/i2"),
    ]

    async def pause(_seconds: float) -> None:
        await steps.pop(0)()

    node.clock.now_ms = time.time_ns() // 1_000_000  # that of the header Date
    await node.reg(instance_id="i1")
    assert await commands.watch(watching(3), server, Streams(out, err), pause) == 0

    events: list[dict[str, Any]] = [json.loads(each) for each in out.getvalue().splitlines()]
    assert [(each["kind"], each["app"], each["id"]) for each in events] == [
        ("registered", "FOO", "i2"),
        ("status", "FOO", "i2"),
        ("left", "FOO", "i2"),
    ]
    assert err.getvalue() == ""


async def test_a_server_that_does_not_answer_for_a_while_is_said_once(server: UrlServer) -> None:
    """The next look is tried; only the first one must succeed."""
    out, err = io.StringIO(), io.StringIO()
    network = Network(server)

    async def pause(_seconds: float) -> None:
        network.is_away = True

    assert await commands.watch(watching(3, "table"), network, Streams(out, err), pause) == 0
    assert err.getvalue() == "note: it is away\n"
    with pytest.raises(NoAnswerError):
        await commands.watch(watching(3), network, Streams(out, err), pause)


async def test_what_is_on_its_way_is_no_difference(node: Running, server: UrlServer) -> None:
    """It is looked twice, with a pause for peers to tell each other."""
    out, err = io.StringIO(), io.StringIO()
    options = argparse.Namespace(output="table")
    behind = Network(server)
    behind.is_empty = True
    looks = []

    async def pause(_seconds: float) -> None:
        looks.append(behind)
        behind.is_empty = False

    await node.reg(instance_id="i1")

    assert await commands.diff(options, (server, behind), Streams(out, err), pause) == 0
    assert "hold the same" in out.getvalue()
    assert len(looks) == 1
