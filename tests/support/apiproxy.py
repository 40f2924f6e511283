"""A proxy before an API server, whose answers can be spoilt: errors, and lists that are empty."""

from __future__ import annotations

import asyncio
import base64
import ssl
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml
from aiohttp import web

_FORWARDED: Final = ("Accept", "Content-Type", "User-Agent")

Spoil = Callable[[str, str], int]
"""Gives for a method and a path: 0 to pass it on, 200 for an empty list, or a status of error."""


class ApiProxy:
    """Plain HTTP on a free port of loopback while the block lasts; one thread, one loop.

    `spoil` may be replaced while it runs. Watches that are passed on end when `cut` is called.
    """

    def __init__(self, kubeconfig: Path) -> None:
        self.spoil: Spoil = lambda _method, _path: 0
        self.spoilt: list[str] = []
        self.port = 0
        self._upstream = yaml.safe_load(kubeconfig.read_text())
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="apiproxy")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._watches: set[asyncio.Task[Any]] = set()

    def __enter__(self) -> ApiProxy:
        """Listen."""
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        """Drop what is under way."""
        assert self._loop is not None
        assert self._end is not None
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def cut(self) -> None:
        """End all watches, so that everything is listed again or watched from where it was."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in self._watches])

    def kubeconfig(self, folder: Path) -> Path:
        """The way through the proxy."""
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "proxy",
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
            "clusters": [{"name": "proxy", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "users": [{"name": "proxy", "user": {}}],
        }
        path = folder / "proxied"
        path.write_text(yaml.safe_dump(document))
        return path

    async def _run(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        timeout = aiohttp.ClientTimeout(total=None)
        connector = aiohttp.TCPConnector(ssl=self._context(), limit=0)
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, auto_decompress=False
        ) as self._session:
            runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.port = runner.addresses[0][1]
            self._ready.set()
            await self._end.wait()
            for task in self._watches:
                task.cancel()
            await runner.cleanup()
            await connector.close(abort_ssl=True)
        await asyncio.sleep(0)  # transports close in the next round

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        status = self.spoil(request.method, request.path)
        if status:
            self.spoilt.append(f"{request.method} {request.path_qs}")
            return _spoilt(status, is_watch="watch" in request.query)
        server = self._upstream["clusters"][0]["cluster"]["server"]
        headers = {name: request.headers[name] for name in _FORWARDED if name in request.headers}
        body = await request.read()
        async with self._session.request(
            request.method, f"{server}{request.path_qs}", headers=headers, data=body or None
        ) as answer:
            task = asyncio.current_task()
            assert task is not None
            is_watch = "watch" in request.query
            if is_watch:
                self._watches.add(task)
            try:
                return await _copied(request, answer)
            except ConnectionError:  # the client has gone
                return web.Response()
            finally:
                self._watches.discard(task)
                if answer.connection and answer.connection.transport:
                    answer.connection.transport.abort()  # TLS would wait for the other side

    def _context(self) -> ssl.SSLContext:
        cluster, user = self._upstream["clusters"][0]["cluster"], self._upstream["users"][0]["user"]
        context = ssl.create_default_context(
            cadata=_content(cluster, "certificate-authority").decode()
        )
        context.check_hostname = False
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = Path(folder) / "certificate", Path(folder) / "key"
            certificate.write_bytes(_content(user, "client-certificate"))
            key.write_bytes(_content(user, "client-key"))
            context.load_cert_chain(certificate, key)
        return context


async def _copied(request: web.BaseRequest, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    headers = {"Content-Type": answer.headers.get("Content-Type", "application/json")}
    response = web.StreamResponse(status=answer.status, headers=headers)
    await response.prepare(request)
    async for chunk in answer.content.iter_any():
        await response.write(chunk)
    return response


def _spoilt(status: int, *, is_watch: bool) -> web.Response:
    if status == 200:
        if is_watch:
            return web.Response()
        empty = {"metadata": {"resourceVersion": "1"}, "items": []}
        return web.json_response(empty)
    said = {"kind": "Status", "code": status, "message": f"spoilt: {status}"}
    return web.json_response(said, status=status)


def _content(node: dict[str, Any], name: str) -> bytes:
    data = node.get(f"{name}-data")
    return base64.b64decode(data) if data else Path(node[name]).read_bytes()
