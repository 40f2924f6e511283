"""The verbs of `eureka-registry` that ask a server by its URL, against real peers."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import yaml

from eureka_registry.__main__ import main
from processes.cluster import LONG, Cluster, PeerProcess, free_port
from processes.secured import PASSWORD, TOKEN, USER, secured

ORDERS: Final = "orders-1:orders:8080"
POD: Final = {"namespace": "shop", "zone": "zone-1"}


class Done(NamedTuple):
    """What came of a command."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the program in this process, which has loaded it already."""

    def run(*words: str) -> Done:
        return Done(main(words), *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def peers() -> Iterator[tuple[PeerProcess, PeerProcess]]:
    """Two servers that know nothing of each other."""
    with Cluster(1) as one, Cluster(1) as other:
        one.start()
        other.start()
        yield one.peers[0], other.peers[0]


@pytest.fixture
def peer(peers: tuple[PeerProcess, PeerProcess]) -> PeerProcess:
    """One, with an instance that nothing is wrong with."""
    right = {"hostName": "10.0.0.1", "metadata": POD, "leaseInfo": LONG}
    for name in peers[0].ids():
        peers[0].ask("DELETE", f"/apps/ORDERS/{name}")
    peers[0].register("ORDERS", ORDERS, **right)
    return peers[0]


def test_instances_are_listed(run: Run, peer: PeerProcess) -> None:
    """For people, and for programs."""
    table = run("ls", "--url", peer.url)
    listed = json.loads(run("ls", "orders", "--url", peer.url, "-o", "json").out)

    assert (table.code, table.err) == (0, "")
    title, row = table.out.splitlines()
    assert title.split() == [
        "APPLICATION", "INSTANCE", "STATUS", "ADDRESS", "NAMESPACE", "ZONE", "AGE",
    ]  # fmt: skip
    assert row.split()[:3] == ["ORDERS", ORDERS, "UP"]
    assert row.split()[4:6] == ["shop", "zone-1"]
    assert [(each["id"], each["namespace"]) for each in listed] == [(ORDERS, "shop")]
    assert run("ls", "stock", "--url", peer.url)[:2] == (0, "")
    assert run("ls", "--status", "DOWN", "--url", peer.url, "-o", "yaml").out == "[]\n"


@pytest.mark.parametrize("path", ["", "/", "/eureka", "/eureka/", "/eureka/v2/"])
def test_the_base_path_is_found(run: Run, peer: PeerProcess, path: str) -> None:
    """Spring's, Netflix', or none."""
    url = f"http://{peer.host}:{peer.port}{path}"

    assert ORDERS in run("ls", "--url", url).out
    has_path = bool(path.strip("/"))
    assert ("base_path_missing" in run("doctor", "--url", url).out) != has_path


def test_one_instance_is_shown_whole(run: Run, peer: PeerProcess) -> None:
    """As the server wrote it, for programs."""
    name = f"orders/{ORDERS}"

    shown = run("get", name, "--url", peer.url)
    document = json.loads(run("get", name, "--url", peer.url, "-o", "json").out)
    same = yaml.safe_load(run("get", name, "--url", peer.url, "-o", "yaml").out)

    assert "It is UP." in shown.out
    assert "90 s long, renewal every 30 s promised" in shown.out
    assert document == same == peer.instance("ORDERS", ORDERS)


def test_an_instance_goes_out_of_service_and_comes_back(run: Run, peer: PeerProcess) -> None:
    """As by the dashboard; what has no override stays as its client says."""
    name = f"ORDERS/{ORDERS}"

    assert run("out", name, "--url", peer.url).code == 0
    out = peer.instance("ORDERS", ORDERS)
    found = run("doctor", "--url", peer.url)
    assert run("in", name, "--url", peer.url).code == 0
    back = peer.instance("ORDERS", ORDERS)
    again = run("in", name, "--url", peer.url)
    peer.register("ORDERS", ORDERS, status="DOWN", lastDirtyTimestamp="1700000000001")

    assert out is not None
    assert out["status"] == out["overriddenStatus"] == "OUT_OF_SERVICE"
    assert (found.code, found.out.splitlines()[1].split()[0]) == (1, "overridden")
    assert back is not None
    assert (back["status"], back["overriddenStatus"]) == ("UP", "UNKNOWN")
    assert (again.code, "has no override: it is UP" in again.out) == (0, True)
    assert run("in", name, "--url", peer.url).code == 1


def test_what_is_not_there_is_said(run: Run, peer: PeerProcess) -> None:
    """Instance, server, name: each with its exit code and a sentence."""
    for verb in ("get", "out", "in"):
        done = run(verb, "ORDERS/nobody", "--url", peer.url)
        assert (done.code, done.out) == (3, "")
        assert f"{peer.url} does not know ORDERS/nobody; `ls ORDERS` shows" in done.err
    assert run("get", "ORDERS", "--url", peer.url).code == 2
    nobody = run("ls", "--url", f"http://user:s3cret@127.0.0.1:{free_port()}/eureka/")
    assert (nobody.code, "connection refused" in nobody.err) == (3, True)
    assert "s3cret" not in nobody.err
    assert run("ls", "--url", "localhost:8761").code == 2
    assert run("doctor", "--ignore", "no_such", "--url", peer.url).code == 2


def test_something_else_than_eureka_is_no_eureka(run: Run) -> None:
    """Many web servers answer everybody."""
    with closing(_Web()) as web:
        done = run("ls", "--url", web.url)

    assert done.code == 3
    assert "is not a Eureka server" in done.err


def test_servers_are_compared(run: Run, peers: tuple[PeerProcess, PeerProcess]) -> None:
    """Exit codes as diff has them."""
    one, other = peers
    for each in peers:
        each.register("STOCK", "s1", leaseInfo=LONG)
    one.register("PRICES", "p1", leaseInfo=LONG)
    other.register("STOCK", "s1", leaseInfo=LONG, status="DOWN", lastDirtyTimestamp="1700000000001")

    differ = run("diff", one.url, other.url, "-o", "json")
    same = run("diff", one.url, one.url)

    assert differ.code == 1
    found = {(each["app"], each["field"]) for each in json.loads(differ.out)}
    assert {("PRICES", "instance"), ("STOCK", "status")} <= found
    assert (same.code, same.out) == (0, f"{one.url} and {one.url} hold the same\n")
    for each in peers:
        each.ask("DELETE", "/apps/STOCK/s1")
    one.ask("DELETE", "/apps/PRICES/p1")


def test_mistakes_are_found(run: Run, peer: PeerProcess) -> None:
    """Each with its code; what is ignored is not."""
    peer.register("CART", "c1", hostName="localhost", ipAddr="127.0.0.1", leaseInfo=LONG)
    peer.register("CART", "c2", ipAddr="127.0.0.1", leaseInfo=LONG,
                  port={"$": peer.port, "@enabled": "true"})  # fmt: skip

    done = run("doctor", "--url", peer.url, "-o", "json")
    ignored = run("doctor", "--url", peer.url, "--ignore", "address_localhost")
    reached = run("doctor", "--url", peer.url, "--connect", "-o", "json")
    for name in ("c1", "c2"):
        peer.ask("DELETE", f"/apps/CART/{name}")
    well = run("doctor", "--url", peer.url)

    assert done.code == 1
    found = {(each["code"], each["about"]) for each in json.loads(done.out)}
    assert found == {("address_localhost", "CART/c1"), ("address_localhost", "CART/c2")}
    assert ignored.code == 0
    silent = [each["about"] for each in json.loads(reached.out) if each["code"] == "not_reachable"]
    assert "CART/c1" in silent
    assert "CART/c2" not in silent
    assert (well.code, well.out) == (0, "nothing is wrong that can be seen from here\n")


def test_watching_ends_by_itself(run: Run, peer: PeerProcess) -> None:
    """Where it is told so; what it sees is tested in `tests/contract/test_verbs.py`."""
    done = run("watch", "--every", "0.05", "--for", "0.1", "--url", peer.url)

    assert done == (0, "", "")
    assert run("watch", "--every", "0", "--url", peer.url).code == 2


def test_tls_and_credentials_come_from_files(run: Run, tmp_path: Path) -> None:
    """None of them is ever shown."""
    with secured(tmp_path) as server:
        server.register("ORDERS", "o1")
        user, token = tmp_path / "user", tmp_path / "token"
        user.write_text(f"{USER}:{PASSWORD}\n")
        token.write_text(TOKEN)
        trust = ("--ca-file", server.authority.path)

        by_user = run("ls", "--url", server.url, *trust, "--user-file", str(user))
        by_token = run("ls", "--url", server.url, *trust, "--token-file", str(token))
        by_url = run("ls", "--url", server.place(USER, PASSWORD), *trust)
        named = run(
            "ls", "--url", server.place(USER, PASSWORD), *trust, "--tls-name", "other.example"
        )
        unknown = run("ls", "--url", server.url, *trust)
        untrusted = run("ls", "--url", server.place(USER, PASSWORD))
        missing = run("ls", "--url", server.url, "--ca-file", str(tmp_path / "none"))
        denied = run("out", "OTHER/o1", "--url", server.place(USER, PASSWORD), *trust)

    for done in (by_user, by_token, by_url):
        assert (done.code, "o1" in done.out) == (0, True), done.err
    assert (named.code, unknown.code, untrusted.code, missing.code) == (3, 3, 3, 2)
    assert "answers 401" in unknown.err
    assert "not trusted" in untrusted.err
    assert denied.code == 3
    for done in (by_user, by_token, by_url, named, unknown, untrusted, denied):
        assert PASSWORD not in done.out + done.err
        assert TOKEN not in done.out + done.err


def test_a_file_that_cannot_be_used_is_named(run: Run, peer: PeerProcess, tmp_path: Path) -> None:
    """But not what is in it."""
    file = tmp_path / "secret"
    for content in (b"", b"no-colon", b"\xff\xfe", b"a:b\nc:d"):
        file.write_bytes(content)
        done = run("ls", "--url", peer.url, "--user-file", str(file))
        assert done.code == 2
        assert "--user-file" in done.err
        assert "no-colon" not in done.err


class _Web:
    """A web server that answers everything with a page."""

    def __init__(self) -> None:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Page(http.server.BaseHTTPRequestHandler):
    """A page."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html></html>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""
