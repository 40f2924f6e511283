"""A peer that speaks HTTPS alone, asked by the operator with what its Secret holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from eureka_operator.core.certificates import Subject
from eureka_operator.core.kinds import Object
from eureka_operator.core.pods import Peer
from eureka_operator.shell.client import UnavailableError
from eureka_operator.shell.keypairs import encode_base64, make_authority, make_leaf
from eureka_operator.shell.registry import Connections, RegistryError, session
from eureka_operator.shell.ways import PLAIN, PeerSecurities
from support.secure import PEER, Secure, secured, write_policy

NAME = "eureka-tls"
HOST = "eureka.prod.svc.cluster.local"


class Secret:
    """The Secret, and how often it was read; `texts` `None`: it is not there."""

    def __init__(self, texts: dict[str, str] | None) -> None:
        self.texts = texts
        self.read: list[str] = []
        self.fails = False

    async def __call__(self, namespace: str, name: str) -> Object | None:
        """Read it."""
        self.read.append(f"{namespace}/{name}")
        if self.fails:
            raise UnavailableError("away")
        return None if self.texts is None else {"data": encode_base64(self.texts)}


def texts(*names: str) -> dict[str, str]:
    """What is in the Secret of a cluster with a certificate for these names."""
    now = datetime.now(UTC)
    subject = Subject("the CA", names, is_client=True)
    issuer = make_authority(subject.authority, now)
    leaf, key = make_leaf(issuer, subject, now)
    bundle = issuer.certificate.public_bytes(Encoding.PEM).decode()
    return {"ca.crt": bundle, "tls.crt": leaf, "tls.key": key}


def files(folder: Path, found: dict[str, str]) -> dict[str, object]:
    """The settings of a peer that has it mounted and lets in nobody without a certificate."""
    for name, text in found.items():
        (folder / name).write_text(text)
    return {
        "tls_cert": str(folder / "tls.crt"),
        "tls_key": str(folder / "tls.key"),
        "tls_client_ca": str(folder / "ca.crt"),
    }


def at(peer: Secure, proof: str = "") -> Peer:
    """Its pod."""
    where = {"namespace": "prod", "cluster": "eureka", "name": "eureka-peer-1", "ip": "127.0.0.1"}
    return Peer(**where, port=peer.port, secret=NAME, proof=proof)


GOOD = texts(HOST)


@pytest.fixture
async def peer(tmp_path: Path) -> AsyncIterator[Secure]:
    """A peer of EurekaCluster prod/eureka."""
    async with secured(**files(tmp_path, GOOD)) as found:
        yield found


async def test_peer_is_asked_with_a_certificate_and_verified(peer: Secure) -> None:
    """By the name of its Service, wherever it is."""
    secret = Secret(GOOD)
    async with session() as over:
        registry = await Connections(over, PeerSecurities(secret, "cluster.local")).to(at(peer))
        assert (await registry.instances(None)).instances == ()
        assert (await registry.instances(None)).instances == ()

    assert secret.read == ["prod/eureka-tls"]


@pytest.mark.parametrize("held", [texts(HOST), GOOD | {"ca.crt": texts(HOST)["ca.crt"]}])
async def test_peer_of_another_authority_is_refused(peer: Secure, held: dict[str, str]) -> None:
    """Somebody else answers at its address."""
    async with session() as over:
        registry = await Connections(over, PeerSecurities(Secret(held), "cluster.local")).to(
            at(peer)
        )
        with pytest.raises(RegistryError, match="certificate"):
            await registry.instances(None)


async def test_peer_of_another_cluster_is_refused(peer: Secure) -> None:
    """Though the same authority vouches for it."""
    async with session() as over:
        ways = PeerSecurities(Secret(GOOD), "other.domain")
        registry = await Connections(over, ways).to(at(peer))
        with pytest.raises(RegistryError, match="Hostname mismatch"):
            await registry.instances(None)


@pytest.mark.parametrize("held", [None, {}, GOOD | {"tls.key": "none"}, GOOD | {"ca.crt": "none"}])
async def test_secret_that_cannot_be_used_is_named(
    peer: Secure, held: dict[str, str] | None
) -> None:
    """Nothing is sent in clear instead."""
    async with session() as over:
        with pytest.raises(RegistryError, match=r"\(Secret eureka-tls in prod\) cannot be used"):
            await Connections(over, PeerSecurities(Secret(held), "cluster.local")).to(at(peer))


async def test_what_was_read_last_is_used_while_nothing_better_is_there() -> None:
    """A Secret that is deleted or damaged stops nothing."""
    now_s = [0.0]
    secret = Secret(GOOD)
    ways = PeerSecurities(secret, "cluster.local", lambda: now_s[0])
    place = Peer(namespace="prod", cluster="eureka", name="p", ip="::1", port=1, secret=NAME)
    first = await ways.to(place)
    now_s[0] += 16
    assert await ways.to(place) is first
    for harm in ({}, GOOD | {"tls.crt": "none"}, None):
        secret.texts = harm
        now_s[0] += 16
        assert await ways.to(place) is first
    secret.fails = True
    now_s[0] += 16
    assert await ways.to(place) is first
    secret.fails, secret.texts = False, texts(HOST)
    now_s[0] += 16
    assert (await ways.to(place)).context is not first.context


async def test_peer_without_a_secret_is_asked_in_clear() -> None:
    """And no Secret is looked for."""
    secret = Secret(None)
    place = Peer(namespace="prod", cluster="eureka", name="p", ip="::1", port=1)

    assert await PeerSecurities(secret, "cluster.local").to(place) is PLAIN
    assert secret.read == []


async def test_password_of_peers_is_shown_where_they_have_one(tmp_path: Path) -> None:
    """By HTTPS; one that lacks it is not asked at all."""
    (tmp_path / "auth").mkdir()
    policy = write_policy(tmp_path / "auth")
    async with secured(**files(tmp_path, GOOD), auth_file=str(policy)) as peer, session() as over:
        place = at(peer, proof="eureka-peer")
        known = GOOD | {"credentials": PEER}
        registry = await Connections(over, PeerSecurities(Secret(known), "cluster.local")).to(place)
        assert (await registry.instances(None)).instances == ()
        stranger = await Connections(over, PeerSecurities(Secret(known), "cluster.local")).to(
            at(peer)
        )
        with pytest.raises(RegistryError, match="answers 401"):
            await stranger.instances(None)
        with pytest.raises(RegistryError, match=r"\(Secret eureka-tls and eureka-peer in prod\)"):
            await Connections(over, PeerSecurities(Secret(GOOD), "cluster.local")).to(place)
