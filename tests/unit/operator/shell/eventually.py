"""Waiting for what another task does at a registry or an API server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

_PATIENCE_S = 20.0


async def eventually(what: Callable[[], Awaitable[object]], expected: object) -> None:
    """Wait until it gives this; `AssertionError` with the last that it gave."""
    last: object = None
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                last = await what()
                if last == expected:
                    return
                await asyncio.sleep(0.02)
    except TimeoutError:
        assert last == expected


async def check_throughout(
    what: Callable[[], Awaitable[object]], expected: object, span_s: float
) -> None:
    """Look for so many seconds that it gives this."""
    end_s = asyncio.get_running_loop().time() + span_s
    while asyncio.get_running_loop().time() < end_s:
        assert await what() == expected
        await asyncio.sleep(0.02)
