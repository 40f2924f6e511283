"""The look-up over HTTP, as programs on the same host see it."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from eureka_sidecar.core.lookup import MAX_NAMES, Directory
from eureka_sidecar.shell import local
from eureka_sidecar.shell.local import ListenError, LocalServer, Sources
from eureka_sidecar.shell.loop import Loop
from eureka_sidecar.wire.http1 import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

INSTANCES = [
    {
        "instanceId": f"orders-{number}",
        "hostName": f"orders-{number}.example",
        "app": "ORDERS",
        "ipAddr": f"10.0.0.{number}",
        "status": "DOWN" if number == 3 else "UP",
        "port": {"$": 8080, "@enabled": "true"},
        "securePort": {"$": 8443, "@enabled": "true"},
        "metadata": {"zone": "ab"[number % 2]},
        "vipAddress": "orders:7001",
    }
    for number in range(4)
]
APP = json.dumps({"application": {"name": "ORDERS", "instance": INSTANCES}}).encode()
VIP = json.dumps({"applications": {"application": [json.loads(APP)["application"]]}}).encode()
NO_VIP = b'{"applications":{"versions__delta":"-1","apps__hashcode":"","application":[]}}'


class Eureka:
    """A registry that holds ORDERS; `away`: it does not answer, `silent`: not even that."""

    def __init__(self, loop: Loop, *, away: bool = False, silent: bool = False) -> None:
        self.paths: list[str] = []
        self.away = away
        self._loop = loop
        self._silent = silent

    async def fetch(self, path: str) -> Response | None:
        """Answer a request."""
        self.paths.append(path)
        if self._silent:
            await self._loop.sleep(self._loop.now_ms() + 60_000)
        if self.away:
            return None
        body = {"apps/ORDERS": APP, "vips/orders": VIP, "svips/orders": VIP}.get(path)
        if body is None and path.startswith("apps/"):
            return Response(404, {}, b"", keep_alive=True)
        return Response(200, {}, body or NO_VIP, keep_alive=True)


class Running:
    """A server that runs in a thread of its own."""

    def __init__(self, server: LocalServer, eureka: Eureka) -> None:
        self.server = server
        self.eureka = eureka
        self.host, self.port = server.addresses[0]

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str, HTTPResponse]:
        """The status, the body and the rest of an answer on a new connection."""
        connection = HTTPConnection(self.host, self.port, timeout=10)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer
        finally:
            connection.close()

    def raw(self, data: bytes) -> bytes:
        """All that is answered to bytes, until the server closes."""
        with socket.create_connection((self.host, self.port), timeout=10) as client:
            client.sendall(data)
            return b"".join(iter(lambda: client.recv(65_536), b""))


@contextmanager
def running(
    listen: str = "127.0.0.1:0",
    known: Mapping[str, int] | None = None,
    *,
    unready: str = "",
    unhealthy: str = "",
    **eureka_is: bool,
) -> Iterator[Running]:
    """A server; `known` are vips that it knows already, with their age in milliseconds."""
    loop = Loop()
    eureka = Eureka(loop, **eureka_is)
    directory = Directory(lambda: 0.5)
    for name, age_ms in (known or {}).items():
        directory.ask("vip", name, loop.now_ms())
        directory.keep("vip", name, VIP, loop.now_ms() - age_ms)
    sources = Sources(
        fetch=eureka.fetch,
        status=lambda: b'{"status":"UP"}',
        metrics=lambda: "# TYPE up gauge\nup 1\n",
        unready=lambda: unready,
        unhealthy=lambda: unhealthy,
        zone=lambda: "b",
    )
    server = LocalServer(loop, directory, sources)
    server.open(listen)
    inside, outside = socket.socketpair()

    async def end() -> None:
        await loop.readable(inside.fileno(), loop.now_ms() + 60_000)
        server.close()
        loop.stop()

    loop.start(end())
    thread = Thread(target=loop.run)
    thread.start()
    try:
        yield Running(server, eureka)
    finally:
        with inside, outside:
            outside.send(b"x")
            thread.join(20)
    assert not thread.is_alive()


def test_discovery_gives_what_is_up_own_zone_first() -> None:
    """The first request fetches it; no configuration was needed."""
    with running() as it:
        status, body, answer = it.get("/v1/discovery?vip=orders")
        instances = json.loads(body)

    assert (status, answer.headers["Age"]) == (200, "0")
    assert [each["zone"] for each in instances] == ["b", "a", "a"]
    assert instances[0]["url"] == "http://10.0.0.1:8080/"
    assert it.eureka.paths == ["vips/orders"]


def test_zone_and_security_are_as_asked() -> None:
    """A test of another zone's instances is asked for from here."""
    with running() as it:
        _, body, _ = it.get("/v1/discovery?vip=orders&secure=1&zone=a")
        instances = json.loads(body)

    assert [each["zone"] for each in instances] == ["a", "a", "b"]
    assert all(each["secure"] and each["port"] == 8443 for each in instances)
    assert it.eureka.paths == ["svips/orders"]


def test_second_request_is_answered_without_the_registry() -> None:
    """This is what keeps a registry alive that everybody asks all the time."""
    with running() as it:
        for _ in range(5):
            it.get("/v1/discovery?vip=orders")

    assert it.eureka.paths == ["vips/orders"]


def test_vip_that_is_empty_is_known_to_be() -> None:
    """A caller can tell "nobody is there" from "I do not know"."""
    with running() as it:
        status, body, _ = it.get("/v1/discovery?vip=nobody")

    assert (status, body) == (200, "[]")


def test_registry_that_is_away_costs_only_freshness() -> None:
    """The age says how much."""
    with running(known={"orders": 100_000}, away=True) as it:
        status, body, answer = it.get("/v1/discovery?vip=orders")

    assert status == 200
    assert len(json.loads(body)) == 3
    assert 100 <= int(answer.headers["Age"]) < 200


def test_registry_that_was_always_away_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting would not help: the next fetch is seconds away."""
    monkeypatch.setattr(local, "FIRST_FETCH_MS", 60_000)  # the client waits 10 s
    with running(away=True) as it:
        status, body, _ = it.get("/v1/discovery?vip=orders")

    assert status == 503
    assert json.loads(body)["error"] == (
        "nothing is known of orders so far: the registry does not answer; ask again"
    )


def test_first_fetch_is_waited_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller has a deadline of its own, which is not ours to use up."""
    monkeypatch.setattr(local, "FIRST_FETCH_MS", 20)
    with running(silent=True) as it:
        status, body, _ = it.get("/v1/discovery?vip=orders")

    assert status == 503
    assert "the registry has not answered yet" in body


def test_application_is_given_as_the_registry_wrote_it() -> None:
    """For programs that read Eureka's JSON already."""
    with running() as it:
        status, body, answer = it.get("/v1/apps/orders")

    assert (status, body.encode()) == (200, APP)
    assert answer.headers["Age"] == "0"
    assert answer.headers["Content-Type"] == "application/json"


def test_application_that_does_not_exist_is_not_found() -> None:
    """As the registry says."""
    with running() as it:
        status, body, answer = it.get("/v1/apps/nobody")

    assert status == 404
    assert json.loads(body) == {"error": "the registry has no application nobody"}
    assert answer.headers["Age"] == "0"


@pytest.mark.parametrize(
    ("path", "status", "part"),
    [
        ("/v1/discovery", 400, "empty"),
        ("/v1/discovery?vip=a%2Fb", 400, "cannot be a name"),
        ("/v1/apps/..", 400, "cannot be a name"),
        ("/v1/apps/", 400, "empty"),
        ("/eureka/hosts", 400, "appName has to be specified"),
        ("/", 404, "/v1/discovery"),
        ("/v1/discovery?vip=%", 400, "hexadecimal"),
    ],
)
def test_request_that_cannot_be_answered_says_what_to_mend(
    path: str, status: int, part: str
) -> None:
    """Its writer has no log of ours at hand."""
    with running() as it:
        got, body, _ = it.get(path)

    assert got == status
    assert part in json.loads(body)["error"]
    assert it.eureka.paths == []


def test_too_many_names_are_refused() -> None:
    """With a reason; the names before stay."""
    with running(known={f"name-{number}": 0 for number in range(MAX_NAMES)}) as it:
        status, body, _ = it.get("/v1/discovery?vip=one-more")
        kept, _, _ = it.get("/v1/discovery?vip=name-0")

    assert (status, kept) == (503, 200)
    assert "100 names" in body


def test_state_of_the_sidecar_is_given() -> None:
    """What the process gives in, with the type that Prometheus and browsers want."""
    with running() as it:
        document, metrics = it.get("/v1/self"), it.get("/metrics")

    assert document[:2] == (200, '{"status":"UP"}')
    assert metrics[:2] == (200, "# TYPE up gauge\nup 1\n")
    assert metrics[2].headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_probes_pass_while_all_is_well() -> None:
    """`/healthcheck` and `/ping` answer what Netflix's Prana answers."""
    with running() as it:
        answers = {
            path: it.get(path)[:2] for path in ["/healthz", "/readyz", "/healthcheck", "/ping"]
        }

    assert answers == {
        "/healthz": (200, "ok\n"),
        "/readyz": (200, "ready\n"),
        "/healthcheck": (200, "<health>ok</health>"),
        "/ping": (200, "pong"),
    }


def test_probes_tell_a_registry_from_an_application() -> None:
    """A restart helps against none of them: `/healthz` stays as it is."""
    with running(unready="no registry has answered", unhealthy="8080 refuses connections") as it:
        answers = {path: it.get(path)[:2] for path in ["/healthz", "/readyz", "/healthcheck"]}

    assert answers == {
        "/healthz": (200, "ok\n"),
        "/readyz": (503, "no registry has answered\n"),
        "/healthcheck": (503, "<health>fail</health>"),
    }


@pytest.mark.parametrize(
    ("query", "hosts"),
    [
        ("appName=orders", [0, 1, 2]),
        ("appName=ORDERS&vip=orders:7001", [0, 1, 2]),
        ("appName=orders&vip=orders", [0, 1, 2]),
        ("appName=orders&vip=other", []),
        ("appName=nobody", []),
    ],
)
def test_hosts_are_those_of_prana_without_what_is_down(query: str, hosts: list[int]) -> None:
    """Prana's filter lets through what is DOWN (`HostsHandler`)."""
    with running() as it:
        status, body, _ = it.get(f"/eureka/hosts?{query}")

    assert status == 200
    assert json.loads(body) == [f"orders-{number}.example" for number in hosts]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_can_be_changed_here(method: str) -> None:
    """Changes go over the control socket, which knows who asks."""
    with running() as it:
        status, _, answer = it.get("/v1/self", method)

    assert (status, answer.headers["Allow"]) == (405, "GET")
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "", "[::2]:80",
     "localhost:80:80", "evil.example:80"],
)  # fmt: skip
def test_request_for_another_name_is_refused(host: str) -> None:
    """A page whose name resolves to 127.0.0.1 can ask for its own name only (DNS rebinding)."""
    with running() as it:
        status, body, _ = it.get("/v1/self", Host=host)

    assert status == 403
    assert "UP" not in body


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8078", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8078"]
)
def test_request_for_loopback_is_answered(host: str) -> None:
    """Whatever the port: one may be forwarded to another."""
    with running() as it:
        assert it.get("/ping", Host=host)[0] == 200


def test_request_without_host_is_refused() -> None:
    """Nothing says that it is not a page's."""
    with running() as it:
        assert it.raw(b"GET /v1/self HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 403 ")


def test_connection_is_kept_for_the_next_request() -> None:
    """Also if the first was in vain, and if the second is there already."""
    request = b"GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n"
    with running() as it:
        answers = it.raw(
            request % (b"/nothing", b"") + request % (b"/ping", b"Connection: close\r\n")
        )

    assert answers.startswith(b"HTTP/1.1 404 ")
    assert answers.endswith(b"pong")


def test_garbage_is_answered_once_and_closed() -> None:
    """Where its end is, and the next begins, nobody can tell."""
    with running() as it:
        answer = it.raw(
            b"\x16\x03\x01\x02\x00\r\n\r\nGET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1


def test_request_that_is_too_long_is_answered_before_its_end() -> None:
    """The answer arrives although not everything of the request was read."""
    with running() as it:
        answer = it.raw(b"GET /ping HTTP/1.1\r\nA: " + b"x" * 20_000)

    assert answer.startswith(b"HTTP/1.1 431 ")


def test_client_that_says_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that never ends its request, too."""
    monkeypatch.setattr(local, "IDLE_MS", 20)
    with running() as it:
        assert it.raw(b"") == b""
        assert it.raw(b"GET /ping HTTP/1.1\r\n") == b""


def test_client_that_goes_away_ends_its_connection_only() -> None:
    """An exception of a task would end the sidecar."""
    with running(silent=True) as it:
        for _ in range(3):
            with socket.create_connection((it.host, it.port)) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                client.sendall(b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)

        assert it.get("/ping")[0] == 200


def test_many_connections_are_bounded() -> None:
    """One more is told so; when others are closed, there is room again."""
    with running() as it:
        clients = [socket.create_connection((it.host, it.port)) for _ in range(32)]
        with socket.create_connection((it.host, it.port), timeout=10) as one_more:
            answer = b"".join(iter(lambda: one_more.recv(4096), b""))
        for client in clients:
            client.sendall(b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert b"".join(iter(lambda: client.recv(4096), b"")).endswith(b"pong")  # noqa: B023
            client.close()

        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"32 connections" in answer
        assert it.get("/ping")[0] == 200


def test_client_that_does_not_read_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection ends; others are served meanwhile."""
    monkeypatch.setattr(local, "_SEND_MS", 20)
    request = b"GET /v1/apps/orders HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with running() as it, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.settimeout(10)
        client.connect((it.host, it.port))
        with pytest.raises(OSError, match=r"reset|pipe"):
            client.sendall(request * 100_000)

        assert it.get("/ping")[0] == 200


def test_localhost_is_both_addresses() -> None:
    """Some clients try ::1 only, others 127.0.0.1 only."""
    with running("localhost:0") as it:
        answers = []
        for address in it.server.addresses:
            it.host, it.port = address
            answers.append(it.get("/ping")[1])

    assert [host for host, _ in it.server.addresses] == ["127.0.0.1", "::1"]
    assert answers == ["pong", "pong"]


def test_other_address_of_loopback_is_asked_for_by_itself() -> None:
    """127.0.0.2 is as near as 127.0.0.1."""
    with running("127.0.0.2:0") as it:
        assert it.get("/ping")[0] == 200


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:8078", "10.0.0.1:8078", "[::]:8078", "example.com:8078", "127.1:8078"]
)
def test_address_that_is_not_loopback_is_refused(listen: str) -> None:
    """Nobody is authenticated here."""
    with pytest.raises(ListenError, match=r"loopback only; write 127\.0\.0\.1:8078"):
        LocalServer(Loop(), Directory(lambda: 0.5), sources()).open(listen)


@pytest.mark.parametrize("listen", ["8078", ":8078", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000"])
def test_what_is_no_address_is_refused(listen: str) -> None:
    """With an example of one."""
    with pytest.raises(ListenError, match="no HOST:PORT"):
        LocalServer(Loop(), Directory(lambda: 0.5), sources()).open(listen)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_port_that_is_taken_is_refused(name: str) -> None:
    """By the application, most often."""
    with (
        running() as it,
        pytest.raises(ListenError, match="in use; give the local look-up another"),
    ):
        LocalServer(Loop(), Directory(lambda: 0.5), sources()).open(f"{name}:{it.port}")


def sources() -> Sources:
    """For servers that never serve."""
    never: Callable[[], str] = str
    return Sources(Eureka(Loop()).fetch, bytes, never, never, never, never)
