"""TLS to clients and between peers, and that nothing secret is told to anybody."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import pytest

from eureka_registry.config.errors import ConfigurationError
from eureka_registry.http.node import own_url
from eureka_registry.http.sockets import bind
from eureka_registry.http.tls import Tls
from support.authority import Authority
from support.secure import (
    KEPT,
    ORDERS,
    PEER,
    SECRETS,
    TOKEN,
    Secure,
    basic,
    bearer,
    move,
    policy,
    secured,
    trusting,
    write,
    write_policy,
)
from support.server import QUIET


@pytest.fixture
def auth_file(tmp_path: Path) -> Path:
    """The policy of the tests as a file."""
    return write_policy(tmp_path)


async def refuses(peer: Secure, context: ssl.SSLContext) -> bool:
    """Whether a client with this context gets no answer."""
    peer.context = context
    try:
        await peer.get("/apps")
    except (ssl.SSLError, ConnectionError, asyncio.IncompleteReadError):
        return True
    return False


async def test_with_a_certificate_only_https_is_spoken(tmp_path: Path) -> None:
    """And verified by clients: of another authority, or expired, it is refused by them."""
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    async with secured(**ours.issue("peer1"), register_with_eureka=True) as peer:
        assert await refuses(peer, trusting(theirs))
        peer.context = None
        async with await peer.connect() as wire:
            await wire.send(b"GET /eureka/apps HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"HTTP" not in await wire.rest()
        assert (await peer.ask("GET", "/livez", management=True)).status == 200
        peer.context = trusting(ours)
        own = (await peer.get("/apps/EUREKA")).json["application"]["instance"][0]
        assert own_url(peer.node.settings).startswith("https://")
    async with secured(**ours.issue("old", valid=False)) as peer:
        assert await refuses(peer, trusting(ours))

    assert own["port"]["@enabled"] == "false"
    assert own["securePort"] == {"$": peer_port(own), "@enabled": "true"}
    assert own["homePageUrl"].startswith("https://")


def peer_port(own: Mapping[str, str]) -> int:
    """The port of an instance by its page."""
    return int(own["homePageUrl"].rstrip("/").rpartition(":")[2])


async def test_clients_show_a_certificate_where_they_must(tmp_path: Path) -> None:
    """None, one of another authority and an expired one are no better than each other."""
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    settings = ours.issue("peer1") | {"tls_client_ca": ours.path}
    async with secured(**settings) as peer:
        assert await refuses(peer, trusting(ours))
        assert await refuses(peer, trusting(ours, theirs.issue("client", file="theirs")))
        assert await refuses(peer, trusting(ours, ours.issue("client", valid=False, file="old")))
        assert not await refuses(peer, trusting(ours, ours.issue("client")))


def test_tls_before_1_2_is_refused(tmp_path: Path) -> None:
    """It can be broken; on both sides."""
    ours = Authority(tmp_path)
    settings = ours.issue("peer1") | {"peer_ca": ours.path}
    tls = Tls(msgspec.structs.replace(QUIET, **settings))

    assert tls.server is not None
    assert tls.client is not None
    assert {tls.server.minimum_version, tls.client.minimum_version} == {ssl.TLSVersion.TLSv1_2}
    assert tls.client.verify_mode is ssl.CERT_REQUIRED
    assert tls.client.check_hostname


async def test_a_certificate_names_its_owner(auth_file: Path, tmp_path: Path) -> None:
    """Where clients may show one; credentials, if there are any, win."""
    ours = Authority(tmp_path)
    rights = {"*.orders.example": {"applications": ["ORDERS"]}, "peer*": {"peer": True}}
    write(auth_file, json.dumps(policy(certificates=rights)))
    settings = ours.issue("peer1") | {"tls_client_ca": ours.path, "tls_client_auth": "optional"}
    async with secured(**settings, auth_file=str(auth_file)) as peer:
        seen = []
        for name in ("", "a.orders.example", "peer2", "stranger"):
            peer.context = trusting(ours, ours.issue(name) if name else None)
            registered = await peer.reg("ORDERS")
            seen.append((registered.status, (await peer.batch()).status))
        both = await peer.batch(**basic(ORDERS))

    assert seen == [(401, 401), (204, 403), (204, 200), (401, 401)]
    assert both.status == 403


async def test_a_new_certificate_is_taken_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By new connections, without a restart; half of one changes nothing and is said once."""
    first, second = Authority(tmp_path, "first"), Authority(tmp_path, "second")
    files = first.issue("peer1")
    async with secured(**files) as peer:
        second.issue("other")
        move(tmp_path / "other.crt", files["tls_cert"])
        for _ in range(3):
            peer.look_at_files()
        assert not await refuses(peer, trusting(first))
        assert caplog.text.count("the last good ones stay") == 1

        move(tmp_path / "other.key", files["tls_key"])
        peer.look_at_files()
        assert await refuses(peer, trusting(first))
        assert not await refuses(peer, trusting(second))


@pytest.mark.parametrize("broken", ["tls_cert", "tls_key", "tls_client_ca", "peer_ca"])
@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nxx\n", b"\xff\x00"])
def test_no_start_with_a_file_that_is_none(
    tmp_path: Path, broken: str, content: bytes | None
) -> None:
    """In a sentence, before anything listens."""
    ours = Authority(tmp_path)
    files = ours.issue("peer1") | {"tls_client_ca": ours.path, "peer_ca": ours.path}
    if content is not None:
        (tmp_path / "broken").write_bytes(content)
    with pytest.raises(ConfigurationError, match="broken"):
        Tls(msgspec.structs.replace(QUIET, **(files | {broken: str(tmp_path / "broken")})))


# -- Between peers


async def until(true: Callable[[], bool]) -> None:
    """Wait for something that takes well under a second."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - what it waits for has no event
            await asyncio.sleep(0.02)


def everything_said(peer: Secure) -> asyncio.Task[bytes]:
    """All that a peer tells anybody, with a peer's rights."""

    async def ask() -> bytes:
        below = [f"/dashboard/{name}" for name in ("state", "instances", "lastn")]
        below += [f"/eureka/peerreplication/{name}" for name in ("digest", "copy")]
        below += ["/", "/eureka/apps", "/eureka/status"]
        pages = [await peer.ask("GET", path, basic(PEER)) for path in below]
        pages += [
            await peer.ask("GET", path, management=True)
            for path in ("/peers", "/metrics", "/readyz")
        ]
        return b"\n".join(page.raw + page.text for page in pages)

    return asyncio.create_task(ask())


async def test_peers_replicate_over_mutual_tls_and_tell_no_secret(
    auth_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One proves itself by a file, one by the URL; a third one's wrong password is seen as that."""
    caplog.set_level(logging.DEBUG)
    ours = Authority(tmp_path)
    wrong = "wrong-Pa55word"
    write(tmp_path / "wrong.credentials", f"peer:{wrong}")
    sockets = [(bind("127.0.0.1", 0), bind("127.0.0.1", 0)) for _ in range(3)]
    ports = [api[0].getsockname()[1] for api, _ in sockets]
    both = {
        "auth_file": str(auth_file),
        "tls_client_ca": ours.path,
        "peer_ca": ours.path,
        "digest_interval_s": 0.2,
        "dashboard": True,
    }
    in_url = "peer:peer-Pa55%3Aword@"
    async with (
        secured(
            sockets[0],
            **both,
            **ours.issue("peer1"),
            name="peer1",
            peers=[f"https://localhost:{ports[1]}/eureka/"],
            peer_credentials_file=str(tmp_path / "peer.credentials"),
        ) as first,
        secured(
            sockets[1],
            **both,
            **ours.issue("peer2"),
            name="peer2",
            peers=[f"https://{in_url}localhost:{ports[0]}/eureka/"],
        ) as second,
        secured(
            sockets[2],
            **both,
            **ours.issue("peer3"),
            name="peer3",
            peers=[f"https://localhost:{ports[0]}/eureka/"],
            peer_credentials_file=str(tmp_path / "wrong.credentials"),
        ) as third,
    ):
        for peer, own in ((first, "peer1"), (second, "peer2"), (third, "peer3")):
            own_files = {"tls_cert": f"{tmp_path}/{own}.crt", "tls_key": f"{tmp_path}/{own}.key"}
            peer.context = trusting(ours, own_files)
        assert (await first.reg("ORDERS", "a", basic(ORDERS))).status == 204
        assert (await second.reg("PAYMENTS", "b", bearer(TOKEN))).status == 204
        assert (await third.reg("ORDERS", "c", basic(ORDERS))).status == 204
        await until(lambda: first.node.registry.size == second.node.registry.size == 2)
        link = next(iter(third.node.mesh.links.values()))
        await until(lambda: "our credentials (401)" in (link.why_silent or ""))
        await first.get("/apps", **basic("orders:" + wrong))
        said = b"".join([await everything_said(peer) for peer in (first, second, third)])
        assert first.node.registry.size == 2

    told = said.decode("latin-1") + caplog.text
    for secret in (*SECRETS, wrong, KEPT, "peer-Pa55%3Aword"):
        assert secret not in told
        assert base64.b64encode(secret.encode()).decode().rstrip("=") not in told
    for header in (basic(ORDERS), basic(PEER)):
        assert header["Authorization"].removeprefix("Basic ") not in told
    assert "refused with status 401" in told


async def test_a_peer_of_another_authority_is_not_believed(tmp_path: Path) -> None:
    """Verification cannot be switched off; the reason is told in words."""
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    async with secured(**theirs.issue("peer1")) as impostor:
        url = f"https://localhost:{impostor.port}/eureka/"
        async with secured(peers=[url], peer_ca=ours.path, digest_interval_s=0.2) as peer:
            link = next(iter(peer.node.mesh.links.values()))
            await until(lambda: "certificate not trusted" in (link.why_silent or ""))
