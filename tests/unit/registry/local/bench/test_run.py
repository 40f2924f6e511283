"""The run itself, against servers on loopback that are slow to show a change, or never do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from eureka_registry.local.bench.figures import Tally
from eureka_registry.local.bench.leases import Leases
from eureka_registry.local.bench.plan import INTERVAL_S, Plan
from eureka_registry.local.bench.report import Freshness
from eureka_registry.local.bench.run import Run
from eureka_registry.local.bench.server import NoEurekaError, Server
from eureka_registry.peers.client import open_session


class Registry:
    """A Eureka server, as small as can be.

    Its list shows a change only from the `lag`-th fetch after it on. It answers a registration with
    `accepts` and a delta with `delta`, and has `broken` answers 500 to cancellations first.
    """

    def __init__(self, lag: int = 1, accepts: int = 204, delta: int = 200, broken: int = 0) -> None:
        self.instances: dict[str, Any] = {}
        self.requests: list[tuple[str, str]] = []
        self._lag, self._accepts, self._delta, self._broken = lag, accepts, delta, broken
        self._shown: list[Any] = []
        self._fetches = 0

    async def answer(self, request: web.Request) -> web.Response:
        """Answer anything."""
        self.requests.append((request.method, request.path))
        name = request.path.rpartition("/")[2]
        match request.method:
            case "POST":
                return await self._register(request)
            case "DELETE":
                return self._cancel(name)
            case "PUT":
                return web.Response(status=200 if name in self.instances else 404)
        return self._read(request.path, name)

    async def _register(self, request: web.Request) -> web.Response:
        if self._accepts == 204:
            instance = json.loads(await request.read())["instance"]
            self.instances[instance["instanceId"]] = instance
            self._fetches = 0
        return web.Response(status=self._accepts)

    def _cancel(self, name: str) -> web.Response:
        if self._broken:
            self._broken -= 1
            return web.Response(status=500)
        return web.Response(status=200 if self.instances.pop(name, None) else 404)

    def _read(self, path: str, name: str) -> web.Response:
        if name in self.instances:
            return web.json_response({"instance": self.instances[name]})
        if path.endswith("/delta"):
            return web.Response(status=self._delta)
        self._fetches += 1
        if self._fetches >= self._lag:
            self._shown = list(self.instances.values())
        return web.json_response({"shown": self._shown})


@asynccontextmanager
async def serving(registries: Sequence[Registry], **changes: Any) -> AsyncIterator[Run]:  # noqa: ANN401
    """A run of a few instances against them; the first is written to."""
    wanted = {"instances": 3, "seconds": 0.12, "connections": 2, "patience_s": 0.3, **changes}
    async with open_session(decompress=False) as session:
        servers, running = [], []
        for registry in registries:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", registry.answer)
            running.append(server := TestServer(app))
            await server.start_server()
            servers.append(Server(session, str(server.make_url("/eureka/"))))
        urls = [server.url for server in servers]
        leases = Leases("0a1b", 1_000, "a test")
        yield Run(Plan(urls, **wanted), servers, leases, asyncio.Event(), lambda _tally: None)
        for server in running:
            await server.close()


async def test_a_list_that_lags_is_found_out() -> None:
    """What counts is whether the first list fetched after a change shows it."""
    async with serving([Registry(lag=3)]) as run:
        await run.measure()
        await run.remove()

    assert run.freshness is not None
    assert run.freshness.changes > run.freshness.at_once == run.freshness.unseen == 0


async def test_a_list_that_does_not_lag_is_believed() -> None:
    """Each change was in the first list."""
    async with serving([Registry()]) as run:
        await run.measure()
        await run.remove()

    assert run.freshness is not None
    assert run.freshness.at_once == run.freshness.changes > 0


async def test_a_change_that_never_shows_ends_the_waiting() -> None:
    """Each further one would take all the patience again."""
    async with serving([Registry(lag=10**9)], seconds=2.4) as run:
        await run.measure()
        await run.remove()

    assert run.freshness == Freshness(changes=1, at_once=0, unseen=1, after_ms=None)


async def test_servers_that_are_no_peers_never_agree() -> None:
    """The other one is looked at, and never written to."""
    here, there = Registry(), Registry()
    async with serving([here, there]) as run:
        await run.measure()
        await run.remove()

    assert [sight.unseen for sight in run.sight] == [0, 1]
    assert {method for method, _ in there.requests} == {"GET"}
    assert here.instances == {}


async def test_a_server_without_deltas_is_not_blamed() -> None:
    """`disableDelta` is a setting of Netflix's server."""
    async with serving([Registry(delta=403)]) as run:
        await run.measure()
        await run.remove()

    assert run.notes == ["The server gives no delta: it answers 403."]
    assert "delta" not in [phase.name for phase in run.phases]
    assert not any(phase.errors for phase in run.phases)


@pytest.mark.parametrize(
    ("status", "advice"), [(403, "give a user who may register"), (405, "is it read-only")]
)
async def test_a_server_that_takes_no_registration_is_asked_only_once(
    status: int, advice: str
) -> None:
    """With what to do, and with nothing to remove."""
    registry = Registry(accepts=status)
    async with serving([registry]) as run:
        with pytest.raises(NoEurekaError, match=advice):
            await run.measure()
        await run.remove()

    assert [method for method, _ in registry.requests] == ["POST"]


async def test_a_failed_cancellation_is_tried_again() -> None:
    """Until nothing is left; the failures are counted."""
    registry = Registry(broken=4)
    async with serving([registry]) as run:
        await run.measure()
        await run.remove()

    cancelled = run.phases[-1]
    assert registry.instances == {}
    assert (cancelled.name, cancelled.answers) == ("cancel", {"500": 4, "200": 3})
    assert cancelled.errors == 4


async def test_leases_are_kept_while_something_else_is_measured() -> None:
    """A run of ten minutes reads for minutes on end; the leases last 90 s."""
    registry = Registry()
    async with serving([registry]) as run:
        await run.measure()
        before = len(registry.requests)
        held = run._leases._prolonged_at
        for number in (0, 2):
            held[number] -= INTERVAL_S
        keeping = asyncio.create_task(run._keep(Tally("renew", 0.0, 0.0)))
        while len(registry.requests) < before + 2:  # noqa: ASYNC110 - the server's list grows
            await asyncio.sleep(0)
        keeping.cancel()
        await run.remove()

    paths = [path for method, path in registry.requests[before : before + 2] if method == "PUT"]
    assert [path[-2:] for path in paths] == ["-0", "-2"]


async def test_a_server_that_never_knew_a_lease_does_not_confirm_its_end() -> None:
    """It may be no peer, or may not have heard of it yet."""
    here, there = Registry(broken=4), Registry()
    async with serving([here, there]) as run:
        await run.measure()
        await run.remove()

    assert ("DELETE", "/eureka/apps/EUREKA-BENCH-0A1B/eureka-bench-0a1b-0") in there.requests
    assert here.instances == {}
