"""A browser for a module, and a site that is not ours."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from browser.devtools import Browser, installed
from support.builds import NotBuiltError


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium."""
    try:
        folder = installed()
    except NotBuiltError as error:
        pytest.skip(f"not run: browser: {error}")
    with Browser(folder) as browser:
        yield browser


class _Blank(BaseHTTPRequestHandler):
    """An empty page at every path."""

    def do_GET(self) -> None:
        """Show it."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>stranger</title><body></body>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _ApiServer(BaseHTTPRequestHandler):
    """Passes requests on as `kubectl proxy` and an API server do: with a `Host` of their own."""

    HOST: ClassVar = "abc.eks.example"
    port = 0

    def do_GET(self) -> None:
        """Pass it on."""
        kept = {name: text for name, text in self.headers.items() if name.lower() != "connection"}
        sent = {**kept, "Host": self.HOST, "X-Forwarded-Host": self.HOST}
        registry = http.client.HTTPConnection("127.0.0.1", self.port)
        length = int(self.headers.get("Content-Length", 0))
        registry.request(self.command, self.path, self.rfile.read(length), sent)
        answer = registry.getresponse()
        self.send_response(answer.status)
        for name, text in answer.getheaders():
            if name.lower() not in ("content-length", "transfer-encoding", "server", "date"):
                self.send_header(name, text)
        self.end_headers()
        self.wfile.write(answer.read())
        registry.close()

    do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="session")
def stranger() -> Iterator[str]:
    """The address of a site of somebody else, whose pages may run any script."""
    with _serving(_Blank) as port:
        yield f"http://stranger.example:{port}/"


@pytest.fixture
def api_server() -> Iterator[Callable[[int], int]]:
    """Makes proxies to a port, and says at which port of this machine."""
    with ExitStack() as stack:
        yield lambda port: stack.enter_context(
            _serving(type("_ToPort", (_ApiServer,), {"port": port}))
        )
