"""Registries that ask who we are, over TLS or not: files that change, and secrets that stay."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from processes.cluster import Cluster, PeerProcess, check_throughout, free_port, until
from processes.secured import PASSWORD, TOKEN, Secured, write_policy
from processes.secured import secured as secured_registry
from support.authority import Authority
from support.sidecars import SOON, Application, Sidecar

PAYMENTS_TOKEN: Final = "token-fedcba9876543210"  # noqa: S105
WRONG: Final = "wr0ng-Pa55word"

POLICY: Final[Mapping[str, object]] = {
    "users": {"orders": {"password_file": "orders.password", "applications": ["ORDERS*"]}},
    "tokens": {
        "orders": {"token_file": "orders.token", "applications": ["ORDERS*"]},
        "payments": {"token_file": "payments.token", "applications": ["PAYMENTS"]},
    },
    "certificates": {
        "old.example": {"applications": ["ORDERS-OLD"]},
        "new.example": {"applications": ["ORDERS*"]},
    },
    "anonymous": {"read": True},
}


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Who may do what; everybody may read."""
    return write_policy(tmp_path_factory.mktemp("policy"), POLICY, payments=PAYMENTS_TOKEN)


@pytest.fixture(scope="module")
def guarded(policy: Path) -> Iterator[PeerProcess]:
    """A registry that wants to know who registers."""
    with Cluster(1, auth_file=str(policy)) as cluster:
        yield cluster.start().peers[0]


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A registry with a certificate, which asks clients for theirs."""
    directory = tmp_path_factory.mktemp("authority")
    authority = str(directory / "authority.pem")
    client = {"tls_client_ca": authority, "tls_client_auth": "optional"}
    (directory / "payments.token").write_text(PAYMENTS_TOKEN)
    with secured_registry(directory, POLICY, **client) as found:
        yield found


def _shown(registry: PeerProcess | Secured, sidecar: Sidecar) -> str:
    found = registry.instance(sidecar.app, sidecar.id)
    return found["status"] if found else ""


def _write_files(directory: Path, **texts: str) -> dict[str, str]:
    """Files of these names with these texts."""
    for name, text in texts.items():
        _replace(directory / name, text)
    return {name: str(directory / name) for name in texts}


def _replace(path: Path, text: str) -> None:
    """Write it anew, in one step as the kubelet does."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)


def _check_no_secret(sidecar: Sidecar, *secrets: str) -> None:
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
    files = _write_files(tmp_path, user="orders\n", password=WRONG + "\n")
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
        _check_no_secret(sidecar, PASSWORD, WRONG)

        _replace(Path(files["password"]), WRONG)
        until(lambda: sidecar.problem() == "auth")
        _replace(Path(files["password"]), PASSWORD)
        until(lambda: not sidecar.problem())
        until(lambda: _shown(guarded, sidecar) == "UP")
        _check_no_secret(sidecar, PASSWORD, WRONG)
        assert sidecar.terminate() == 0
        assert _shown(guarded, sidecar) == ""


def test_identity_without_the_right_is_explained(
    guarded: PeerProcess, application: Application, tmp_path: Path
) -> None:
    """403 is not 401: the credentials are good, and somebody else has to give the right."""
    token = _write_files(tmp_path, token=TOKEN)["token"]
    flags = ("--registry", guarded.url, "--token-file", token, *SOON)
    with Sidecar("payments", application.port, *flags) as sidecar:
        until(lambda: sidecar.problem() == "forbidden")
        assert "does not allow this identity" in sidecar.ask("status").stdout
        assert sidecar.log.count("does not allow this identity") == 1
        assert sidecar.lease()["nextRequestMs"] > 30_000
        _replace(Path(token), PAYMENTS_TOKEN)
        until(lambda: _shown(guarded, sidecar) == "UP", 30.0)  # and not after a minute
        assert not sidecar.problem()
        _replace(Path(token), TOKEN)
        _check_no_secret(sidecar, TOKEN)
    with Sidecar("orders-by-token", application.port, *flags) as sidecar:
        until(lambda: _shown(guarded, sidecar) == "UP")
        _check_no_secret(sidecar, TOKEN)


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
    bundle = _write_files(tmp_path, ca=Path(other.path).read_text())["ca"]
    files = _write_files(tmp_path, user="orders", password=PASSWORD)
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
        check_throughout(lambda: _shown(secured, sidecar) == "", 1.0)

        _replace(Path(bundle), Path(secured.authority.path).read_text())
        until(lambda: _shown(secured, sidecar) == "UP")
        _check_no_secret(sidecar, PASSWORD)
        assert sidecar.terminate() == 0
        assert _shown(secured, sidecar) == ""


def test_credentials_that_come_later_are_waited_for(
    secured: Secured, application: Application, tmp_path: Path
) -> None:
    """An injected pod may start before its ConfigMap is there; nothing is sent until it is."""
    bundle, token = tmp_path / "ca.crt", tmp_path / "token"
    files = ("--ca-file", str(bundle), "--token-file", str(token))
    address = f"127.0.0.1:{free_port()}"
    flags = ("--registry", secured.url, *files, "--listen", address)
    with Sidecar("orders-late", application.port, *flags) as sidecar:
        until(lambda: sidecar.problem() == "credentials")
        status = sidecar.ask("status")
        assert status.returncode == 1
        assert f"cannot read {bundle}: No such file" in status.stdout
        ready = until(lambda: _ready(address))
        assert ready[0] == 503
        assert str(bundle) in ready[1]

        _replace(bundle, Path(secured.authority.path).read_text())
        until(lambda: str(token) in sidecar.ask("status").stdout)
        _replace(token, WRONG)
        until(lambda: sidecar.problem() == "auth")
        _replace(token, TOKEN)
        until(lambda: _shown(secured, sidecar) == "UP")
        until(lambda: _ready(address) == (200, "ready\n"))
        _check_no_secret(sidecar, TOKEN, WRONG)
        assert sidecar.terminate() == 0


def _ready(address: str) -> tuple[int, str] | None:
    """What `/readyz` says; `None`: nothing is served yet."""
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except ConnectionError:
        return None
    finally:
        connection.close()


def test_certificate_is_rotated_on_disk(
    secured: Secured, application: Application, tmp_path: Path
) -> None:
    """The old one has no right here, the new one has: a kept connection does not outlive it."""
    old, new = (secured.authority.issue(f"{name}.example") for name in ("old", "new"))
    files = _write_files(
        tmp_path,
        crt=Path(old["tls_cert"]).read_text(),
        key=Path(old["tls_key"]).read_text(),
    )
    own = ("--cert-file", files["crt"], "--key-file", files["key"])
    flags = ("--ca-file", secured.authority.path, *own)
    with Sidecar(
        "orders-mtls", application.port, "--registry", secured.url, *flags, *SOON
    ) as sidecar:
        until(lambda: sidecar.problem() == "forbidden")

        _replace(Path(files["crt"]), Path(new["tls_cert"]).read_text())
        until(lambda: "stays in force" in " ".join(sidecar.status()["notes"]))
        _replace(Path(files["key"]), Path(new["tls_key"]).read_text())
        until(lambda: _shown(secured, sidecar) == "UP")
        assert not any("stays in force" in note for note in sidecar.status()["notes"])
        _check_no_secret(sidecar, *Path(new["tls_key"]).read_text().splitlines()[1:-1])
