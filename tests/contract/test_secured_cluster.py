"""Peers with the settings, certificate, policy and password that the operator gives to them."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from eureka_operator.core import auth, names
from eureka_operator.core.certificates import Subject, plan
from eureka_operator.core.desired.common import Environment
from eureka_operator.core.desired.configuration import configuration
from eureka_operator.core.observed import Access, Observed
from eureka_operator.shell.keypairs import load_pair, read, renew
from eureka_registry.http.sockets import bind
from support.secure import Secure, basic, secured
from unit.operator.core.builders import cluster

PASSWORD: Final = "clients-Pa55word"  # noqa: S105
NOW: Final = datetime.now(UTC)
SUBJECT: Final = Subject("eurekube eureka CA", ("127.0.0.1",), is_client=True)
SPEC: Final[dict[str, Any]] = {
    "tls": {"clientAuth": "Require"},
    "auth": {"type": "Basic", "secretName": "clients"},
}
SETTINGS: Final = (
    *("tls_cert", "tls_key", "tls_client_ca", "tls_client_auth", "peer_ca"),
    *("auth_file", "peer_credentials_file"),
)
FOLDERS: Final = (names.TLS_FOLDER, names.CONFIG_FOLDER, names.PEER_FOLDER, names.AUTH_FOLDER)

Texts = Mapping[str, str]


def renewed(texts: Texts, *trusted: str, now: datetime = NOW) -> dict[str, str]:
    """The Secret after the operator has looked at it."""
    held = read(texts, SUBJECT.authority) if texts else None
    planned = plan(held, (), trusted, SUBJECT.names, now)
    return renew(texts, planned, "", SUBJECT, now)


def mount(folder: Path, texts: Texts) -> None:
    """Have the Secret mounted for a peer, in the place of the one before."""
    for key in ("ca.crt", "tls.crt", "tls.key"):
        (folder / key).write_text(texts[key])


def settings(folder: Path, texts: Texts) -> dict[str, object]:
    """What the operator tells a peer whose volumes are all in one folder."""
    owner = cluster(SPEC)
    found = json.loads(configuration(owner, Environment(registry_image="x"), {}).text)
    mount(folder, texts)
    (folder / "credentials").write_text("peer:peer-Pa55word")
    files = auth.files(Observed(cluster=owner, now=NOW, access=Access(username="shop")))
    for name, text in files.items():
        policy = text.replace(f"{names.PEER_FOLDER}/password", f"{folder}/peer-password")
        (folder / name).write_text(policy.replace(names.AUTH_FOLDER, str(folder)))
    (folder / "peer-password").write_text("peer-Pa55word")
    (folder / "password").write_text(PASSWORD)
    chosen = {name: str(found[name]) for name in SETTINGS}
    for each in FOLDERS:
        chosen = {name: value.replace(each, str(folder)) for name, value in chosen.items()}
    return {**chosen, "digest_interval_s": 0.2}


def client(texts: Texts) -> ssl.SSLContext:
    """One that trusts what clients are told, and shows the cluster's own certificate."""
    context = ssl.create_default_context(cadata=texts["ca.crt"])
    load_pair(context, texts["tls.crt"], texts["tls.key"])
    return context


async def until(true: Callable[[], bool]) -> None:
    """Wait for what happens within moments."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)


async def test_peers_agree_before_during_and_after_a_new_ca(tmp_path: Path) -> None:
    """One of them has always read the newest Secret, the other one the one before."""
    folders = [tmp_path / "one", tmp_path / "two"]
    for each in folders:
        each.mkdir()
    sockets = [(bind("127.0.0.1", 0), bind("127.0.0.1", 0)) for _ in folders]
    urls = [f"https://127.0.0.1:{api[0].getsockname()[1]}/eureka/" for api, _ in sockets]
    first = renewed({})
    async with (
        secured(sockets[0], **settings(folders[0], first), name="peer1", peers=[urls[1]]) as one,
        secured(sockets[1], **settings(folders[1], first), name="peer2", peers=[urls[0]]) as two,
    ):
        published = renewed({key: text for key, text in first.items() if key != "ca.key"})
        newest = read(published, SUBJECT.authority).authorities[0].fingerprint
        signed = renewed(published, newest, now=NOW + timedelta(minutes=2))
        assert published["tls.crt"] == first["tls.crt"] != signed["tls.crt"]
        assert published["ca.crt"] == signed["ca.crt"] != first["ca.crt"]

        for count, (here, there) in enumerate(
            [(first, first), (published, first), (published, published), (signed, published)], 1
        ):
            for peer, folder, texts in ((one, folders[0], here), (two, folders[1], there)):
                mount(folder, texts)
                peer.look_at_files()
                peer.context = client(first if count < 3 else published)
            await _write_at_both(one, two, count)
            await until(lambda: one.node.registry.size == two.node.registry.size == 2 * count)  # noqa: B023

        assert one.node.mesh.problem is None
        for peer in (one, two):
            peer.context = client(signed)
            assert (await peer.get("/apps")).status == 401
            assert (await peer.get("/apps", **basic(f"shop:{PASSWORD}"))).status == 200


async def _write_at_both(one: Secure, two: Secure, count: int) -> None:
    for name, peer in (("one", one), ("two", two)):
        answer = await peer.reg("ORDERS", f"{name}-{count}", basic(f"shop:{PASSWORD}"))
        assert answer.status == 204
