"""The injector's server: the API server calls it for each new pod that wants a sidecar.

It answers every question, and none of its own faults blocks a pod: if it cannot decode a question,
cannot answer in time or has too many questions, it allows the pod without a patch, and counts it.
While it answers, it sends no requests.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Literal, NamedTuple

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

from eureka_operator.core import admission
from eureka_operator.core.admission import MOST_BYTES, InvalidReview, Question
from eureka_operator.core.kinds import Object
from eureka_operator.shell.metrics import CONTENT_TYPE

PATH: Final = "/inject"

_IDLE_S: Final = 300.0
"""Longer than the API server keeps an idle connection, which is 90 s. Were it shorter, it could
send a question into a connection that we are closing, and would not ask again."""
_UID_BYTES: Final = 64 * 1024
_BACKLOG: Final = 512
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_BYTES: Final = (256, 512, 1024, 2048, 4096, 8192, 16384, 65536)

_log = logging.getLogger(__name__)

Result = Literal["injected", "skipped", "refused", "allowed"]


class Verdict(NamedTuple):
    """What happens to a pod; `reason` is a stable code, `message` is for a refused pod's creator.

    `allowed` is for a fault of ours: the pod starts as it is.
    """

    result: Result
    reason: str
    patch: Sequence[Object] = ()
    message: str = ""


class Limits(NamedTuple):
    """What bounds the API server, or whoever else reaches the port.

    So many reviews are read and answered at a time; others wait for `queue_s`, as the API server
    gives up after five seconds. A body must be complete after `body_s`.
    """

    at_once: int = 200
    queue_s: float = 2.0
    body_s: float = 2.0


LIMITS: Final = Limits()

Judge = Callable[[Question], Awaitable[Verdict]]
"""Decides about a pod. It may wait for news that are under way, for a moment."""


class InjectorMetrics:
    """One process's metrics, in a registry of their own, all named `eureka_injector_*`."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._answers = Counter(
            "eureka_injector_answers",
            "pods that the API server asked about, dry runs left out",
            ("result", "reason"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "eureka_injector_answer_seconds",
            "from a question to its answer",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._bytes = Histogram(
            "eureka_injector_answer_bytes",
            "size of an answer with a patch",
            buckets=_BYTES,
            registry=self._registry,
        )
        self.certificate_ends = Gauge(
            "eureka_injector_certificate_expiry_timestamp_seconds",
            "when the certificate that is served ends; 0: there is none",
            registry=self._registry,
        )

    def answer(self, verdict: Verdict, seconds: float, size: int) -> None:
        """Count and time an answer of so many bytes."""
        self._answers.labels(verdict.result, verdict.reason).inc()
        self._seconds.observe(seconds)
        if verdict.patch:
            self._bytes.observe(size)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)


class Webhook:
    """Answers reviews; `closing` makes clients leave: each answer closes its connection."""

    def __init__(self, judge: Judge, metrics: InjectorMetrics, limits: Limits = LIMITS) -> None:
        self.closing = False
        self._judge = judge
        self._metrics = metrics
        self._limits = limits
        self._room = asyncio.Semaphore(limits.at_once)

    @asynccontextmanager
    async def serve(
        self, host: str | None, port: int, context: ssl.SSLContext
    ) -> AsyncIterator[int]:
        """Answer HTTPS while the block runs; yields the port. Host `None`: on all addresses."""
        server = web.Server(self._answer, access_log=None, keepalive_timeout=_IDLE_S)
        async with _listen(server, host, port, context) as found:
            yield found

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path != PATH:
            return web.Response(status=404, text=f"nothing here; there is POST {PATH}\n")
        if request.method != "POST":
            return web.Response(status=405, text=f"{PATH} takes POST\n", headers={"Allow": "POST"})
        start_s = time.perf_counter()
        asked, verdict = await self._verdict(request)
        if verdict.result == "refused":
            body = admission.refusal(asked.uid, verdict.message)
        else:
            body = admission.approval(asked.uid, verdict.patch)
        if not asked.dry_run:
            self._metrics.answer(verdict, time.perf_counter() - start_s, len(body))
        answer = web.Response(body=body, content_type="application/json")
        if self.closing:
            answer.force_close()
        return answer

    async def _verdict(self, request: web.BaseRequest) -> tuple[Question | InvalidReview, Verdict]:
        try:
            async with asyncio.timeout(self._limits.queue_s):
                await self._room.acquire()
        except TimeoutError:
            start, _ = await self._read(request, _UID_BYTES)
            return _allow_invalid(InvalidReview(admission.uid_in(start), "overload"))
        try:
            asked = await self._question(request)
            if isinstance(asked, InvalidReview):
                return _allow_invalid(asked)
            return asked, await self._judge_safely(asked)
        finally:
            self._room.release()

    async def _question(self, request: web.BaseRequest) -> Question | InvalidReview:
        body, fault = await self._read(request, MOST_BYTES)
        if request.content_type != "application/json":
            fault = "content_type"
        if fault:
            return InvalidReview(admission.uid_in(body[:_UID_BYTES]), fault)
        return admission.question(body)

    async def _read(self, request: web.BaseRequest, most: int) -> tuple[bytes, str]:
        """The body, or its beginning and the reason why it is incomplete; empty: it is complete."""
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_s):
                async for chunk in request.content.iter_any():
                    body += chunk
                    if len(body) > most:
                        return bytes(body[:most]), "too_large"
        except TimeoutError:
            return bytes(body), "slow_body"
        except (web.RequestPayloadError, web.HTTPException, OSError, ValueError) as error:
            _log.debug("a body cannot be read: %r", error)
            return bytes(body), "broken_body"
        return bytes(body), ""

    async def _judge_safely(self, question: Question) -> Verdict:
        try:
            return await self._judge(question)
        except Exception:  # noqa: BLE001 - a fault of ours must not keep a pod from starting
            _log.exception(
                "a pod of %s (request %s) is allowed without a sidecar: this is a fault of the"
                " injector's own",
                question.namespace,
                question.uid,
            )
            return Verdict("allowed", "error")


@asynccontextmanager
async def serve_pages(
    host: str | None,
    port: int,
    why_not_ready: Callable[[], str | None],
    metrics: InjectorMetrics,
) -> AsyncIterator[int]:
    """Answer the probes and Prometheus over plain HTTP while the block runs; yields the port."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        match request.path:
            case "/livez":
                return web.Response(text="ok\n")
            case "/readyz":
                why_not = why_not_ready()
                return web.Response(status=503 if why_not else 200, text=f"{why_not or 'ok'}\n")
            case "/metrics":
                headers = {"Content-Type": CONTENT_TYPE}
                return web.Response(body=metrics.exposition(), headers=headers)
            case _:
                known = "/livez, /readyz, /metrics"
                return web.Response(status=404, text=f"nothing here; there are {known}\n")

    async with _listen(web.Server(answer, access_log=None), host, port, None) as found:
        yield found


@asynccontextmanager
async def _listen(
    server: web.Server, host: str | None, port: int, context: ssl.SSLContext | None
) -> AsyncIterator[int]:
    runner = web.ServerRunner(server, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=context, backlog=_BACKLOG).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _allow_invalid(review: InvalidReview) -> tuple[InvalidReview, Verdict]:
    _log.warning(
        "request %s is allowed without a look: %s", review.uid or "without uid", review.reason
    )
    return review, Verdict("allowed", review.reason)
