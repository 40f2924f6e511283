"""Proxies before a registry: as the API server is one, and behind a prefix of the path."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

_OF_THE_CONNECTION = ("content-length", "transfer-encoding", "server", "date")


class Proxy(BaseHTTPRequestHandler):
    """Passes requests on to a port of this machine; a subclass says which, and how."""

    port: ClassVar[int]
    host: ClassVar = ""
    """The `Host` that the registry sees; empty: the one that the browser sent."""
    prefix: ClassVar = ""
    """What stands before the registry's paths, such as `/tools`; other paths are not found."""

    def do_GET(self) -> None:
        """Pass it on."""
        if not self.path.startswith(self.prefix):
            self.send_error(404)
            return
        kept = {name: text for name, text in self.headers.items() if name.lower() != "connection"}
        own = {"Host": self.host, "X-Forwarded-Host": self.host} if self.host else {}
        registry = http.client.HTTPConnection("127.0.0.1", self.port)
        length = int(self.headers.get("Content-Length", 0))
        path = self.path.removeprefix(self.prefix)
        registry.request(self.command, path, self.rfile.read(length), {**kept, **own})
        answer = registry.getresponse()
        self.send_response(answer.status)
        for name, text in answer.getheaders():
            if name.lower() not in _OF_THE_CONNECTION:
                self.send_header(name, text)
        self.end_headers()
        self.wfile.write(answer.read())
        registry.close()

    do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def proxy(port: int, host: str = "", prefix: str = "") -> Iterator[int]:
    """A proxy to a port of this machine, for as long as the block lasts; its own port."""
    fields = {"port": port, "host": host, "prefix": prefix}
    with serving(type("_ToPort", (Proxy,), fields)) as own:
        yield own


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """A server of 127.0.0.1 for as long as the block lasts; its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
