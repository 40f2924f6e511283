"""A browser for a module, and a site that is not ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from typing import Final

import pytest

from browser.devtools import Browser, installed
from browser.proxies import proxy, serving
from support.builds import NotBuiltError

_API_SERVER: Final = "abc.eks.example"


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
    with serving(_Blank) as port:
        yield f"http://stranger.example:{port}/"


@pytest.fixture
def api_server() -> Iterator[Callable[[int], int]]:
    """Makes proxies to a port as `kubectl proxy` and an API server are: with a `Host` of theirs.

    Says at which port of this machine each is.
    """
    with ExitStack() as stack:
        yield lambda port: stack.enter_context(proxy(port, host=_API_SERVER))
