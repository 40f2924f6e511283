"""A server of the test's own that is no honest peer: aiohttp in a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from collections.abc import Awaitable, Callable

import aiohttp
from aiohttp import web

Answer = Callable[[web.BaseRequest, bytes], Awaitable[web.StreamResponse]]
"""Answers one request, whatever it asks; the body is read already."""

NODE_HEADER = "X-Eurekube-Node"


class LyingPeer:
    """Listens on 127.0.0.1 and answers as it is told; `batches` holds what peers sent to it."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer: Answer = answer or garbage
        self.batches: list[list[dict[str, object]]] = []
        """Items of each batch received."""
        self.headers: list[dict[str, str]] = []
        """Headers of each batch received."""
        self.asked: list[str] = []
        """Methods and paths of all requests."""
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="liar")
        self._runner: web.ServerRunner | None = None

    def __enter__(self) -> LyingPeer:
        """Begin to listen."""
        self._thread.start()
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, whatever is under way."""
        self.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """Its service URL."""
        return f"http://127.0.0.1:{self.port}/eureka/"

    def listen(self, port: int = 0) -> None:
        """Begin to listen, on a free port unless told which; again after `close`."""
        self._run(self._listen(port))

    def close(self) -> None:
        """Listen no more, and break off what is under way."""
        self._run(self._end())

    def forward_to(self, port: int) -> None:
        """Be an honest proxy of a port of this machine from now on."""
        self.answer = _proxy(port)

    def forward_in_turn(self, *ports: int) -> None:
        """Be what a Service is: the first request goes to the one, the next to the other."""
        answers = itertools.cycle([_proxy(port) for port in ports])

        async def answer(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
            return await next(answers)(request, body)

        self.answer = answer

    def items(self) -> list[dict[str, object]]:
        """All items received, oldest first."""
        return [item for batch in list(self.batches) for item in batch]

    def _run(self, work: Awaitable[None]) -> None:
        asyncio.run_coroutine_threadsafe(_awaited(work), self._loop).result(10)

    async def _listen(self, port: int) -> None:
        server = web.Server(self._handle, access_log=None)
        self._runner = runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self.port = runner.addresses[0][1]

    async def _end(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        answering = asyncio.all_tasks() - {asyncio.current_task()}
        for task in answering:
            task.cancel()
        await asyncio.gather(*answering, return_exceptions=True)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        body = await request.read()
        if request.path.endswith("/peerreplication/batch/"):
            self.headers.append(dict(request.headers))
            self.batches.append(json.loads(body)["replicationList"])
        return await self.answer(request, body)


async def _awaited(work: Awaitable[None]) -> None:
    await work


def _proxy(port: int) -> Answer:
    async def answer(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        url = f"http://127.0.0.1:{port}{request.path_qs}"
        passed = ("Content-Type", NODE_HEADER, "X-Eurekube-Nonce", "X-Eurekube-Stage")
        kept = {n: v for n, v in request.headers.items() if n in passed}
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, url, data=body, headers=kept) as reply,
        ):
            headers = {n: v for n, v in reply.headers.items() if n in ("Content-Type", NODE_HEADER)}
            return web.Response(status=reply.status, body=await reply.read(), headers=headers)

    return answer


async def garbage(_request: web.BaseRequest, _body: bytes) -> web.StreamResponse:
    """200 and bytes that mean nothing."""
    return web.Response(body=b'{"responseList": \xff\x00', content_type="application/json")
