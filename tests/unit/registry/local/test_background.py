"""Work beside other work."""

from __future__ import annotations

import asyncio

from eureka_registry.local.background import in_background


async def test_work_in_the_background_ends_with_the_block() -> None:
    """Whatever it waits for; and what it was asked to clean up, it does."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with in_background([work()]):
        await begun.wait()

    assert ended.is_set()
