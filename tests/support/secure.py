"""Peers with certificates and passwords, and clients of theirs."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from socket import socket

import msgspec

from eureka_registry.http import auth
from eureka_registry.http.app import Peer
from eureka_registry.http.node import Node
from eureka_registry.http.sockets import bind, port_of
from eureka_registry.peers.client import open_session
from support.authority import Authority
from support.server import QUIET, Clock, Running, Wire, at_work

ORDERS_PASSWORD = "orders-Pa55/word"  # noqa: S105
PEER_PASSWORD = "peer-Pa55:word"  # noqa: S105
FILE_PASSWORD = "file-Pa55word"  # noqa: S105
TOKEN = "token-0123456789abcdef"  # noqa: S105
SALT = b"0123456789abcdef"
SECRETS = (ORDERS_PASSWORD, PEER_PASSWORD, FILE_PASSWORD, TOKEN)
ORDERS = f"orders:{ORDERS_PASSWORD}"
PEER = f"peer:{PEER_PASSWORD}"
KEPT = auth.hash_password(ORDERS_PASSWORD.encode(), SALT)
KEPT_OF_PEER = auth.hash_password(PEER_PASSWORD.encode(), SALT)


class Secure(Running):
    """A peer that speaks TLS if it has a certificate."""

    context: ssl.SSLContext | None = None
    tls_port = 0
    """The port of HTTPS if it is another than that of plain HTTP."""

    async def connect(self, *, management: bool = False, limit: int = 2**20) -> Wire:
        """Open a connection with this context."""
        if management or self.context is None:
            return await super().connect(management=management, limit=limit)
        port = self.tls_port or self.port
        streams = await asyncio.open_connection("127.0.0.1", port, limit=limit, ssl=self.context)
        return Wire(*streams)

    def look_at_files(self) -> None:
        """What a timer does every few seconds."""
        for watched in self.node.watched:
            watched.look()


@asynccontextmanager
async def secured(
    sockets: Sequence[Sequence[socket]] | None = None,
    tls_sockets: Sequence[socket] = (),
    /,
    **settings: object,
) -> AsyncIterator[Secure]:
    """Run a peer with these settings; with `tls_sockets` it speaks HTTPS on them alone."""
    api, management = sockets or (bind("127.0.0.1", 0), bind("127.0.0.1", 0))
    ports = [port_of(each) for each in (api, management)]
    tls_port = port_of(tls_sockets) if tls_sockets else 0
    wanted = msgspec.structs.replace(
        QUIET,
        port=ports[0],
        management_port=ports[1],
        tls_port=tls_port,
        request_timeout_s=5.0,
        **settings,
    )
    async with open_session() as session:
        peer = Peer(Node(wanted, session))
        running = Secure(peer, ports[0], ports[1], Clock())
        running.tls_port = tls_port
        async with at_work(peer, (api, management), running.stop, tls_sockets):
            yield running


def basic(credentials: str) -> dict[str, str]:
    """The header of `user:password`."""
    return {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {token}"}


def trusting(authority: Authority, own: Mapping[str, str] | None = None) -> ssl.SSLContext:
    """What a client uses."""
    context = ssl.create_default_context(cafile=authority.path)
    if own is not None:
        context.load_cert_chain(own["tls_cert"], own["tls_key"])
    return context


def policy(**changes: object) -> dict[str, object]:
    """Orders may write its own applications, peers may replicate, a token may write payments."""
    return {
        "users": {
            "orders": {"password": KEPT, "applications": ["orders*"]},
            "peer": {"password": KEPT_OF_PEER, "peer": True},
            "file": {"password_file": "file.password", "applications": ["*"]},
            "blind": {"password": KEPT, "applications": ["orders*"], "read": False},
        },
        "tokens": {"payments": {"token_file": "payments.token", "applications": ["PAYMENTS"]}},
        **changes,
    }


def write_policy(directory: Path) -> Path:
    """Write the policy, and the files that it names."""
    (directory / "file.password").write_text(FILE_PASSWORD + "\n")
    (directory / "payments.token").write_text(TOKEN + "\n")
    (directory / "peer.credentials").write_text(PEER + "\n")
    path = directory / "auth.json"
    path.write_text(json.dumps(policy()))
    return path


def write(path: Path, text: str) -> None:
    """Write a file; a coroutine of a test may wait so long."""
    path.write_text(text)


def move(source: Path, target: str) -> None:
    """Put a file in the place of another, as a mounted Secret does."""
    source.replace(target)
