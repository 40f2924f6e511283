"""A registry with a certificate, which wants to know who writes, and how tests look into it."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from processes.cluster import JSON, LONG, Cluster, PeerProcess, document
from support.authority import Authority
from support.secure import trusting

USER: Final = "orders"
PASSWORD: Final = "orders-Pa55word"  # noqa: S105
TOKEN: Final = "token-0123456789abcdef"  # noqa: S105
_RIGHTS: Final = {"applications": ["ORDERS*"]}
CLOSED: Final[Mapping[str, object]] = {
    "users": {USER: {"password_file": "orders.password", **_RIGHTS}},
    "tokens": {USER: {"token_file": "orders.token", **_RIGHTS}},
    "anonymous": {"read": False},
}
"""Nobody may do anything without a password or a token."""


class Secured:
    """A registry with a certificate."""

    def __init__(self, peer: PeerProcess, authority: Authority) -> None:
        self.authority = authority
        self._port = peer.port
        self.url = self.place()

    def place(self, user: str = "", password: str = "") -> str:
        """Its URL as clients have it in their settings."""
        credentials = f"{user}:{password}@" if user else ""
        return f"https://{credentials}localhost:{self._port}/eureka/"

    def instance(self, app: str, instance_id: str) -> dict[str, Any] | None:
        """What it shows of an instance; `None`: it has none."""
        status, body = self._ask("GET", f"/eureka/apps/{app}/{instance_id}")
        found: dict[str, Any] | None = json.loads(body)["instance"] if status == 200 else None
        return found

    def register(self, app: str, instance_id: str) -> None:
        """Register an instance that nobody renews in a test."""
        body = document(app, instance_id, leaseInfo=LONG)
        assert self._ask("POST", f"/eureka/apps/{app}", json.dumps(body).encode())[0] == 204

    def _ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        headers = {**JSON, "Content-Type": JSON["Accept"], "Authorization": f"Basic {pair}"}
        connection = http.client.HTTPSConnection(
            "localhost", self._port, timeout=5, context=trusting(self.authority)
        )
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        except ssl.SSLError as error:
            raise ConnectionError(str(error)) from None
        finally:
            connection.close()

    def status(self, app: str, instance_id: str) -> str:
        """The status of an instance as clients see it; empty: it has none."""
        found = self.instance(app, instance_id)
        return found["status"] if found else ""


def write_policy(directory: Path, policy: Mapping[str, object], **tokens: str) -> Path:
    """Write a policy, with the files that it may name; `tokens` are further ones."""
    (directory / "orders.password").write_text(PASSWORD)
    (directory / "orders.token").write_text(TOKEN)
    for name, token in tokens.items():
        (directory / f"{name}.token").write_text(token)
    path = directory / "auth.json"
    path.write_text(json.dumps(policy))
    return path


@contextmanager
def secured(
    directory: Path, policy: Mapping[str, object] = CLOSED, **settings: object
) -> Iterator[Secured]:
    """Run one, with its files in a directory."""
    authority = Authority(directory)
    own = authority.issue("registry.example")
    path = write_policy(directory, policy)
    with Cluster(1, auth_file=str(path), **own, **settings) as cluster:
        yield Secured(cluster.start().peers[0], authority)
