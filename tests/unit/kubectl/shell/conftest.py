"""An API server for each test, and requests to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import RawTestServer
from kubernetes.aio.client import Configuration

from eureka_operator.shell.client import Client
from unit.kubectl.shell.api import Api


@pytest.fixture
def api() -> Api:
    """An API server with nothing in it."""
    return Api()


@pytest.fixture
async def client(api: Api) -> AsyncIterator[Client]:
    """Requests to it."""
    async with RawTestServer(api.answer) as running:
        way = Configuration()
        way.host = str(running.make_url("")).rstrip("/")
        async with Client(way) as client:
            yield client
