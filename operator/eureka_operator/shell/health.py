"""Health for Kubernetes and metrics for Prometheus, over plain HTTP, in every replica."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from eureka_operator.shell.leader import Elector
from eureka_operator.shell.metrics import CONTENT_TYPE, Metrics

_PASSES: Final = 3
_PASS_S: Final = 30.0
"""How long a look at all clusters may take besides, with time-outs."""


class Health:
    """The answers to the probes.

    `problem` says in words what keeps a leader from its work; `None`: nothing.
    """

    def __init__(
        self,
        elector: Elector,
        metrics: Metrics,
        resync_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.problem: str | None = None
        self._elector = elector
        self._metrics = metrics
        self._resync_s = resync_s
        self._clock = clock
        self._last_pass_s: float | None = None
        self._last_resync_s: float | None = None
        metrics.leader.set_function(lambda: elector.leading)
        metrics.resync_age.set_function(self._resync_age_s)

    def note_resync(self, *, complete: bool) -> None:
        """Note that all clusters were looked at, or that the API server did not answer."""
        self._last_pass_s = self._clock()
        if complete:
            self._last_resync_s = self._last_pass_s

    def why_not_live(self) -> str | None:
        """Why this process should be restarted; `None`: it should not.

        An API server that does not answer is no reason: a restart would not help.
        """
        now_s = self._clock()
        turn_s = now_s - self._elector.last_turn_s
        if turn_s > self._elector.longest_turn_s:
            return f"the elector has not turned for {turn_s:.0f} s"
        if self._last_pass_s is None:
            return None
        age_s = now_s - self._last_pass_s
        if age_s > _PASSES * self._resync_s + _PASS_S:
            return f"the clusters were last looked at {age_s:.0f} s ago"
        return None

    def why_not_ready(self) -> str | None:
        """Why this replica is not ready, to lead or to take over; `None`: it is."""
        return self._elector.problem or self.problem

    @asynccontextmanager
    async def serve(self, host: str | None, port: int) -> AsyncIterator[int]:
        """Answer HTTP while the block runs; yields the port. Host `None`: on all addresses."""
        server = web.Server(self._answer, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=0)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            yield int(runner.addresses[0][1])
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        match request.path:
            case "/livez":
                return _verdict(self.why_not_live())
            case "/readyz":
                return _verdict(self.why_not_ready())
            case "/metrics":
                headers = {"Content-Type": CONTENT_TYPE}
                return web.Response(body=self._metrics.exposition(), headers=headers)
            case _:
                known = "/livez, /readyz, /metrics"
                return web.Response(status=404, text=f"nothing here; there are {known}\n")

    def _resync_age_s(self) -> float:
        return 0.0 if self._last_resync_s is None else self._clock() - self._last_resync_s


def _verdict(why_not: str | None) -> web.Response:
    if why_not is None:
        return web.Response(text="ok\n")
    return web.Response(status=503, text=f"{why_not}\n")
