"""TLS to clients and between peers, and that nothing secret is told to anybody."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import ssl
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509

from eureka_registry.config.errors import ConfigurationError
from eureka_registry.http.node import hostname, own_url
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
from support.server import QUIET, request


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
            assert b"HTTP" not in await wire.read_to_end()
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


async def test_both_ports_serve_while_clients_move(tmp_path: Path) -> None:
    """One registry behind both, with the same rights; peers and pages come by HTTPS."""
    ours = Authority(tmp_path)
    settings = ours.issue("peer1") | {"auth_file": str(write_policy(tmp_path))}
    async with secured(None, bind("127.0.0.1", 0), **settings, register_with_eureka=True) as peer:
        assert (await peer.reg("ORDERS", headers=basic(ORDERS))).status == 204
        assert (await peer.put("/apps/ORDERS/i1")).status == 401
        peer.context = trusting(ours)
        assert (await peer.put("/apps/ORDERS/i1", basic(ORDERS))).status == 200
        assert (await peer.put("/apps/ORDERS/i1")).status == 401
        answer = await peer.get("/apps/EUREKA", **basic(ORDERS))
        own = answer.json["application"]["instance"][0]
        url = own_url(peer.node.settings)

    assert own["port"] == {"$": peer.port, "@enabled": "true"}
    assert own["securePort"] == {"$": peer.tls_port, "@enabled": "true"}
    assert url == f"https://{hostname(peer.node.settings)}:{peer.tls_port}/eureka/"
    assert own["homePageUrl"] == url.removesuffix("eureka/")


def join_files(target: Path, *files: str) -> None:
    """Put several PEM files as one into the place of a file, as a mounted Secret does."""
    spare = target.with_suffix(".new")
    spare.write_text("".join(Path(file).read_text() for file in files))
    spare.replace(target)


def text_of(file: str) -> str:
    """What a file holds; a coroutine of a test may wait so long."""
    return Path(file).read_text()


class Rotation:
    """A peer's files, and a client that renews by a new connection each time, with its own."""

    def __init__(self, folder: Path) -> None:
        self.bundle = folder / "bundle.pem"
        self.authority = Authority(folder, "ca0")
        join_files(self.bundle, self.authority.path)
        self.files = self.authority.issue("peer1")
        self.own = self.authority.issue("client")
        self.statuses: list[int] = []

    @property
    def settings(self) -> dict[str, str]:
        """Those of the peer."""
        trusted = str(self.bundle)
        return {**self.files, "tls_client_ca": trusted, "peer_ca": trusted}

    def steps(self, new: Authority) -> Iterator[None]:
        """Go over to another authority, as one does so that no request fails."""
        join_files(self.bundle, self.authority.path, new.path)
        yield
        issued = new.issue("peer1", file="next")
        for name in ("tls_cert", "tls_key"):
            move(Path(issued[name]), self.files[name])
        yield
        self.own = new.issue("client", file=f"client-{Path(new.path).stem}")
        yield
        join_files(self.bundle, new.path)
        self.authority = new
        yield

    async def renew(self, peer: Secure) -> None:
        """Renew for ever."""
        while True:
            peer.context = trusting_file(str(self.bundle), self.own)
            self.statuses.append((await peer.put("/apps/FOO/i1")).status)

    async def some(self, renewing: asyncio.Task[None]) -> None:
        """Wait for a few renewals more."""
        wanted = len(self.statuses) + 3
        await until(lambda: len(self.statuses) >= wanted or renewing.done())
        assert not renewing.done(), renewing.exception()


async def test_no_request_fails_while_certificates_and_authorities_are_replaced(
    tmp_path: Path,
) -> None:
    """Neither of who connects anew each time, nor in a connection that stays open; twice round."""
    rotation = Rotation(tmp_path)
    async with secured(**rotation.settings) as peer:
        peer.context = trusting_file(str(rotation.bundle), rotation.own)
        await peer.reg()
        async with await peer.connect() as wire:
            renewing = asyncio.create_task(rotation.renew(peer))
            for number in (1, 2):
                old, new = rotation.authority, Authority(tmp_path, f"ca{number}")
                for _ in rotation.steps(new):
                    peer.look_at_files()
                    await rotation.some(renewing)
                assert await refuses(peer, trusting(new, old.issue("late")))
                await wire.send(request("PUT", "/eureka/apps/FOO/i1"))
                assert (await wire.response()).status == 200
            renewing.cancel()

    assert set(rotation.statuses) == {200}


def trusting_file(bundle: str, own: Mapping[str, str]) -> ssl.SSLContext:
    """What a client uses that reads its files for each connection."""
    context = ssl.create_default_context(cafile=bundle)
    context.load_cert_chain(own["tls_cert"], own["tls_key"])
    return context


async def test_an_authority_that_is_taken_out_is_trusted_no_more(tmp_path: Path) -> None:
    """Neither of clients nor of peers; at once, without a restart."""
    first, second = Authority(tmp_path, "first"), Authority(tmp_path, "second")
    trusted = tmp_path / "trusted.pem"
    join_files(trusted, first.path, second.path)
    theirs = second.issue("peer2")
    async with secured(**theirs) as other:
        settings = {**first.issue("peer1"), "tls_client_ca": str(trusted), "peer_ca": str(trusted)}
        url = f"https://localhost:{other.port}/eureka/"
        async with secured(peers=[url], digest_interval_s=0.2, **settings) as peer:
            assert not await refuses(peer, trusting(first, second.issue("client")))
            link = next(iter(peer.node.mesh.links.values()))
            await until(lambda: link.why_silent is None and link.is_heard)

            join_files(trusted, first.path)
            peer.look_at_files()
            assert await refuses(peer, trusting(first, second.issue("client")))
            assert not await refuses(peer, trusting(first, first.issue("client")))
            await until(lambda: "certificate not trusted" in (link.why_silent or ""))


async def test_a_pair_that_cannot_be_used_is_shown(tmp_path: Path) -> None:
    """What runs goes on; `/peers` says which file and why, until it is mended; no key is shown."""
    ours = Authority(tmp_path)
    files = ours.issue("peer1")
    key = text_of(files["tls_key"])
    async with secured(**files) as peer:
        for damaged in (ours.issue("other")["tls_key"], None):
            if damaged is None:
                write(Path(files["tls_key"]), key[: len(key) // 2])
            else:
                move(Path(damaged), files["tls_key"])
            peer.look_at_files()
            shown = await peer.ask("GET", "/peers", management=True)
            assert files["tls_key"] in shown.json["problem"]
            assert key.splitlines()[1] not in shown.body.decode()
            assert not await refuses(peer, trusting(ours))
        write(Path(files["tls_key"]), key)
        peer.look_at_files()
        shown = await peer.ask("GET", "/peers", management=True)

    assert shown.json["problem"] is None


async def test_the_end_of_the_certificate_is_a_metric(tmp_path: Path) -> None:
    """That of the one in use, which an alert watches."""
    ours = Authority(tmp_path)
    files = ours.issue("peer1")

    def end(file: str) -> float:
        return x509.load_pem_x509_certificate(
            Path(file).read_bytes()
        ).not_valid_after_utc.timestamp()

    async def shown(peer: Secure) -> float:
        text = (await peer.ask("GET", "/metrics", management=True)).body.decode()
        name = "eureka_certificate_not_after_seconds "
        return float(next(line for line in text.splitlines() if line.startswith(name)).split()[1])

    async with secured(**files) as peer:
        first = end(files["tls_cert"])
        assert await shown(peer) == first
        old = ours.issue("old", valid=False)
        for name in ("tls_cert", "tls_key"):
            move(Path(old[name]), files[name])
        peer.look_at_files()
        assert await shown(peer) == end(files["tls_cert"]) != first


async def test_region_of_another_authority_is_mirrored_as_soon_as_it_is_trusted(
    tmp_path: Path,
) -> None:
    """Until then its certificate is refused, and `/peers` says so."""
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    trusted = tmp_path / "trusted.pem"
    write(trusted, text_of(ours.path))
    async with secured(**theirs.issue("west")) as west:
        west.context = trusting(theirs)
        assert (await west.reg("ORDERS", "far")).status == 204
        own = {**ours.issue("peer1"), "peer_ca": str(trusted)}
        regions = {"west": f"https://localhost:{west.port}/eureka/"}
        fast = {"remote_region_fetch_interval_s": 0.05}
        async with secured(**own, remote_regions=regions, **fast) as here:
            here.context = trusting(ours)

            async def region() -> Mapping[str, Any]:
                shown = await here.ask("GET", "/peers", management=True)
                found: Mapping[str, Any] = shown.json["regions"][0]
                return found

            async with asyncio.timeout(20):
                while "certificate" not in str((await region())["problem"]):  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.02)
            assert (await here.get("/apps/ORDERS")).status == 404

            write(trusted, text_of(ours.path) + text_of(theirs.path))
            here.look_at_files()
            async with asyncio.timeout(20):
                while not (await region())["ready"]:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.02)
            assert (await here.get("/apps/ORDERS/far")).status == 200


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


def all_output(peer: Secure) -> asyncio.Task[bytes]:
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
        said = b"".join([await all_output(peer) for peer in (first, second, third)])
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
