"""How long others wait for the loop while something is done, told in processor time."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Coroutine
from typing import Any, NamedTuple


class Turns(NamedTuple):
    """Processor seconds of the loop's thread: all of them, and the most without a turn."""

    total_s: float
    longest_s: float


async def turns(work: Coroutine[Any, Any, object]) -> Turns:
    """Do `work` while another task takes each turn that it gets."""
    gaps: list[float] = []

    async def watch() -> None:
        before = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            gaps.append(now - before)
            before = now

    gc.collect()
    gc.disable()  # what the test's own objects cost is not meant
    watching = asyncio.create_task(watch())
    try:
        await asyncio.sleep(0)
        await work
        await asyncio.sleep(0)
    finally:
        watching.cancel()
        gc.enable()
    return Turns(sum(gaps), max(gaps))
