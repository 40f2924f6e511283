"""A peer's name leads to another address after each restart of its pod."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.abc import AbstractResolver, ResolveResult

from contract.test_regions import until
from eureka_registry.peers.identity import NODE_HEADER
from support.server import Running

Start = Callable[..., Awaitable[Running]]
SECOND = "127.0.0.2"
"""Another address of this machine."""


class Names(AbstractResolver):
    """One name, which leads to `address`, or to nowhere."""

    address: str | None = None

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Answer as DNS would."""
        if self.address is None:
            raise OSError(socket.EAI_NONAME, "Name or service not known")
        found = ResolveResult(
            hostname=host, host=self.address, port=port, family=family, proto=0, flags=0
        )
        return [found]

    async def close(self) -> None:
        """Nothing is held."""


class SilentPeer:
    """A peer whose node loses its power: until then it answers, then nobody even refuses."""

    def __init__(self) -> None:
        self.is_dead = asyncio.Event()
        self.is_left = asyncio.Event()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer as a Eurekube peer without leases."""
        if self.is_dead.is_set():
            await self.is_left.wait()
        digest = {"node": "old", "name": "peer2", "stage": "ready", "applications": {}}
        headers = {NODE_HEADER: "old"}
        if request.method == "POST":
            return web.json_response({"responseList": [{"statusCode": 200}]}, headers=headers)
        return web.json_response({**digest, "instances": 0}, headers=headers)


@pytest.fixture
def names() -> Names:
    """What is known of `peer2.test`."""
    return Names()


async def alone(start: Start, names: Names, port: int) -> Running:
    """A peer that knows another by its name, and asks for it here."""
    one = await start(
        peers=[f"http://peer2.test:{port}/eureka/"], digest_interval_s=0.2, peer_read_timeout_s=0.5
    )
    session: ClientSession = one.node.mesh._session
    assert session.connector is not None
    session.connector._resolver = names  # type: ignore[attr-defined]
    return one


async def edge(one: Running) -> dict[str, Any]:
    """How it sees the other."""
    answer = await one.ask("GET", "/peers", management=True)
    only: dict[str, Any] = answer.json["peers"][0]
    return only


async def available(one: Running) -> bool:
    """Whether it takes the other for available."""
    return bool((await edge(one))["available"])


def holds(peer: Running, instance_id: str) -> Callable[[], Awaitable[bool]]:
    """Whether a peer has an instance."""

    async def look() -> bool:
        return await peer.state("FOO", instance_id) is not None

    return look


async def test_name_that_is_not_known_yet_is_asked_for_soon(start: Start, names: Names) -> None:
    """A Service has no address before its pod has one; then nobody waits for a pause to end."""
    two = await start()
    one = await alone(start, names, two.port)

    async def unknown() -> bool:
        return "name not known" in str((await edge(one))["why"])

    await one.reg()
    await until(unknown)
    names.address = "127.0.0.1"

    await until(lambda: available(one))
    await until(holds(two, "i1"))


async def test_peer_with_another_address_is_found_again(start: Start, names: Names) -> None:
    """Its old address does not even refuse: connections to it are given up, not waited for."""
    two, old = await start(), SilentPeer()
    server = web.Server(old.handle)
    listening = await asyncio.get_running_loop().create_server(server, SECOND, two.port)
    names.address = SECOND
    one = await alone(start, names, two.port)
    await until(lambda: available(one))

    old.is_dead.set()
    await one.reg()
    names.address = "127.0.0.1"

    await until(holds(two, "i1"))
    await until(lambda: available(one))
    old.is_left.set()
    listening.close()
    await server.shutdown()
