from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from eureka_sidecar.core import urls
from eureka_sidecar.core.configuration import Check, Credentials, Instance
from eureka_sidecar.core.document import Content
from eureka_sidecar.core.lease import Lease
from eureka_sidecar.core.metrics import Counters
from eureka_sidecar.records import replace
from eureka_sidecar.shell.connection import Server
from eureka_sidecar.shell.credentials import CredentialFiles
from eureka_sidecar.shell.keeper import keep
from eureka_sidecar.shell.loop import Event, Loop
from eureka_sidecar.shell.resolve import Resolver
from support.looped import result

NEVER_MS = 30_000
"""A test that fails waits so long."""
ORDERS = Instance("orders", "orders-1", "10.0.0.5", "10.0.0.5", 8080, Check("tcp", 8080))
PATH = "/eureka/apps/ORDERS/orders-1"


class Registry(ThreadingHTTPServer):
    """Holds one instance, as Eureka does; `redirect` is where registrations are sent instead.

    `refusal` is why they are refused, if they are.
    """

    block_on_close = True
    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.journal: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.held: dict[str, Any] | None = None
        self.redirect = ""
        self.refusal = ""
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.server_address[1]}/eureka/"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Registry

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._note(json.loads(body)["instance"]["status"])
        if self.server.redirect:
            self._answer(302, location=self.server.redirect)
            return
        if self.server.refusal:
            self._answer(403, b"<html>", refusal=self.server.refusal)
            return
        self.server.held = json.loads(body)
        self._answer(204)

    def do_GET(self) -> None:
        self._note()
        self._answer(200 if self.server.held else 404, json.dumps(self.server.held).encode())

    def do_DELETE(self) -> None:
        self._note()
        self.server.held = None
        self._answer(200)

    def finish(self) -> None:
        """The connection has ended."""
        super().finish()
        self.server.ended.set()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _note(self, status: str = "") -> None:
        self.server.journal.append(f"{self.command} {self.path} {status}".strip())
        self.server.headers.append(dict(self.headers.items()))

    def _answer(
        self, status: int, body: bytes = b"", location: str = "", refusal: str = ""
    ) -> None:
        self.send_response(status)
        if refusal:
            self.send_header("X-Eurekube-Reason", refusal)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving() -> Iterator[Registry]:
    """A registry that answers in a thread."""
    with Registry() as registry:
        thread = threading.Thread(target=registry.serve_forever, args=(0.01,))
        thread.start()
        yield registry
        registry.shutdown()
        thread.join()


@pytest.fixture
def registry() -> Iterator[Registry]:
    """One registry."""
    with serving() as found:
        yield found


class LeaseRun:
    """A lease at a registry of these servers, and the task that keeps it."""

    def __init__(self, *bases: str) -> None:
        parsed = [urls.parse(each) for each in bases]
        self.loop = Loop()
        self.lease = Lease(
            ORDERS, [each.path for each in parsed], Content("UP"), lambda: 0.5, Counters()
        )
        self.servers = [
            Server(self.loop, replace(each, path=""), CredentialFiles(Credentials()), Resolver())
            for each in parsed
        ]
        self.wished = Event()
        self.answers = 0
        self._news = Event()

    def keep(self, *steps: Callable[[], bool]) -> None:
        """Keep the lease while each step comes true; then remove it, and wait for the end."""

        async def run() -> None:
            task = self.loop.start(
                keep(self.loop, self.lease, self.servers, self.wished, self._answered)
            )
            for step in (*steps, self._close):
                while not step():
                    came = await self.loop.wait_for_event(self._news, self.loop.now_ms() + NEVER_MS)
                    assert came, "nothing is answered any more"
            if not task.done:
                await self.loop.wait_for_event(task.finished, self.loop.now_ms() + NEVER_MS)
            assert task.done

        result(self.loop, run())

    def is_settled(self) -> bool:
        """All that is wished is confirmed."""
        return self.lease.settled

    def step_to(self, status: str) -> Callable[[], bool]:
        """A step that wishes for a status."""

        def step() -> bool:
            self.lease.set_content(Content(status))
            self.wished.happen()
            return True

        return step

    def _close(self) -> bool:
        self.lease.close(self.loop.now_ms())
        self.wished.happen()
        return True

    def _answered(self) -> None:
        self.answers += 1
        self._news.happen()


def test_requests_of_the_lease_reach_the_server_and_its_answers_the_lease(
    registry: Registry,
) -> None:
    """It is all that stands between the machine and the wire."""
    kept = LeaseRun(registry.url)
    addresses: list[str] = []

    def read_back() -> bool:
        addresses.extend([kept.lease.record.ip] if kept.lease.record else [])
        return bool(addresses)

    kept.keep(read_back)

    assert registry.journal == ["POST /eureka/apps/ORDERS UP", f"GET {PATH}", f"DELETE {PATH}"]
    assert addresses == ["10.0.0.5"]
    assert kept.answers == 3
    assert kept.lease.removed


def test_new_wish_is_sent_at_once(registry: Registry) -> None:
    """The next renewal would be seconds away, with calls to an application that is down."""
    kept = LeaseRun(registry.url)
    kept.keep(kept.is_settled, kept.step_to("DOWN"), kept.is_settled)

    posts = [each for each in registry.journal if each.startswith("POST")]
    assert posts == ["POST /eureka/apps/ORDERS UP", "POST /eureka/apps/ORDERS DOWN"]


def test_answers_are_asked_for_as_json_and_only_bodies_are_called_so(registry: Registry) -> None:
    """Netflix' server answers XML if nothing is said."""
    kept = LeaseRun(registry.url)
    kept.keep(kept.is_settled)

    assert all(each["Accept"] == "application/json" for each in registry.headers)
    types = [each.get("Content-Type") for each in registry.headers]
    assert types == ["application/json", None, None]


def test_connection_is_closed_when_the_lease_is_removed(registry: Registry) -> None:
    """A sidecar that waits for its application's end must not hold one open."""
    kept = LeaseRun(registry.url)
    kept.keep(kept.is_settled)

    assert registry.ended.wait(NEVER_MS / 1_000)


def test_connection_is_closed_when_the_task_is_cancelled(registry: Registry) -> None:
    """Whoever ends it has no other way to reach the socket."""
    kept = LeaseRun(registry.url)
    came = Event()

    async def run() -> None:
        task = kept.loop.start(keep(kept.loop, kept.lease, kept.servers, kept.wished, came.happen))
        await kept.loop.wait_for_event(came, kept.loop.now_ms() + NEVER_MS)
        task.cancel()

    result(kept.loop, run())

    assert registry.ended.wait(NEVER_MS / 1_000)


def test_server_that_is_away_is_a_reason_and_the_next_one_is_asked(registry: Registry) -> None:
    """No answer is an answer to the lease, too."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    kept = LeaseRun(f"http://127.0.0.1:{port}/eureka/", registry.url)
    reasons: list[str] = []

    def failed() -> bool:
        if kept.lease.problem:
            reasons.append(kept.lease.problem.text)
        return bool(reasons)

    kept.keep(failed, kept.is_settled)

    assert reasons[0].startswith(f"127.0.0.1:{port} refuses connections")
    assert registry.journal[0] == "POST /eureka/apps/ORDERS UP"


def test_place_of_a_redirection_is_told_but_not_followed(registry: Registry) -> None:
    """It may lead to any other machine, with our credentials. It is cut, as others wrote it."""
    registry.redirect = "http://other/" + "x" * 300
    kept = LeaseRun(registry.url)
    texts: list[str] = []

    def explained() -> bool:
        if kept.lease.problem:
            texts.append(kept.lease.problem.text)
        return bool(texts)

    kept.keep(explained)

    assert f"redirects to http://other/{'x' * 187} (302)" in texts[0]
    assert registry.journal[0].startswith("POST")


def test_words_of_a_refusal_are_told(registry: Registry) -> None:
    """Who asked, and which rule said no: whoever reads it cannot see the registry's log."""
    registry.refusal = "shop/orders may not register PAYMENTS, which is billing's"
    kept = LeaseRun(registry.url)
    found: list[tuple[str, str]] = []

    def refused() -> bool:
        if kept.lease.problem:
            found.append((kept.lease.problem.code, kept.lease.problem.text))
        return bool(found)

    kept.keep(refused)

    assert found[0][0] == "forbidden"
    assert found[0][1].endswith(f"(403): {registry.refusal}")


def test_lease_that_never_began_ends_after_one_look(registry: Registry) -> None:
    """A former process may have left one under the same id."""
    kept = LeaseRun(registry.url)
    kept.lease.close(kept.loop.now_ms())
    kept.keep()

    assert registry.journal == [f"DELETE {PATH}"]
