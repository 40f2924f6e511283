"""Keys and certificates of one cluster: one authority, in the work folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

_PRIVATE: Final = 0o600
_PEM: Final = serialization.Encoding.PEM


@dataclass(frozen=True)
class Identity:
    """Who a certificate is for: the user and the group that Kubernetes sees."""

    name: str
    group: str = "none"
    hosts: tuple[str, ...] = ("client.invalid",)
    """Names and addresses it serves under. Go refuses an empty list of them in a certificate."""


class Authority:
    """Issues certificates, each both for a client and for a server."""

    def __init__(self) -> None:
        self._authority = trustme.CA()

    def write(self, folder: Path, *, with_key: bool) -> None:
        """Write `ca.crt`, and `ca.key` for who has to sign."""
        _write(folder / "ca.crt", self._authority.cert_pem.bytes())
        if with_key:
            _write(folder / "ca.key", self._authority.private_key_pem.bytes())

    def issue(self, identity: Identity, path: Path) -> None:
        """Write `path`.crt and `path`.key for an identity."""
        issued = self._authority.issue_cert(
            *identity.hosts, common_name=identity.name, organization_name=identity.group
        )
        chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
        _write(path.with_name(f"{path.name}.crt"), chain)
        _write(path.with_name(f"{path.name}.key"), issued.private_key_pem.bytes())


def write_account_keys(folder: Path) -> None:
    """Write `accounts.key` and `accounts.pub`, which sign service accounts' tokens."""
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = serialization.PrivateFormat.PKCS8, serialization.PublicFormat
    text = key.private_bytes(_PEM, private, serialization.NoEncryption())
    _write(folder / "accounts.key", text)
    written = key.public_key().public_bytes(_PEM, public.SubjectPublicKeyInfo)
    _write(folder / "accounts.pub", written)


def _write(path: Path, data: bytes) -> None:
    path.touch(mode=_PRIVATE)
    path.write_bytes(data)
