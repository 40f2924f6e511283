"""Registries that ask who we are, over TLS or not: files that change, and secrets that stay."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from processes.cluster import Cluster, PeerProcess, throughout, until
from support.authority import Authority
from support.secure import trusting
from support.sidecars import SOON, Application, Sidecar

PASSWORD: Final = "orders-Pa55/word"  # noqa: S105
TOKEN: Final = "token-0123456789abcdef"  # noqa: S105
WRONG: Final = "wr0ng-Pa55word"

POLICY: Final[Mapping[str, object]] = {
    "users": {"orders": {"password_file": "orders.password", "applications": ["ORDERS*"]}},
    "tokens": {"orders": {"token_file": "orders.token", "applications": ["ORDERS*"]}},
    "certificates": {
        "old.example": {"applications": ["ORDERS-OLD"]},
        "new.example": {"applications": ["ORDERS*"]},
    },
    "anonymous": {"read": True},
}


@pytest.fixture
def application() -> Iterator[Application]:
    """Something to be registered."""
    with Application() as application:
        yield application


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Who may do what; everybody may read."""
    directory = tmp_path_factory.mktemp("policy")
    (directory / "orders.password").write_text(PASSWORD)
    (directory / "orders.token").write_text(TOKEN)
    path = directory / "auth.json"
    path.write_text(json.dumps(POLICY))
    return path


@pytest.fixture(scope="module")
def guarded(policy: Path) -> Iterator[PeerProcess]:
    """A registry that wants to know who registers."""
    with Cluster(1, auth_file=str(policy)) as cluster:
        yield cluster.start().peers[0]


class Secured:
    """A registry with a certificate, which asks clients for theirs."""

    def __init__(self, peer: PeerProcess, authority: Authority) -> None:
        self.url = f"https://localhost:{peer.port}/eureka/"
        self.authority = authority
        self._port = peer.port

    def instance(self, app: str, instance_id: str) -> dict[str, Any] | None:
        """What it shows to everybody."""
        connection = http.client.HTTPSConnection(
            "localhost", self._port, timeout=5, context=trusting(self.authority)
        )
        try:
            accept = {"Accept": "application/json"}
            connection.request("GET", f"/eureka/apps/{app}/{instance_id}", headers=accept)
            response = connection.getresponse()
            body = response.read()
        except ssl.SSLError as error:
            raise ConnectionError(str(error)) from None
        finally:
            connection.close()
        found: dict[str, Any] | None = (
            json.loads(body)["instance"] if response.status == 200 else None
        )
        return found


@pytest.fixture(scope="module")
def secured(policy: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """One of it."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    own = authority.issue("registry.example")
    client = {"tls_client_ca": authority.path, "tls_client_auth": "optional"}
    with Cluster(1, auth_file=str(policy), **own, **client) as cluster:
        yield Secured(cluster.start().peers[0], authority)


def _shown(registry: PeerProcess | Secured, sidecar: Sidecar) -> str:
    found = registry.instance(sidecar.app, sidecar.id)
    return found["status"] if found else ""


def _written(directory: Path, **texts: str) -> dict[str, str]:
    """Files of these names with these texts."""
    for name, text in texts.items():
        _replace(directory / name, text)
    return {name: str(directory / name) for name in texts}


def _replace(path: Path, text: str) -> None:
    """Write it anew, in one step as the kubelet does."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)


def _tell_nothing(sidecar: Sidecar, *secrets: str) -> None:
    """None of these in what it writes, says, or shows to the processes of the machine."""
    process = Path(f"/proc/{sidecar.process.pid}")
    told = [
        sidecar.log,
        sidecar.ask("status").stdout,
        sidecar.ask("status", "-o", "json").stdout,
        (process / "environ").read_text(),
        (process / "cmdline").read_text(),
    ]
    for secret in secrets:
        coded = base64.b64encode(f"orders:{secret}".encode()).decode()
        assert not any(secret in text or coded in text for text in told)


def test_wrong_password_is_explained_and_mended_on_disk(
    guarded: PeerProcess, application: Application, tmp_path: Path
) -> None:
    """Secrets are rotated while pods run; nobody restarts them for it."""
    files = _written(tmp_path, user="orders\n", password=WRONG + "\n")
    flags = ("--user-file", files["user"], "--password-file", files["password"])
    with Sidecar("orders", application.port, "--registry", guarded.url, *flags, *SOON) as sidecar:
        until(lambda: sidecar.problem() == "auth")
        status = sidecar.ask("status")
        assert status.returncode == 1
        assert "does not accept our credentials" in status.stdout
        assert "(401)" in status.stdout
        assert "is sent in plain text" in status.stdout

        _replace(Path(files["password"]), PASSWORD)
        until(lambda: _shown(guarded, sidecar) == "UP")
        until(lambda: not sidecar.problem())
        _tell_nothing(sidecar, PASSWORD, WRONG)

        _replace(Path(files["password"]), WRONG)
        until(lambda: sidecar.problem() == "auth")
        _replace(Path(files["password"]), PASSWORD)
        until(lambda: not sidecar.problem())
        until(lambda: _shown(guarded, sidecar) == "UP")
        _tell_nothing(sidecar, PASSWORD, WRONG)
        assert sidecar.terminate() == 0
        assert _shown(guarded, sidecar) == ""


def test_identity_without_the_right_is_explained(
    guarded: PeerProcess, application: Application, tmp_path: Path
) -> None:
    """403 is not 401: the credentials are good, and somebody else has to give the right."""
    token = _written(tmp_path, token=TOKEN)["token"]
    flags = ("--registry", guarded.url, "--token-file", token, *SOON)
    with Sidecar("payments", application.port, *flags) as sidecar:
        until(lambda: sidecar.problem() == "auth")
        assert "does not allow this identity" in sidecar.ask("status").stdout
        _tell_nothing(sidecar, TOKEN)
    with Sidecar("orders-by-token", application.port, *flags) as sidecar:
        until(lambda: _shown(guarded, sidecar) == "UP")
        _tell_nothing(sidecar, TOKEN)


def test_credentials_in_a_url_are_refused_unseen(application: Application) -> None:
    """A URL is in logs, in `status`, and in the list of processes."""
    url = f"http://orders:{PASSWORD}@127.0.0.1:8761/eureka/"
    with Sidecar("orders", application.port, "--registry", url) as sidecar:
        assert sidecar.exit_status() == 2
        assert "do not belong into a URL" in sidecar.log
        assert PASSWORD not in sidecar.log


def test_registry_of_an_unknown_authority_is_not_believed(
    secured: Secured, application: Application, tmp_path: Path
) -> None:
    """Nothing is sent to it, the password least of all, until its authority is named."""
    other = Authority(tmp_path, "other")
    bundle = _written(tmp_path, ca=Path(other.path).read_text())["ca"]
    files = _written(tmp_path, user="orders", password=PASSWORD)
    flags = (
        "--ca-file",
        bundle,
        "--user-file",
        files["user"],
        "--password-file",
        files["password"],
    )
    with Sidecar("orders", application.port, "--registry", secured.url, *flags, *SOON) as sidecar:
        until(lambda: sidecar.problem() == "unreachable")
        assert "the certificate of localhost" in sidecar.ask("status").stdout
        assert "is not valid" in sidecar.ask("status").stdout
        throughout(lambda: _shown(secured, sidecar) == "", 1.0)

        _replace(Path(bundle), Path(secured.authority.path).read_text())
        until(lambda: _shown(secured, sidecar) == "UP")
        _tell_nothing(sidecar, PASSWORD)
        assert sidecar.terminate() == 0
        assert _shown(secured, sidecar) == ""


def test_certificate_is_rotated_on_disk(
    secured: Secured, application: Application, tmp_path: Path
) -> None:
    """The old one has no right here, the new one has: a kept connection does not outlive it."""
    old, new = (secured.authority.issue(f"{name}.example") for name in ("old", "new"))
    files = _written(
        tmp_path,
        crt=Path(old["tls_cert"]).read_text(),
        key=Path(old["tls_key"]).read_text(),
    )
    own = ("--cert-file", files["crt"], "--key-file", files["key"])
    flags = ("--ca-file", secured.authority.path, *own)
    with Sidecar(
        "orders-mtls", application.port, "--registry", secured.url, *flags, *SOON
    ) as sidecar:
        until(lambda: sidecar.problem() == "auth")

        _replace(Path(files["crt"]), Path(new["tls_cert"]).read_text())
        until(lambda: "stays in force" in " ".join(sidecar.status()["notes"]))
        _replace(Path(files["key"]), Path(new["tls_key"]).read_text())
        until(lambda: _shown(secured, sidecar) == "UP")
        assert not any("stays in force" in note for note in sidecar.status()["notes"])
        _tell_nothing(sidecar, *Path(new["tls_key"]).read_text().splitlines()[1:-1])
