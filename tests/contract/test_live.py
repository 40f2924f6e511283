"""Other settings while a peer runs; files of settings: `tests/processes/test_settings.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from msgspec.structs import replace

from support.server import Running

Start = Callable[..., Awaitable[Running]]


async def statuses(node: Running, times: int) -> list[int]:
    """What so many fetches are answered."""
    return [(await node.get("/apps")).status for _ in range(times)]


async def test_other_settings_begin_a_burst_only_with_other_rates(start: Start) -> None:
    """Else whoever changes anything would let a storm through."""
    node = await start(rate_limit=True, rate_limit_burst=1)
    settings = node.node.settings
    assert await statuses(node, 2) == [200, 503]

    node.peer.adopt(replace(settings, dashboard=False))
    assert await statuses(node, 1) == [503]
    node.peer.adopt(replace(settings, rate_limit_burst=2))
    assert await statuses(node, 3) == [200, 200, 503]


async def test_longer_eviction_interval_is_no_time_stood_still(start: Start) -> None:
    """The next look comes when the new interval says; leases need no patience for that."""
    node = await start(eviction_interval_s=5.0)
    due_s = node.peer.eviction._due_s

    node.peer.adopt(replace(node.node.settings, eviction_interval_s=60.0))

    assert not node.peer.eviction.is_delayed(due_s + 55.5)
    assert node.peer.eviction.is_delayed(due_s + 55.5 + 60.0 + 1.5)


async def test_a_suspended_machine_gives_leases_time_to_be_renewed(node: Running) -> None:
    """Its clients could not: what its clock jumped ahead by is waited for, but not for ever."""
    clock, loop = node.peer.node.clock, asyncio.get_running_loop()
    patient = [node.peer.eviction.is_delayed(loop.time())]
    for jumped_ms in (900, 3_600_000):
        clock.follow = partial(int, jumped_ms)
        node.peer._tick()
        patient.append(node.peer.eviction.is_delayed(loop.time()))

    assert patient == [False, False, True]
    node.peer.eviction._due_s = loop.time() + 91
    assert not node.peer.eviction.is_delayed(loop.time() + 91)
