from __future__ import annotations

import errno
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from eureka_sidecar.core.configuration import Credentials
from eureka_sidecar.core.urls import parse
from eureka_sidecar.shell.connection import NoAnswer, Server
from eureka_sidecar.shell.credentials import CredentialFiles
from eureka_sidecar.shell.loop import Event, Loop
from eureka_sidecar.shell.resolve import Resolver
from eureka_sidecar.wire.http1 import Response
from support.authority import Authority
from support.looped import result

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
NEVER_MS = 60_000
"""A test that fails waits so long."""
SOON_MS = 50
"""The end of what is not answered."""


class Peer:
    """A server on loopback. `serve` gets each connection and its number, in a thread."""

    def __init__(
        self,
        serve: Callable[[socket.socket, int], None],
        host: str = "127.0.0.1",
        context: ssl.SSLContext | None = None,
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.requests: list[bytes] = []
        self.connections = 0
        self._serve = serve
        self._context = context
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server((host, 0), family=family)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)

    def request(self, connection: socket.socket) -> bytes:
        """Read one request."""
        data = b""
        while b"\r\n\r\n" not in data:
            if not (piece := connection.recv(65_536)):
                raise ConnectionResetError
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
        while len(body) < length:
            body += connection.recv(65_536)
        self.requests.append(head + b"\r\n\r\n" + body)
        return self.requests[-1]

    def close(self) -> None:
        """End all connections and threads."""
        for each in [self._listener, *self._open]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(NEVER_MS / 1_000)
        for each in [self._listener, *self._open]:
            each.close()

    def _start(self, run: Callable[..., None], *args: Any) -> None:  # noqa: ANN401 - as Thread's
        thread = threading.Thread(target=run, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._open.append(connection)
                self.connections += 1
                self._start(self._handle, connection, self.connections)

    def _handle(self, connection: socket.socket, number: int) -> None:
        with suppress(OSError):
            if self._context:
                connection = self._context.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            self._serve(connection, number)


@contextmanager
def serving(
    answer: Callable[[Peer, socket.socket, int], None],
    host: str = "127.0.0.1",
    context: ssl.SSLContext | None = None,
) -> Iterator[Peer]:
    """A server that behaves so."""
    peer = Peer(lambda connection, number: answer(peer, connection, number), host, context)
    with closing(peer):
        yield peer


def answering(peer: Peer, connection: socket.socket, _number: int) -> None:
    """Answer each request with 204, as Eureka a registration."""
    while True:
        peer.request(connection)
        connection.sendall(NO_CONTENT)


def scripted(*pieces: bytes, close: bool = True) -> Callable[[Peer, socket.socket, int], None]:
    """Answer each connection's first request with these pieces, then close it or be silent."""

    def serve(peer: Peer, connection: socket.socket, _number: int) -> None:
        peer.request(connection)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            connection.sendall(piece)
        if close:
            connection.shutdown(socket.SHUT_WR)
        connection.recv(1)

    return serve


class LoopWithServer:
    """A sidecar's end: a loop and one server."""

    def __init__(
        self,
        port: int,
        host: str = "127.0.0.1",
        scheme: str = "http",
        credentials: Credentials | None = None,
        resolver: Resolver | None = None,
    ) -> None:
        self.loop = Loop()
        url = parse(f"{scheme}://{host}:{port}/eureka/")
        files = CredentialFiles(credentials or Credentials())
        self.server = Server(self.loop, url, files, resolver or Resolver())

    def ask(self, wait_ms: int = NEVER_MS, method: str = "PUT", body: bytes = b"") -> Response:
        """One request and its answer."""
        end_ms = self.loop.now_ms() + wait_ms
        return result(
            self.loop,
            self.server.exchange(method, "apps/A/i", {"Accept": "a/b"}, body, lambda: end_ms),
        )

    def close(self) -> None:
        """Close the connection."""
        self.server.close()


def test_requests_share_a_connection() -> None:
    """One renewal on a kept connection takes a fifth of the processor's time, and no handshake."""
    with serving(answering) as peer, closing(LoopWithServer(peer.port)) as client:
        statuses = [client.ask(body=b"{}").status for _ in range(3)]

    assert statuses == [204, 204, 204]
    assert peer.connections == 1
    assert (
        peer.requests[0]
        == (
            f"PUT /eureka/apps/A/i HTTP/1.1\r\nHost: 127.0.0.1:{peer.port}\r\nAccept: a/b\r\n"
            "Content-Length: 2\r\n\r\n{}"
        ).encode()
    )


def test_server_with_an_ipv6_address() -> None:
    """Clusters with IPv6 only."""
    with serving(answering, "::1") as peer, closing(LoopWithServer(peer.port, "[::1]")) as client:
        assert client.ask().status == 204

    assert f"Host: [::1]:{peer.port}\r\n".encode() in peer.requests[0]


def test_answer_may_come_byte_by_byte() -> None:
    """What a slow network or a proxy makes of it."""
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"
    pieces = [data[index : index + 1] for index in range(len(data))]
    with serving(scripted(*pieces)) as peer, closing(LoopWithServer(peer.port)) as client:
        assert client.ask() == Response(200, {"content-length": "2"}, b"ab", keep_alive=True)


def test_large_body_is_sent_whole() -> None:
    """It does not fit into the socket's buffers at once."""
    body = bytes(range(256)) * 16_000
    with serving(answering) as peer, closing(LoopWithServer(peer.port)) as client:
        client.ask(method="POST", body=body)

    assert peer.requests[0].endswith(body)


def test_connection_that_the_server_closed_is_noticed_before_use() -> None:
    """Tomcat closes after 20 s without a request; a renewal comes every 30 s."""
    closed = threading.Event()

    def once(peer: Peer, connection: socket.socket, _number: int) -> None:
        peer.request(connection)
        connection.sendall(NO_CONTENT)
        connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    with serving(once) as peer, closing(LoopWithServer(peer.port)) as client:
        client.ask()
        closed.wait(NEVER_MS / 1_000)
        client.ask()

    assert peer.connections == 2
    assert len(peer.requests) == 2


def test_answer_before_the_whole_request_is_heard() -> None:
    """A proxy that refuses a body says so, and closes while the rest is still on its way."""

    def refusing(_peer: Peer, connection: socket.socket, _number: int) -> None:
        connection.recv(1_000)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    with serving(refusing) as peer, closing(LoopWithServer(peer.port)) as client:
        assert client.ask(body=b"x" * 8_000_000).status == 413


def test_connection_that_the_server_closed_is_not_written_to() -> None:
    """Nothing was sent if the server does not come back: the machine need not assume a lease."""

    def once(peer: Peer, connection: socket.socket, _number: int) -> None:
        peer.request(connection)
        connection.sendall(NO_CONTENT)
        connection.recv(1)

    with serving(once) as peer, closing(LoopWithServer(peer.port)) as client:
        client.ask()
        peer.close()
        with pytest.raises(NoAnswer, match="refuses connections") as error:
            client.ask()

    assert not error.value.sent


def test_answer_that_nobody_asked_for_ends_the_connection() -> None:
    """HAProxy says 408 on an idle connection: that is not an answer to the next renewal."""
    answered, said = threading.Event(), threading.Event()

    def impatient(peer: Peer, connection: socket.socket, number: int) -> None:
        peer.request(connection)
        connection.sendall(NO_CONTENT)
        if number == 1:
            answered.wait(NEVER_MS / 1_000)
            connection.sendall(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
            said.set()
        connection.recv(1)

    with serving(impatient) as peer, closing(LoopWithServer(peer.port)) as client:
        client.ask()
        answered.set()
        said.wait(NEVER_MS / 1_000)

        assert client.ask().status == 204

    assert peer.connections == 2


@pytest.mark.parametrize("reset", [False, True])
def test_request_is_repeated_if_a_kept_connection_ends_without_an_answer(*, reset: bool) -> None:
    """The server closed while the request was on its way; all of Eureka's may be repeated."""

    def closing_second(peer: Peer, connection: socket.socket, number: int) -> None:
        peer.request(connection)
        connection.sendall(NO_CONTENT)
        peer.request(connection)
        if number > 1:
            connection.sendall(NO_CONTENT)
        elif reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        else:
            connection.shutdown(socket.SHUT_RDWR)

    with serving(closing_second) as peer, closing(LoopWithServer(peer.port)) as client:
        client.ask()

        assert client.ask().status == 204

    assert peer.connections == 2
    assert len(peer.requests) == 3


def test_request_on_a_new_connection_is_not_repeated() -> None:
    """A server that answers nothing is failing: the caller backs off or takes another."""
    with serving(scripted()) as peer, closing(LoopWithServer(peer.port)) as client:
        with pytest.raises(NoAnswer, match="closes the connection without an answer") as error:
            client.ask()

        assert error.value.sent
        assert error.value.reason.startswith(f"127.0.0.1:{peer.port} closes")
    assert len(peer.requests) == 1


def test_repetition_that_does_not_connect_may_have_had_its_effect() -> None:
    """The first try reached the server; a lease may be there that has to be removed."""

    def dying(peer: Peer, connection: socket.socket, _number: int) -> None:
        peer.request(connection)
        connection.sendall(NO_CONTENT)
        peer.request(connection)
        peer._listener.shutdown(socket.SHUT_RDWR)
        connection.shutdown(socket.SHUT_RDWR)

    with serving(dying) as peer, closing(LoopWithServer(peer.port)) as client:
        client.ask()
        with pytest.raises(NoAnswer, match="refuses connections") as error:
            client.ask()

    assert error.value.sent


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ((b"HTTP/1.1 200 OK\r\nContent-Le",), "in the middle of its answer"),
        ((b"\x15\x03\x03\x00\x02\x02\n",), r"does not speak HTTP/1\.1"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n",), "body of more than 65536 bytes"),
        ((b"x" * 20_000,), "line of more than 16384 bytes"),
    ],
)
def test_what_is_no_answer_is_explained(pieces: tuple[bytes, ...], reason: str) -> None:
    """Another program at that port, or an answer that would not fit into the container."""
    with (
        serving(scripted(*pieces)) as peer,
        closing(LoopWithServer(peer.port)) as client,
        pytest.raises(NoAnswer, match=reason) as error,
    ):
        client.ask()

    assert error.value.sent


def test_connection_is_not_used_after_an_answer_that_ends_it() -> None:
    """`Connection: close`, as older Python clients' servers and some proxies say."""
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    with (
        serving(scripted(answer, close=False)) as peer,
        closing(LoopWithServer(peer.port)) as client,
    ):
        client.ask()
        client.ask()

    assert peer.connections == 2


def test_silent_server_is_given_up() -> None:
    """It may have taken the request, and its late answer must not be taken for the next one's."""

    def silent_at_first(peer: Peer, connection: socket.socket, number: int) -> None:
        peer.request(connection)
        if number > 1:
            connection.sendall(NO_CONTENT)
        connection.recv(1)

    with serving(silent_at_first) as peer, closing(LoopWithServer(peer.port)) as client:
        with pytest.raises(NoAnswer, match=r"does not answer within [\d.]+ s") as error:
            client.ask(SOON_MS)
        assert error.value.sent

        assert client.ask().status == 204

    assert peer.connections == 2


def test_server_that_does_not_read_is_given_up() -> None:
    """A suspended process: the kernel takes connections and the first bytes for it."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        closing(LoopWithServer(listener.getsockname()[1])) as client,
        pytest.raises(NoAnswer, match="does not answer within") as error,
    ):
        client.ask(4 * SOON_MS, body=b"x" * 8_000_000)

    assert error.value.sent


def test_no_time_left_is_nothing_sent() -> None:
    """The machine may go on as if it had not been asked."""
    with serving(answering) as peer, closing(LoopWithServer(peer.port)) as client:
        client.ask()
        with pytest.raises(NoAnswer, match="no time is left") as error:
            client.ask(wait_ms=0)

    assert not error.value.sent
    assert len(peer.requests) == 1


def test_deadline_that_comes_nearer_ends_the_request() -> None:
    """A drain begins while a renewal waits for a silent server."""
    with serving(scripted(close=False)) as peer, closing(LoopWithServer(peer.port)) as client:
        loop, changed = client.loop, Event()
        ends_ms = [loop.now_ms() + NEVER_MS]

        async def shorten() -> None:
            while not peer.requests:
                await loop.sleep(loop.now_ms() + 1)
            ends_ms.append(loop.now_ms())
            changed.happen()

        loop.start(shorten())
        with pytest.raises(NoAnswer, match="does not answer within") as error:
            result(loop, client.server.exchange("PUT", "", {}, b"", lambda: ends_ms[-1], changed))

    assert error.value.sent


def test_cancelled_request_ends_its_connection() -> None:
    """The next request would be answered with the answer to this one."""
    with (
        serving(scripted(NO_CONTENT, close=False)) as peer,
        closing(LoopWithServer(peer.port)) as client,
    ):
        loop = client.loop

        async def ask() -> None:
            await client.server.exchange("PUT", "", {}, b"", lambda: loop.now_ms() + NEVER_MS)

        async def cancel() -> Response:
            task = loop.start(ask())
            await loop.sleep(loop.now_ms())
            task.cancel()
            return await client.server.exchange(
                "GET", "", {}, b"", lambda: loop.now_ms() + NEVER_MS
            )

        assert result(loop, cancel()).status == 204

    assert peer.connections == 2


def test_second_request_at_the_same_time_is_an_error() -> None:
    """Answers have no number: two tasks would take each other's."""
    with serving(scripted(close=False)) as peer, closing(LoopWithServer(peer.port)) as client:
        loop = client.loop

        async def ask() -> None:
            await client.server.exchange("PUT", "", {}, b"", lambda: loop.now_ms() + NEVER_MS)

        async def ask_twice() -> None:
            task = loop.start(ask())
            await loop.sleep(loop.now_ms())
            try:
                await ask()
            finally:
                task.cancel()

        with pytest.raises(RuntimeError, match="is under way"):
            result(loop, ask_twice())


def free_port() -> int:
    """A port that refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_server_that_is_not_there_got_nothing() -> None:
    """A registration that was not sent needs no removal."""
    port = free_port()
    with closing(LoopWithServer(port)) as client, pytest.raises(NoAnswer) as error:
        client.ask()

    assert error.value.reason == f"127.0.0.1:{port} refuses connections"
    assert not error.value.sent


def test_name_that_is_not_found_is_said() -> None:
    """The reason is the resolver's own."""

    def look_up(_host: str, _port: int) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    resolver = Resolver(look_up)
    with (
        closing(LoopWithServer(1, "registry.example", resolver=resolver)) as client,
        pytest.raises(NoAnswer) as error,
    ):
        client.ask()

    assert error.value.reason == "cannot resolve registry.example: Name or service not known"
    assert not error.value.sent


def test_addresses_are_tried_in_order() -> None:
    """`localhost` is `::1` first on many machines, and servers listen on 127.0.0.1."""
    with serving(answering) as peer:
        places = [(socket.AF_INET, (host, peer.port)) for host in ("127.0.0.2", "127.0.0.1")]
        resolver = Resolver(lambda _host, _port: [*places])
        with closing(LoopWithServer(peer.port, "registry", resolver=resolver)) as client:
            assert client.ask().status == 204


def test_silent_address_leaves_time_for_the_next() -> None:
    """A node that is gone answers nothing at all; the Service's other addresses do."""
    with serving(answering) as peer, full() as (host, port):
        places = [(socket.AF_INET, (host, port)), (socket.AF_INET, ("127.0.0.1", peer.port))]
        resolver = Resolver(lambda _host, _port: [*places])
        with closing(LoopWithServer(peer.port, "registry", resolver=resolver)) as client:
            assert client.ask(2_000).status == 204


def test_address_that_takes_no_connection_got_nothing() -> None:
    """The time is over, yet it is sure that nothing was sent."""
    with (
        full() as (host, port),
        closing(LoopWithServer(port, host)) as client,
        pytest.raises(NoAnswer, match=r"takes no connection within [\d.]+ s") as error,
    ):
        client.ask(SOON_MS)

    assert not error.value.sent


@contextmanager
def full() -> Iterator[tuple[str, int]]:
    """An address whose queue of connections is full: the kernel drops whatever comes."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.3", 0))
        listener.listen(0)
        waiting = []
        try:
            for _ in range(4):
                waiting.append(socket.socket())
                waiting[-1].setblocking(False)  # noqa: FBT003 - its only argument
                assert waiting[-1].connect_ex(listener.getsockname()) in {0, errno.EINPROGRESS}
            yield listener.getsockname()
        finally:
            for each in waiting:
                each.close()


def test_all_addresses_that_fail_are_named() -> None:
    """With two families it matters which one is meant."""
    port = free_port()
    places = [(socket.AF_INET, (host, port)) for host in ("127.0.0.1", "127.0.0.2")]
    resolver = Resolver(lambda _host, _port: [*places])
    with (
        closing(LoopWithServer(port, "registry", resolver=resolver)) as client,
        pytest.raises(NoAnswer) as error,
    ):
        client.ask()

    assert error.value.reason == (
        f"registry:{port} (127.0.0.1) refuses connections;"
        f" registry:{port} (127.0.0.2) refuses connections"
    )


def test_credentials_are_sent_and_new_ones_on_a_new_connection(tmp_path: Path) -> None:
    """A proxy may bind what it knows of a client to its connection."""
    token = tmp_path / "token"
    token.write_text("one\n")
    credentials = Credentials(token_file=str(token))
    with (
        serving(answering) as peer,
        closing(LoopWithServer(peer.port, credentials=credentials)) as client,
    ):
        client.ask()
        client.ask()
        token.write_text("another\n")
        client.ask()

    tokens = [each.partition(b"Authorization: Bearer ")[2][:3] for each in peer.requests]
    assert tokens == [b"one", b"one", b"ano"]
    assert peer.connections == 2


def test_token_that_is_replaced_on_the_way_is_sent_again(tmp_path: Path) -> None:
    """The old one may have ended meanwhile; a token that is as before is sent once."""
    token = tmp_path / "token"
    token.write_text("old")

    def refuse_and_replace(peer: Peer, connection: socket.socket, _number: int) -> None:
        while b"Bearer old" in peer.request(connection):
            token.write_text("newer")
            connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
        connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")

    with (
        serving(refuse_and_replace) as peer,
        closing(
            LoopWithServer(peer.port, credentials=Credentials(token_file=str(token)))
        ) as client,
    ):
        assert client.ask().status == 401

    tokens = [each.partition(b"Bearer ")[2].split()[0] for each in peer.requests]
    assert tokens == [b"old", b"newer"]


def test_credentials_that_cannot_be_read_are_no_request(tmp_path: Path) -> None:
    """Without them the registry would answer 401, which explains less."""
    credentials = Credentials(token_file=str(tmp_path / "token"))
    with (
        serving(answering) as peer,
        closing(LoopWithServer(peer.port, credentials=credentials)) as client,
        pytest.raises(NoAnswer, match=r"cannot read .*/token: No such file") as error,
    ):
        client.ask()

    assert not error.value.sent
    assert error.value.code == "credentials"
    assert not peer.connections


def tls(authority: Authority, *, valid: bool = True, verify: bool = False) -> ssl.SSLContext:
    """A server's side; `verify`: it asks for a client certificate."""
    paths = authority.issue("registry.example", valid=valid)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(paths["tls_cert"], paths["tls_key"])
    if verify:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority.path)
    return context


def test_tls_is_kept_too(tmp_path: Path) -> None:
    """Session tickets come after the handshake; they are no sign of an end."""
    authority = Authority(tmp_path)
    credentials = Credentials(ca_file=authority.path)
    with (
        serving(answering, context=tls(authority)) as peer,
        closing(LoopWithServer(peer.port, scheme="https", credentials=credentials)) as client,
    ):
        assert [client.ask(body=b"x" * 300_000).status for _ in range(3)] == [204, 204, 204]

    assert peer.connections == 1


def test_name_in_the_certificate_is_compared_without_its_final_dot(tmp_path: Path) -> None:
    """Full names with a final dot spare a pod five look-ups."""
    authority = Authority(tmp_path)
    with serving(answering, context=tls(authority)) as peer:
        place = (socket.AF_INET, ("127.0.0.1", peer.port))
        client = LoopWithServer(
            peer.port,
            "registry.example.",
            "https",
            Credentials(ca_file=authority.path),
            Resolver(lambda _host, _port: [place]),
        )
        with closing(client):
            assert client.ask().status == 204


def test_client_certificate_is_shown(tmp_path: Path) -> None:
    """Mutual TLS, as our registry asks for it."""
    authority = Authority(tmp_path)
    own = authority.issue("orders")
    context = tls(authority, verify=True)
    credentials = Credentials(
        ca_file=authority.path, cert_file=own["tls_cert"], key_file=own["tls_key"]
    )
    with (
        serving(answering, context=context) as peer,
        closing(LoopWithServer(peer.port, scheme="https", credentials=credentials)) as client,
    ):
        assert client.ask().status == 204


def test_missing_client_certificate_is_explained(tmp_path: Path) -> None:
    """In TLS 1.3 the server says so after the handshake."""
    authority = Authority(tmp_path)
    credentials = Credentials(ca_file=authority.path)
    with (
        serving(answering, context=tls(authority, verify=True)) as peer,
        closing(LoopWithServer(peer.port, scheme="https", credentials=credentials)) as client,
        pytest.raises(NoAnswer, match="certificate required"),
    ):
        client.ask()

    assert not peer.requests


def test_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    """It is issued for 127.0.0.1, and found at another address."""
    authority = Authority(tmp_path)
    credentials = Credentials(ca_file=authority.path)
    with (
        serving(answering, "127.0.0.2", tls(authority)) as peer,
        closing(LoopWithServer(peer.port, "127.0.0.2", "https", credentials)) as client,
        pytest.raises(
            NoAnswer, match=r"certificate of 127\.0\.0\.2.* IP address mismatch"
        ) as error,
    ):
        client.ask()

    assert not error.value.sent
    assert not peer.requests


def test_certificate_of_another_authority_is_refused(tmp_path: Path) -> None:
    """Exactly the given one is believed."""
    credentials = Credentials(ca_file=Authority(tmp_path, "believed").path)
    context = tls(Authority(tmp_path, "other"))
    with (
        serving(answering, context=context) as peer,
        closing(LoopWithServer(peer.port, scheme="https", credentials=credentials)) as client,
        pytest.raises(NoAnswer, match="is not valid: unable to get local issuer") as error,
    ):
        client.ask()

    assert not error.value.sent


def test_named_certificate_is_believed_whoever_signed_it(tmp_path: Path) -> None:
    """The file may hold an intermediate authority, or the server's own certificate."""
    own = Authority(tmp_path).issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own["tls_cert"], own["tls_key"])
    credentials = Credentials(ca_file=own["tls_cert"])
    with (
        serving(answering, context=context) as peer,
        closing(LoopWithServer(peer.port, scheme="https", credentials=credentials)) as client,
    ):
        assert client.ask().status == 204


def test_expired_certificate_is_refused(tmp_path: Path) -> None:
    """And it is said, since it is the most frequent reason."""
    authority = Authority(tmp_path)
    credentials = Credentials(ca_file=authority.path)
    with (
        serving(answering, context=tls(authority, valid=False)) as peer,
        closing(LoopWithServer(peer.port, scheme="https", credentials=credentials)) as client,
        pytest.raises(NoAnswer, match="is not valid: certificate has expired"),
    ):
        client.ask()


def test_new_authority_makes_a_new_connection(tmp_path: Path) -> None:
    """A server that is no longer believed must not go on being used."""
    authority = Authority(tmp_path)
    credentials = Credentials(ca_file=authority.path)
    with (
        serving(answering, context=tls(authority)) as peer,
        closing(LoopWithServer(peer.port, scheme="https", credentials=credentials)) as client,
    ):
        client.ask()
        Path(authority.path).write_text(Path(Authority(tmp_path, "new").path).read_text())

        with pytest.raises(NoAnswer, match="is not valid"):
            client.ask()

    assert len(peer.requests) == 1


def test_server_without_tls_is_explained(tmp_path: Path) -> None:
    """The port of plain HTTP was written after https."""
    credentials = Credentials(ca_file=Authority(tmp_path).path)

    def plain(_peer: Peer, connection: socket.socket, _number: int) -> None:
        connection.recv(1_000)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with (
        serving(plain) as peer,
        closing(LoopWithServer(peer.port, scheme="https", credentials=credentials)) as client,
        pytest.raises(NoAnswer, match="does not speak TLS with us: wrong version") as error,
    ):
        client.ask()

    assert not error.value.sent


def test_handshake_that_is_not_answered_is_given_up(tmp_path: Path) -> None:
    """Nothing was sent by then."""
    credentials = Credentials(ca_file=Authority(tmp_path).path)

    def silent(_peer: Peer, connection: socket.socket, _number: int) -> None:
        while connection.recv(1_000):
            pass

    with (
        serving(silent) as peer,
        closing(LoopWithServer(peer.port, scheme="https", credentials=credentials)) as client,
        pytest.raises(NoAnswer, match="takes no connection within") as error,
    ):
        client.ask(SOON_MS)

    assert not error.value.sent
