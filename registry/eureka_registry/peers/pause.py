"""Waits between two rounds for the time in a setting, which may change during the wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

_LOOK_EVERY_S: Final = 1.0


async def pause(seconds: Callable[[], float]) -> None:
    """Wait for a time that may change meanwhile; a change counts within a second."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    # Nothing could set an event: settings are only read.
    while (left_s := began_s + seconds() - loop.time()) > 0:  # noqa: ASYNC110
        await asyncio.sleep(min(left_s, _LOOK_EVERY_S))
