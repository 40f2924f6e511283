"""Fixtures of the contract tests: a peer that really listens."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.server import Running, quiet, running, serving


@pytest_asyncio.fixture
async def node() -> AsyncIterator[Running]:
    """A peer with our default rules, alone."""
    async with running() as peer:
        yield peer


@pytest_asyncio.fixture
async def start() -> AsyncIterator[Callable[..., Awaitable[Running]]]:
    """Starts peers with settings of the test's choice."""
    async with AsyncExitStack() as stack:

        async def begin(**settings: object) -> Running:
            return await stack.enter_async_context(serving(quiet(**settings)))

        yield begin


@pytest.fixture(autouse=True)
def no_traceback(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a client sends, the log holds no traceback and no error."""
    yield
    records = caplog.get_records("call")
    bad = [r for r in records if r.exc_info or r.levelname in ("ERROR", "CRITICAL")]
    assert not bad, [r.getMessage() for r in bad]
