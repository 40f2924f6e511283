"""A Java server and one of our peers as peers of each other by HTTPS, and ours with a password."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from conformance.java.server import LIVE, QUICK_START, JavaServer, trusting
from processes.cluster import LONG, Cluster, PeerProcess, document, until
from processes.secured import CLOSED, USER, Secured, write_policy
from support.authority import Authority
from support.secure import trusting as trusting_context

PASSWORD: Final = "peer-Pa55word"  # noqa: S105
PATIENCE_S: Final = 45.0
JAVA: Final = {
    **LIVE,
    "spring.application.name": "eureka-server",
    "eureka.instance.hostname": "localhost",
    "eureka.client.register-with-eureka": False,
    "eureka.client.fetch-registry": True,
    "eureka.server.registry-sync-retry-wait-ms": 1000,
    "eureka.server.peer-node-read-timeout-ms": 2000,
}
_USERS: Final = {
    "peer": {"password_file": "peer", "peer": True},
    USER: {"password_file": "orders.password", "applications": ["*"]},
}


class Pair(NamedTuple):
    """Both, of which the Java server runs."""

    java: JavaServer
    ours: PeerProcess
    authority: Authority


@pytest.fixture
def pair(java_jar: Path, tmp_path: Path) -> Iterator[Pair]:
    """Each knows the other by its certificate, and the Java server has a password for ours."""
    authority = Authority(tmp_path)
    theirs, own = authority.issue("java"), authority.issue("ours")
    jvm = (*QUICK_START, *trusting(Path(authority.path), tmp_path))
    java = JavaServer(
        java_jar, JAVA, host="localhost", jvm=jvm, context=trusting_context(authority)
    )
    (tmp_path / "peer").write_text(PASSWORD)
    (tmp_path / "credentials").write_text(f"peer:{PASSWORD}")
    with java, Cluster(size=0) as cluster:
        ours = cluster.add(
            "ours",
            **own,
            auth_file=str(write_policy(tmp_path, {**CLOSED, "users": _USERS})),
            peer_ca=authority.path,
            peer_credentials_file=str(tmp_path / "credentials"),
            peers=[java.url],
        )
        java.settings |= {
            "server.ssl.certificate": f"file:{theirs['tls_cert']}",
            "server.ssl.certificate-private-key": f"file:{theirs['tls_key']}",
            "eureka.client.service-url.defaultZone": (
                f"https://peer:{PASSWORD}@127.0.0.1:{ours.port}/eureka/"
            ),
        }
        java.start()
        java.ready()
        yield Pair(java, ours, authority)


def test_they_replicate_both_ways_by_https_and_with_a_password(pair: Pair) -> None:
    """The first copy, what comes later, and what goes; nobody without the password gets in."""
    java, ours, authority = pair
    _register(java, "EARLY")
    ours.start()
    ours.ready()
    secured = Secured(ours, authority)
    until(lambda: secured.status("EARLY", "EARLY-1") == "UP", PATIENCE_S)

    secured.register("ORDERS", "ORDERS-1")
    until(lambda: java.ids("ORDERS") == {"ORDERS-1"}, PATIENCE_S)
    _register(java, "BILLING")
    until(lambda: secured.status("BILLING", "BILLING-1") == "UP", PATIENCE_S)
    assert java.ask("DELETE", "/apps/BILLING/BILLING-1").status == 200
    until(lambda: not secured.status("BILLING", "BILLING-1"), PATIENCE_S)

    assert PASSWORD not in ours.log


def _register(java: JavaServer, app: str) -> None:
    body = document(app, f"{app}-1", leaseInfo=LONG)
    assert java.ask("POST", f"/apps/{app}", body).status == 204
