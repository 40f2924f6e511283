"""The verbs of `eureka-registry`, asked of a real Java server, and beside one of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from conformance.java.server import ALONE, LIVE, JavaServer
from eureka_registry.__main__ import main
from processes.cluster import LONG, Cluster, PeerProcess, document, free_port, until

ID: Final = "orders-1:orders:8080"


@pytest.fixture(scope="module")
def java(java_jar: Path) -> Iterator[JavaServer]:
    """One with a replica that nobody runs, and an instance."""
    nobody = f"http://127.0.0.1:{free_port()}/eureka/"
    settings = {**ALONE, **LIVE, "eureka.client.service-url.defaultZone": nobody}
    with JavaServer(java_jar, settings) as server:
        server.start()
        server.ready()
        body = document("ORDERS", ID, hostName="10.0.0.1", leaseInfo=LONG)
        assert server.ask("POST", "/apps/ORDERS", body).status == 204
        until(lambda: server.ids("ORDERS") == {ID})
        yield server


@pytest.fixture(scope="module")
def ours() -> Iterator[PeerProcess]:
    """A registry of ours, which knows nothing of the other."""
    with Cluster(1) as cluster:
        yield cluster.start().peers[0]


def test_a_java_server_is_asked_like_ours(
    java: JavaServer, ours: PeerProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    """List, look, take out and put back, compare, examine; found by host and port alone."""

    def run(*words: str) -> tuple[int, str]:
        return main(words), capsys.readouterr().out

    at_java = ("--url", f"http://{java.host}:{java.port}")
    ours.register("ORDERS", ID, hostName="10.0.0.1", leaseInfo=LONG)

    assert ID in run("ls", *at_java)[1]
    assert run("out", f"orders/{ID}", *at_java)[0] == 0
    code, out = run("get", f"orders/{ID}", *at_java, "-o", "json")
    assert (code, json.loads(out)["overriddenStatus"]) == (0, "OUT_OF_SERVICE")
    assert run("diff", java.url, ours.url)[0] == 1
    assert run("in", f"orders/{ID}", *at_java)[0] == 0
    java.ask("PUT", f"/apps/ORDERS/{ID}?status=UP&lastDirtyTimestamp=1700000000000")
    shown = run("get", f"ORDERS/{ID}", *at_java)[1]
    assert "is UP." in shown
    assert " ago" in shown.partition("renewed")[2].splitlines()[0]
    assert run("watch", *at_java, "--for", "0.1", "--every", "0.1") == (0, "")
    code, out = run("doctor", *at_java, "-o", "json")
    codes = {each["code"] for each in json.loads(out)}
    assert codes == {"base_path_missing", "replicas_not_available"}
    assert code == 1
