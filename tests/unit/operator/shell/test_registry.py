"""One peer's registry, which is real here: what is asked is what it answers."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientTimeout, web
from aiohttp.test_utils import RawTestServer

from eureka_operator.shell import registry as module
from eureka_operator.shell.registry import Listing, Registry, RegistryError, session
from eureka_operator.shell.ways import PeerSecurity
from eureka_sidecar.core import document as sidecar
from eureka_sidecar.core.document import quote
from eureka_sidecar.core.downward import PodOptions
from eureka_sidecar.core.operations import Operation, Request
from eureka_sidecar.core.settings import Facts, configuration
from support.secure import TOKEN, bearer, secured, write_policy
from support.server import running
from unit.operator.shell.world import CLUSTER_UID, ID, instance, world


async def test_instances_are_read_as_sidecars_register_them() -> None:
    """One that names no pod is left out."""
    async with world() as found:
        await found.register()
        await found.peer.reg("JAVA", "java-1")

        listing = await found.registry.instances(None)

    assert listing.instances == (instance(),)


async def test_registration_of_a_sidecar_names_its_pod() -> None:
    """Made by the sidecar's own code, of a configuration like the injector's."""
    facts = Facts(ip="10.0.0.1", pod="orders-1", namespace="shop", uid="uid-1", node="node-1")
    orders = {"app": "orders", "port": 8080, "metadata": {"cluster-uid": CLUSTER_UID}}
    registry = {"urls": ["http://peer1:8761/eureka/"]}
    (made,) = configuration({"instances": [orders], "registries": [registry]}, facts).instances
    content = sidecar.content(made, "UP", PodOptions())
    body = sidecar.body(sidecar.registration(made, content, sidecar.UNKNOWN, 1))
    async with world() as found:
        assert (await found.peer.post(body, "ORDERS")).status == 204

        assert (await found.registry.instances(None)).instances == (instance(),)


async def test_list_that_has_not_changed_is_not_read_again() -> None:
    """A renewal changes nothing; a registration does."""
    async with world() as found:
        await found.register()
        before = await found.registry.instances(None)
        await found.peer.put(f"/apps/ORDERS/{ID}")
        again = await found.registry.instances(before)
        await found.register(2)
        after = await found.registry.instances(before)

    assert again is before
    assert after.instances == (instance(1), instance(2))


async def test_list_is_served_however_often_it_is_read() -> None:
    """A registry may limit what clients fetch; its own operator is none."""
    once: dict[str, Any] = {
        "rate_limit_burst": 1,
        "rate_limit_fetches_per_s": 1,
        "rate_limit_full_fetches_per_s": 1,
    }
    async with running(rate_limit=True, **once) as peer, session() as connections:
        registry = Registry(connections, "127.0.0.1", peer.port)
        for _ in range(5):
            assert (await registry.instances(None)).instances == ()


async def test_one_instance_is_looked_up() -> None:
    """By application and id, as it is now."""
    async with world() as found:
        await found.register()
        await found.peer.reg("JAVA", "java-1")

        assert await found.registry.instance("ORDERS", ID) == instance()
        assert await found.registry.instance("ORDERS", "other") is None
        assert await found.registry.instance("JAVA", "java-1") is None


async def test_lease_is_removed_once() -> None:
    """That it is gone already is no error: it may just have ended."""
    async with world() as found:
        await found.register()

        assert await found.registry.remove("ORDERS", ID)
        assert await found.status() is None
        assert not await found.registry.remove("ORDERS", ID)


async def test_override_is_made_and_lifted() -> None:
    """As an operator of the registry does it."""
    async with world() as found:
        await found.register()

        assert await found.registry.override("ORDERS", ID, "OUT_OF_SERVICE")
        assert await found.status() == ("OUT_OF_SERVICE", "OUT_OF_SERVICE")
        assert await found.registry.lift("ORDERS", ID, "UP")
        assert await found.status() == ("UP", "UNKNOWN")
        assert not await found.registry.override("ORDERS", "other", "OUT_OF_SERVICE")
        assert not await found.registry.lift("ORDERS", "other", "UP")


@pytest.mark.parametrize("odd", ["a/../b;c?d#e%2F", "..", "%2e%2e", "a b"])
async def test_id_is_one_segment_of_the_path(odd: str) -> None:
    """Whatever somebody registers as: a removal must not meet another instance."""
    async with world() as found:
        await found.register()
        await found.peer.reg("ORDERS", odd)
        assert await found.peer.state("ORDERS", quote(odd)) is not None

        assert await found.registry.remove("ORDERS", odd)
        assert await found.peer.state("ORDERS", quote(odd)) is None
        assert [each.id for each in (await found.registry.instances(None)).instances] == [ID]


@pytest.mark.parametrize(
    ("status", "text", "sentence"),
    [
        (503, "", "answers 503"),
        (403, "", "answers 403"),
        (304, "", "answers 304"),
        (302, "", "answers 302"),
        (200, "<html>", "not a list of applications: JSON is malformed"),
        (200, "{}", "not a list of applications: Object missing required field `applications`"),
    ],
)
async def test_answer_that_is_no_list_is_an_error(status: int, text: str, sentence: str) -> None:
    """Never an empty list."""

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(status=status, text=text)

    async with RawTestServer(answer) as server, session() as connections:
        assert server.port is not None
        registry = Registry(connections, "127.0.0.1", server.port)
        with pytest.raises(RegistryError, match=sentence):
            await registry.instances(None)


async def test_failure_of_a_look_up_is_not_an_absence() -> None:
    """Only 404 says that there is none."""

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(status=500)

    async with RawTestServer(answer) as server, session() as connections:
        assert server.port is not None
        registry = Registry(connections, "127.0.0.1", server.port)
        for ask in (registry.instance, registry.remove):
            with pytest.raises(RegistryError, match="answers 500"):
                await ask("ORDERS", ID)


async def test_reason_of_a_refusal_is_the_registrys_own(tmp_path: Path) -> None:
    """Conditions of EurekaRegistrations, and events, show it."""
    request = Request(Operation.REMOVE, 0, "DELETE", "/eureka/apps/BILLING/i", b"")
    file = str(write_policy(tmp_path))
    async with secured(auth_file=file) as peer, session() as connections:
        way = PeerSecurity(None, "", bearer(TOKEN))
        registry = Registry(connections, "127.0.0.1", peer.port, way)
        answer = await registry.exchange(request)
        with pytest.raises(
            RegistryError, match="answers 403: payments may not cancel 'BILLING' 'i': "
        ):
            await registry.remove("BILLING", "i")

    assert answer.status == 403
    assert answer.reason.startswith("payments may not cancel 'BILLING' 'i': ")


async def test_reason_is_a_line_of_bounded_length() -> None:
    """Whoever answers there by now."""

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(status=403, headers={"X-Eurekube-Reason": "\tx" * 1000})

    async with RawTestServer(answer) as server, session() as connections:
        assert server.port is not None
        registry = Registry(connections, "127.0.0.1", server.port)
        with pytest.raises(RegistryError, match=f"answers 403: {'x' * 150}$"):
            await registry.remove("ORDERS", ID)


async def test_peer_that_is_away_is_named() -> None:
    """With its address, and over IPv6, too."""
    with socket.socket(socket.AF_INET6) as nobody:
        nobody.bind(("::1", 0))
        port = nobody.getsockname()[1]
        async with session() as connections:
            with pytest.raises(RegistryError, match=rf"http://\[::1\]:{port}/.*cannot be reached"):
                await Registry(connections, "::1", port).instances(Listing("", ()))


async def test_peer_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A NetworkPolicy drops packets; nobody refuses."""
    monkeypatch.setattr(module, "TIMEOUT", ClientTimeout(sock_read=0.05))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with session() as connections:
            registry = Registry(connections, "127.0.0.1", silent.getsockname()[1])
            with pytest.raises(RegistryError, match="the peer does not answer in time"):
                await registry.instances(None)


async def test_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever listens there by now."""
    monkeypatch.setattr(module, "_MOST_BYTES", 100)
    async with world() as found:
        await found.register()
        with pytest.raises(RegistryError, match="answers with more than 100 bytes"):
            await found.registry.instances(None)
