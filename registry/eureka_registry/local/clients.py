"""`eureka-registry clients`: only the clients of a drill, for peers that run elsewhere.

`kubectl eureka drill` runs it in a pod. Every half second it prints a line of JSON
(`verbs/tally.py`, `ClientsReport`): what all clients together have met since they registered.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

import aiohttp
import msgspec
import uvloop

from eureka_registry.local.background import in_background
from eureka_registry.local.client import drill_clients, register_all, work_of
from eureka_registry.verbs.tally import ClientsReport, Tally

_EVERY_S = 0.5
_MOST_TROUBLES = 20


def run(options: argparse.Namespace) -> int:
    """Hold leases and look them up until SIGTERM or Ctrl-C; 1 if a client cannot register."""
    try:
        uvloop.run(_work(options.urls, options.clients))
    except RuntimeError as error:
        print(f"eureka-registry: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


async def _work(urls: list[str], count: int) -> None:
    """Hold the leases, look up, and end the leases.

    Raises:
        RuntimeError: a client cannot register.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    report = ClientsReport(count, Tally())

    def note(trouble: str) -> None:
        if len(report.troubles) < _MOST_TROUBLES:
            report.troubles.append(trouble)

    async with aiohttp.ClientSession() as session:
        clients = drill_clients(session, urls, count, report.tally, note)
        try:
            await register_all(clients)
            async with in_background(work_of(clients)):
                while not stop.is_set():
                    print(msgspec.json.encode(report).decode(), flush=True)  # noqa: T201
                    await _pause(stop)
        finally:
            await asyncio.gather(*(client.cancel() for client in clients))


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_EVERY_S):
            await stop.wait()
    except TimeoutError:
        return
