"""A browser for a module, and a site that is not ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

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


@pytest.fixture(scope="session")
def stranger() -> Iterator[str]:
    """The address of a site of somebody else, whose pages may run any script."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Blank)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://stranger.example:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()
