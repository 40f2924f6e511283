"""Runs work in the background, and ends it with the work in the foreground."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Sequence


@contextlib.asynccontextmanager
async def in_background(work: Sequence[Awaitable[None]]) -> AsyncIterator[None]:
    """Run `work` while the block runs, then cancel it; its errors are dropped."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
