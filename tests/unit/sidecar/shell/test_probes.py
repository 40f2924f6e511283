from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from eureka_sidecar.core.configuration import Check
from eureka_sidecar.records import replace
from eureka_sidecar.shell.loop import Loop
from eureka_sidecar.shell.probes import probe
from eureka_sidecar.shell.resolve import Resolver
from support.authority import Authority
from support.looped import result

if TYPE_CHECKING:
    from eureka_sidecar.core.configuration import Scheme

HERE = "127.0.0.1"
WAIT_S = 10
FIFTY_CHECKS = """
from eureka_sidecar.core.configuration import Check
from eureka_sidecar.shell.loop import Loop
from eureka_sidecar.shell.probes import probe
from eureka_sidecar.shell.resolve import Resolver

async def main():
    check = Check("tcp", 40000)
    print(*{await probe(loop, check, "127.0.0.1", Resolver()) for _ in range(50)})
    loop.stop()

loop = Loop()
loop.start(main())
loop.run()
"""
Serve = Callable[[socket.socket], None]
Application = Callable[..., int]


def check_result(check: Check, host: str = HERE) -> tuple[bool, str]:
    """The outcome of one check."""
    loop = Loop()
    return result(loop, probe(loop, check, host, Resolver()))


@pytest.fixture
def application() -> Iterator[Application]:
    """Starts applications that serve one connection each; they tell their port."""
    running: list[tuple[socket.socket, threading.Thread]] = []

    def one(serve: Serve, host: str = HERE) -> int:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, 0), family=family)
        listener.settimeout(WAIT_S)

        def run() -> None:
            client, _ = listener.accept()
            client.settimeout(WAIT_S)
            with client, suppress(OSError):  # the client has read enough
                serve(client)

        running.append((listener, threading.Thread(target=run)))
        running[-1][1].start()
        port: int = listener.getsockname()[1]
        return port

    yield one
    for listener, thread in running:
        thread.join(WAIT_S)
        listener.close()


def answer(*pieces: bytes) -> Serve:
    """Sends an answer to whatever is asked, and waits until the client has gone."""

    def serve(client: socket.socket) -> None:
        client.recv(4_096)
        for piece in pieces:
            client.sendall(piece)
        client.shutdown(socket.SHUT_WR)
        while client.recv(4_096):
            pass

    return serve


def silent(client: socket.socket) -> None:
    """Waits until the client has gone."""
    while client.recv(4_096):
        pass


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server((HERE, 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("outcome", "statuses"), [(True, [200, 204, 301, 399]), (False, [400, 404, 503])]
)
def test_http_check_goes_by_the_status(
    application: Application, *, outcome: bool, statuses: list[int]
) -> None:
    """As the kubelet's; a redirection is not followed, it may lead anywhere."""
    for status in statuses:
        head = b"HTTP/1.1 %d X\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n" % status
        port = application(answer(head))

        assert check_result(Check("http", port, path="/health")) == (
            outcome,
            f"GET http://127.0.0.1:{port}/health answered {status}",
        )


def test_http_check_sends_its_path_and_headers(application: Application) -> None:
    """Virtual hosts need their name; a token in the query stays out of every message."""
    received: list[bytes] = []

    def serve(client: socket.socket) -> None:
        received.append(client.recv(4_096))
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    headers = (("Host", "orders.example"), ("Accept", "text/plain"), ("Connection", "keep-alive"))
    port = application(serve)
    outcome = check_result(Check("http", port, path="/health?token=secret", headers=headers))

    (request,) = received
    assert request == (
        b"GET /health?token=secret HTTP/1.1\r\nHost: orders.example\r\n"
        b"user-agent: eureka-sidecar\r\naccept: text/plain\r\n\r\n"
    )
    assert outcome == (True, f"GET http://127.0.0.1:{port}/health answered 200")


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 3000000\r\n\r\n" + b"x" * 20_000,
        b"Transfer-Encoding: chunked\r\n\r\n5000\r\n" + b"x" * 0x5000,
        b"Transfer-Encoding: chunked\r\n\r\nno chunk\r\n",
        b"Content-Length: 10\r\n\r\nshort",
        b"\r\nuntil it is closed",
    ],
)
def test_body_is_no_matter_of_health(application: Application, rest: bytes) -> None:
    """Some health pages are long, and the status has been said."""
    port = application(answer(b"HTTP/1.1 200 OK\r\n" + rest))

    assert check_result(Check("http", port)) == (True, f"GET http://127.0.0.1:{port}/ answered 200")


def test_application_is_not_cut_off_while_it_sends_its_body(application: Application) -> None:
    """Python's `http.server` writes headers and body apart, and logs a traceback if it fails."""
    failures: list[OSError] = []

    def serve(client: socket.socket) -> None:
        client.recv(4_096)
        try:
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
            for _ in range(50):
                client.sendall(b"x" * 100)
        except OSError as error:
            failures.append(error)

    ok, _ = check_result(Check("http", application(serve), timeout_ms=WAIT_S * 1_000))

    assert ok
    assert not failures


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", " closes the connection without an answer"),
        (b"HTTP/1.1 200 OK\r\nConten", " closes the connection in the middle of its answer"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", " does not speak HTTP/1.1"),
    ],
)
def test_answer_that_is_none_is_a_failure(
    application: Application, sent: bytes, reason: str
) -> None:
    """A wrong port, or an application that is dying."""
    port = application(answer(sent))

    assert check_result(Check("http", port)) == (False, f"GET http://127.0.0.1:{port}/{reason}")


@pytest.mark.parametrize("scheme", ["http", "https", "grpc"])
def test_application_that_hangs_fails_within_its_time(
    application: Application, scheme: Scheme
) -> None:
    """The kernel accepts connections for it, so only an answer shows that it lives."""
    port = application(silent)
    check = Check(scheme, port, timeout_ms=50)
    subject = "the gRPC server at" if scheme == "grpc" else f"GET {scheme}://"

    ok, reason = check_result(check)

    assert not ok
    assert reason.startswith(subject)
    assert reason.endswith(" did not answer within 50 ms")
    assert f"127.0.0.1:{port}" in reason


def test_whole_seconds_are_said_as_seconds(application: Application) -> None:
    """As the probe's `timeoutSeconds` says them."""
    ok, reason = check_result(Check("http", application(silent)))

    assert not ok
    assert reason.endswith("/ did not answer within 1 s")


@pytest.mark.parametrize("scheme", ["http", "https", "tcp", "grpc"])
def test_refused_connection_is_a_failure(scheme: Scheme) -> None:
    """The application has not opened its port, or is gone: that is DOWN, not unknown."""
    port = free_port()

    assert check_result(Check(scheme, port)) == (False, f"127.0.0.1:{port} refuses connections")


@pytest.mark.parametrize("host", [HERE, "::1", "localhost"])
def test_tcp_check_connects(application: Application, host: str) -> None:
    """IPv4, IPv6, and a name, whose addresses are all tried: only one of them may listen."""
    port = application(silent, HERE if host == "localhost" else host)
    at = f"[::1]:{port}" if host == "::1" else f"{host}:{port}"

    assert check_result(Check("tcp", port), host) == (True, f"{at} accepts connections")


def test_unknown_host_is_a_failure() -> None:
    """A typing error in `--check`."""
    ok, reason = check_result(Check("tcp", 80, timeout_ms=WAIT_S * 1_000), "no-such-host.invalid")

    assert not ok
    assert reason.startswith("cannot resolve no-such-host.invalid: ")


def test_connection_with_oneself_is_none() -> None:
    """TCP connects a port to itself if it is taken as the client's: by chance, each second anew."""
    two_ports = "ip link set lo up; echo 40000 40001 > /proc/sys/net/ipv4/ip_local_port_range"
    command = ["unshare", "--map-root-user", "--net", "sh", "-ec"]
    if subprocess.run([*command, two_ports], capture_output=True, check=False).returncode:
        pytest.skip("not run: connection with oneself: no network namespace can be made")
    run = f'{two_ports}; exec "$0" -c "$1"'

    outcomes = subprocess.check_output([*command, run, sys.executable, FIFTY_CHECKS], text=True)

    assert outcomes == "(False, '127.0.0.1:40000 refuses connections')\n"


def test_check_with_an_impossible_header_says_so(application: Application) -> None:
    """Its value is not repeated."""
    port = application(silent)

    ok, reason = check_result(Check("http", port, headers=(("X", "secret\r\n"),)))

    assert not ok
    assert reason == (
        "the check cannot be made: the value of the header x has characters that none may have"
    )


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """A server's, with a certificate for another name, by an authority that nobody knows."""
    files = Authority(tmp_path).issue("other.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["tls_cert"], files["tls_key"])
    return context


def test_https_check_takes_any_certificate(application: Application, tls: ssl.SSLContext) -> None:
    """As the kubelet: it asks at the pod's address, which certificates do not name."""

    def serve(client: socket.socket) -> None:
        with tls.wrap_socket(client, server_side=True) as secure:
            secure.recv(4_096)
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + b"x" * 5_000)

    port = application(serve)

    assert check_result(Check("https", port)) == (
        True,
        f"GET https://127.0.0.1:{port}/ answered 200",
    )


def test_https_check_of_an_http_server_says_what_is_wrong(application: Application) -> None:
    """The scheme of a probe is easily forgotten."""
    port = application(answer(b"HTTP/1.1 400 Bad Request\r\n\r\n"))

    ok, reason = check_result(Check("https", port))

    assert not ok
    assert reason.startswith(f"GET https://127.0.0.1:{port}/ failed: ")
    assert "WRONG_VERSION_NUMBER" in reason or "wrong version number" in reason


def test_grpc_check_of_an_http_server_says_what_is_wrong(application: Application) -> None:
    """Likewise."""
    port = application(answer(b"HTTP/1.1 505 HTTP Version Not Supported\r\n\r\n"))

    assert check_result(Check("grpc", port, service="orders")) == (
        False,
        f"the gRPC service orders at 127.0.0.1:{port} speaks HTTP/1, where gRPC needs HTTP/2",
    )


def test_grpc_check_answers_what_the_server_asks(application: Application) -> None:
    """Some servers ping before they answer."""
    settings, ping = b"\0\0\0\4\0\0\0\0\0", b"\0\0\x08\6\0\0\0\0\0" + b"12345678"
    acknowledgement = b"\0\0\x08\6\1\0\0\0\0" + b"12345678"
    serving = b"\0\0\7\0\0\0\0\0\1" + b"\0\0\0\0\2\x08\1"

    def serve(client: socket.socket) -> None:
        client.sendall(settings + ping)
        received = b""
        while acknowledgement not in received and (piece := client.recv(4_096)):
            received += piece
        client.sendall(serving)
        silent(client)

    port = application(serve)

    assert check_result(Check("grpc", port)) == (
        True,
        f"the gRPC server at 127.0.0.1:{port} answered SERVING",
    )


def test_grpc_check_is_understood_by_grpc() -> None:
    """An implementation that is not ours: SERVING, NOT_SERVING, unknown, and no health service."""
    grpc = pytest.importorskip("grpc", reason="not run: gRPC's server: grpcio is not installed")
    health = pytest.importorskip(
        "grpc_health.v1.health", reason="not run: gRPC's server: no grpcio-health-checking"
    )
    pb2 = pytest.importorskip("grpc_health.v1.health_pb2")
    pb2_grpc = pytest.importorskip("grpc_health.v1.health_pb2_grpc")
    futures = pytest.importorskip("concurrent.futures")
    servers = [grpc.server(futures.ThreadPoolExecutor(2)) for _ in range(2)]
    ports = [server.add_insecure_port("127.0.0.1:0") for server in servers]
    servicer = health.HealthServicer()
    pb2_grpc.add_HealthServicer_to_server(servicer, servers[0])
    servicer.set("orders", pb2.HealthCheckResponse.SERVING)
    servicer.set("stock", pb2.HealthCheckResponse.NOT_SERVING)
    for server in servers:
        server.start()
    check = Check("grpc", ports[0], timeout_ms=WAIT_S * 1_000)

    outcomes = [
        check_result(replace(check, service="")),
        check_result(replace(check, service="orders")),
        check_result(replace(check, service="stock")),
        check_result(replace(check, service="none")),
        check_result(replace(check, port=ports[1])),
    ]
    for server in servers:
        server.stop(None).wait(WAIT_S)

    at, other = (f"at 127.0.0.1:{port}" for port in ports)
    assert outcomes == [
        (True, f"the gRPC server {at} answered SERVING"),
        (True, f"the gRPC service orders {at} answered SERVING"),
        (False, f"the gRPC service stock {at} answered NOT_SERVING"),
        (False, f"the gRPC service none {at} does not know the service (gRPC status 5)"),
        (False, f"the gRPC server {other} does not implement gRPC's health protocol (status 12)"),
    ]
