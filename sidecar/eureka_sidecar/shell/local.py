"""Serves the look-up, the status and the metrics over HTTP to programs in the same pod.

Nobody is authenticated: it is served on loopback only, and only to who asks for loopback. A page
in a browser whose name was made to resolve to 127.0.0.1 asks for its own name.
"""

from __future__ import annotations

import errno
import socket

from .. import jsontext
from ..core.lookup import TooManyNames, Want
from ..core.metrics import CONTENT_TYPE
from ..core.urls import url_host
from ..records import record, replace
from ..wire.requests import Refused, RequestReader, answer
from .loop import Event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Protocol

    from ..core.lookup import CacheEntry, Directory, Kind
    from ..wire.requests import Request
    from .loop import Loop, Task

    class Response(Protocol):
        """What is needed of `wire.http1.Response`."""

        @property
        def status(self) -> int:
            """The code."""

        @property
        def body(self) -> bytes:
            """All of it."""

    Fetch = Callable[[str], Awaitable[Response | None]]

MAX_CONNECTIONS = 32
IDLE_MS = 30_000
FIRST_FETCH_MS = 2_000
_SEND_MS = 5_000
_LINGER_MS = 1_000
_LINGER_READS = 16
_READ_BYTES = 4_096
_ACCEPT_MS = 60_000
_ACCEPT_PAUSE_MS = 200
_LAST_PORT = 65_535
_NO_IPV6 = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL})
_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"
_XML = "application/xml"


class ListenError(OSError):
    """It cannot be served at the address; the message says why, and what to do."""


@record
class Sources:
    """What the process provides.

    `fetch` asks the registry for JSON at a path below its base URL (`vips/orders`), with a deadline
    of its own, and takes bodies up to `core.lookup.MAX_BODY_BYTES`; `None`: no answer came.
    `status` is the status document, `metrics` Prometheus' text. `unready` and `unhealthy` say in a
    sentence why the sidecar is not ready, and why the application is not UP; empty: it is. `zone`
    is the pod's own; empty: unknown.
    """

    fetch: Fetch
    status: Callable[[], bytes]
    metrics: Callable[[], str]
    unready: Callable[[], str]
    unhealthy: Callable[[], str]
    zone: Callable[[], str]


@record
class Answer:
    """What is answered; `keep` is whether the connection may go on."""

    status: int
    body: bytes
    content_type: str = _JSON
    headers: tuple[tuple[str, str], ...] = ()
    keep: bool = True


class LocalServer:
    """Serves on loopback and keeps the directory fresh, from `open` to `close`.

    `addresses` are where it listens: (host, port), once open.
    """

    def __init__(self, loop: Loop, directory: Directory, sources: Sources) -> None:
        self.addresses: list[tuple[str, int]] = []
        self._loop = loop
        self._directory = directory
        self._sources = sources
        self._asked = Event()
        self._fetched = Event()
        self._hosts = {"localhost", "127.0.0.1", "[::1]"}
        self._running: list[tuple[Task, socket.socket]] = []
        self._connections: list[tuple[Task, socket.socket]] = []
        self._refresh_tasks: Task | None = None

    def open(self, listen: str) -> None:
        """Listen at HOST:PORT and start to serve.

        Raises:
            ListenError: it is not on loopback, or cannot be listened at.
        """
        listeners = _listeners(listen)
        self.addresses = [listener.getsockname()[:2] for listener in listeners]
        self._hosts |= {url_host(host) for host, _ in self.addresses}
        self._running = [(self._loop.start(self._accept(each)), each) for each in listeners]
        self._refresh_tasks = self._loop.start(self._refresh())

    def close(self) -> None:
        """Close everything at once."""
        if self._refresh_tasks:
            self._refresh_tasks.cancel()
        for task, its_socket in [*self._running, *self._connections]:
            task.cancel()
            its_socket.close()  # a task that has not begun cannot
        self._running, self._connections = [], []

    async def _refresh(self) -> None:
        while True:
            want = self._directory.due(self._loop.now_ms())
            if not isinstance(want, Want):
                await self._loop.wait_for_event(self._asked, want)
                continue
            response = await self._sources.fetch(want.path)
            status, body = (response.status, response.body) if response else (0, b"")
            self._directory.take(want, status, body, self._loop.now_ms())
            self._fetched.happen()

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            await self._loop.readable(listener.fileno(), self._loop.now_ms() + _ACCEPT_MS)
            try:
                connection, _ = listener.accept()
            except BlockingIOError:
                continue
            except OSError:  # it was reset meanwhile, or there are no more file descriptors
                await self._loop.sleep(self._loop.now_ms() + _ACCEPT_PAUSE_MS)
                continue
            connection.settimeout(0)
            self._connections = [each for each in self._connections if not each[0].done]
            if len(self._connections) < MAX_CONNECTIONS:
                self._connections.append((self._loop.start(self._serve(connection)), connection))
            else:
                _turn_away(connection)

    async def _serve(self, connection: socket.socket) -> None:
        reader = RequestReader()
        with connection:
            try:
                while reply := await self._reply(connection, reader):
                    if not await self._send(connection, reply):
                        return
                    if not reply.keep:
                        await self._linger(connection)
                        return
            except OSError:  # the other end is gone
                return

    async def _reply(self, connection: socket.socket, reader: RequestReader) -> Answer | None:
        """The answer to the next request; `None`: none came in time."""
        until_ms = self._loop.now_ms() + IDLE_MS
        try:
            request = reader.feed(b"")
            while request is None:
                data = await self._receive(connection, until_ms)
                if not data:
                    return None
                request = reader.feed(data)
            self._check(request)
        except Refused as refused:
            return replace(_error(refused.status, str(refused)), keep=False)
        return replace(await self._answer(request), keep=request.keep_alive)

    def _check(self, request: Request) -> None:
        name, _, port = request.host.rpartition(":")
        if (name if port.isdecimal() else request.host) not in self._hosts:
            raise Refused(403, "only programs beside this one are answered: ask for localhost")
        if request.method != "GET":
            raise Refused(405, "everything here is asked for with GET")

    async def _answer(self, request: Request) -> Answer:
        path, query = request.path, request.query
        if path == "/v1/discovery":
            return await self._discovery(query)
        if path.startswith("/v1/apps/"):
            return await self._application(path.removeprefix("/v1/apps/"))
        if path == "/eureka/hosts":
            return await self._prana_hosts(query)
        return self._state(path)

    def _state(self, path: str) -> Answer:
        match path:
            case "/v1/self":
                return Answer(200, self._sources.status())
            case "/metrics":
                return Answer(200, self._sources.metrics().encode(), CONTENT_TYPE)
            case "/healthz":
                return Answer(200, b"ok\n", _TEXT)
            case "/readyz":
                reason = self._sources.unready()
                return Answer(503 if reason else 200, f"{reason or 'ready'}\n".encode(), _TEXT)
            case "/healthcheck":
                is_bad = bool(self._sources.unhealthy())
                health = b"fail" if is_bad else b"ok"
                return Answer(503 if is_bad else 200, b"<health>%s</health>" % health, _XML)
            case "/ping":
                return Answer(200, b"pong", _TEXT)
        return _error(404, f"there is no {path!a} here: see /v1/discovery, /v1/apps/, /v1/self")

    async def _discovery(self, query: Mapping[str, str]) -> Answer:
        name, secure = query.get("vip", ""), query.get("secure", "") in {"1", "true"}
        known = await self._look_up("svip" if secure else "vip", name)
        if isinstance(known, Answer):
            return known
        zone = query.get("zone") or self._sources.zone()
        instances = self._directory.instances(name, zone, secure=secure)
        return self._answer_with_age(known, b"[%s]" % b",".join(instances))

    async def _application(self, name: str) -> Answer:
        known = await self._look_up("app", name)
        if isinstance(known, Answer):
            return known
        if known.body is None:
            error = _error(404, f"the registry has no application {name}")
            return replace(self._answer_with_age(known, error.body), status=404)
        return self._answer_with_age(known, known.body)

    async def _prana_hosts(self, query: Mapping[str, str]) -> Answer:
        """Host names of an application, as Netflix's Prana gives them (`HostsHandler`).

        As there, `vip` may be a part of the vip address. Prana lists what is not UP as well if no
        vip is given, or if it matches: its filter is the wrong way round.
        """
        name, vip = query.get("appName", ""), query.get("vip", "")
        if not name:
            return _error(400, "appName has to be specified")
        known = await self._look_up("app", name)
        if isinstance(known, Answer):
            return known
        hosts = [host for host, its_vip in known.hosts if vip in its_vip]
        return self._answer_with_age(known, jsontext.dumps(hosts).encode())

    async def _look_up(self, kind: Kind, name: str) -> CacheEntry | Answer:
        """What is known of a name, after its first fetch if it is new; else the answer."""
        until_ms = self._loop.now_ms() + FIRST_FETCH_MS
        try:
            known = self._directory.ask(kind, name, self._loop.now_ms())
            self._asked.happen()
            while not (known or self._directory.problem(kind, name)):
                if not await self._loop.wait_for_event(self._fetched, until_ms):
                    break
                known = self._directory.ask(kind, name, self._loop.now_ms())
        except ValueError as error:
            return _error(400, str(error))
        except TooManyNames as error:
            return _error(503, str(error))
        problem = self._directory.problem(kind, name) or "the registry has not answered yet"
        return known or _error(503, f"nothing is known of {name} so far: {problem}; ask again")

    def _answer_with_age(self, entry: CacheEntry, body: bytes) -> Answer:
        age_s = entry.age_s(self._loop.now_ms())
        return Answer(200, body, headers=(("Age", str(age_s)),))

    async def _receive(self, connection: socket.socket, until_ms: int) -> bytes:
        """The next bytes; empty: none came in time, or the connection ended."""
        while await self._loop.readable(connection.fileno(), until_ms):
            try:
                return connection.recv(_READ_BYTES)
            except BlockingIOError:
                continue
        return b""

    async def _send(self, connection: socket.socket, reply: Answer) -> bool:
        """Send bytes; `False`: they were not read in time."""
        left = memoryview(_bytes(reply))
        until_ms = self._loop.now_ms() + _SEND_MS
        while left:
            try:
                left = left[connection.send(left) :]
            except BlockingIOError:
                if not await self._loop.writable(connection.fileno(), until_ms):
                    return False
        return True

    async def _linger(self, connection: socket.socket) -> None:
        """Read what the client still sends: if closed before, the kernel drops the answer."""
        connection.shutdown(socket.SHUT_WR)
        until_ms = self._loop.now_ms() + _LINGER_MS
        for _ in range(_LINGER_READS):
            if not await self._receive(connection, until_ms):
                return


def _bytes(reply: Answer) -> bytes:
    return answer(
        reply.status, reply.body, reply.content_type, reply.headers, keep_alive=reply.keep
    )


def _error(status: int, sentence: str) -> Answer:
    headers = (("Allow", "GET"),) if status == 405 else ()
    return Answer(status, jsontext.dumps({"error": sentence}).encode(), headers=headers)


def _turn_away(connection: socket.socket) -> None:
    """Answer that there are too many connections, if that is possible without waiting."""
    error = _error(503, f"{MAX_CONNECTIONS} connections are open already: close those not in use")
    with connection:
        try:
            connection.send(_bytes(replace(error, keep=False)))
        except OSError:
            return


def _listeners(listen: str) -> list[socket.socket]:
    """Sockets that listen at HOST:PORT; `localhost` is 127.0.0.1 and, if there is IPv6, ::1."""
    host, port = _loopback(listen)
    if host != "localhost":
        return [_listener(host, port, listen)]
    first = _listener("127.0.0.1", port, listen)
    try:
        return [first, _listener("::1", first.getsockname()[1], listen)]
    except ListenError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in _NO_IPV6:
            return [first]
        first.close()
        raise


def _listener(host: str, port: int, listen: str) -> socket.socket:
    listener = None
    try:
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.settimeout(0)
        listener.bind((host, port))
        listener.listen(MAX_CONNECTIONS)
    except OSError as error:
        if listener:
            listener.close()
        raise ListenError(
            f"cannot listen at {listen}: {error.strerror}; give the local look-up another port"
        ) from error
    return listener


def _loopback(listen: str) -> tuple[str, int]:
    """Host, without brackets, and port of an address on loopback."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > _LAST_PORT:
        raise ListenError(f"{listen!a} is no HOST:PORT to listen at, such as 127.0.0.1:8078")
    host = host.removeprefix("[").removesuffix("]").lower()
    if host not in {"localhost", "::1"} and not _is_loopback_4(host):
        raise ListenError(
            f"cannot listen at {listen}: the local look-up asks nobody who they are, so it is"
            f" served on loopback only; write 127.0.0.1:{port}"
        )
    return host, int(port)


def _is_loopback_4(host: str) -> bool:
    try:
        return socket.inet_pton(socket.AF_INET, host)[0] == 127
    except (OSError, ValueError):
        return False
