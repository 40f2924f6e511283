"""Waiting for a setting's time."""

from __future__ import annotations

import asyncio

from eureka_registry.peers.pause import pause


async def test_pause_ends_when_its_time_is_over() -> None:
    """The plain case; nothing at all is not a time."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()

    await pause(lambda: 0)
    await pause(lambda: 0.01)

    assert loop.time() - began_s >= 0.01


async def test_shorter_time_ends_a_pause_under_way() -> None:
    """An interval of an hour, set back to a second, must not take the hour."""
    left_s = [3600.0]
    waiting = asyncio.create_task(pause(lambda: left_s[0]))
    await asyncio.sleep(0)

    left_s[0] = 0

    async with asyncio.timeout(10):
        await waiting
