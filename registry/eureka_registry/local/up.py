"""`eureka-registry up`: several peers on this machine, no Kubernetes needed."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal

import aiohttp
import msgspec

from eureka_registry.config.files import load_or_refuse
from eureka_registry.config.settings import Settings
from eureka_registry.http.sockets import PortInUseError, bind
from eureka_registry.local import screen as screens
from eureka_registry.local.plan import LocalPlan, plan, read_source
from eureka_registry.local.processes import Process, run_peers
from eureka_registry.local.screen import Screen
from eureka_registry.local.sight import Overview, Sight, look

LOOK_EVERY_S = 1.0


def run(options: argparse.Namespace) -> int:
    """Run the peers until Ctrl-C or SIGTERM; returns 1 if one could not run."""
    local = load_or_refuse(
        lambda: plan(read_source(options.file, options.profile, os.environ)),
        f"file {options.file}" if options.file else "settings",
    )
    check_ports(local.peers)
    screen = screens.choose(options.output)
    return asyncio.run(_up(local, screen, restart=not options.no_restart))


async def _up(local: LocalPlan, screen: Screen, *, restart: bool) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    screen.begin(local.peers, local.lines)
    try:
        async with (
            aiohttp.ClientSession() as session,
            run_peers(local.peers, screen.log, screen.event) as processes,
        ):
            watchers = [asyncio.create_task(p.watch(restart=restart)) for p in processes]
            looker = asyncio.create_task(_look_for_ever(session, processes, screen))
            await _until(stop, watchers)
            looker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looker
            codes = await asyncio.gather(*(process.stop() for process in processes))
            for watcher in watchers:
                watcher.cancel()
    finally:
        screen.end(_end_text(stop))
    return 0 if stop.is_set() and not any(codes) else 1


async def _until(stop: asyncio.Event, watchers: list[asyncio.Task[None]]) -> None:
    """Wait for a request to stop, or until no peer is left."""
    stopping = asyncio.create_task(stop.wait())
    gone = asyncio.gather(*watchers)
    await asyncio.wait((stopping, gone), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()


async def _look_for_ever(
    session: aiohttp.ClientSession, processes: list[Process], screen: Screen
) -> None:
    peers = [process.settings for process in processes]
    while True:
        overview = await look(session, peers)
        sights = [_with_stage(p, s) for p, s in zip(processes, overview.peers, strict=True)]
        screen.overview(Overview(sights, overview.applications))
        await asyncio.sleep(LOOK_EVERY_S)


def _with_stage(process: Process, sight: Sight) -> Sight:
    """The view of a peer that does not answer: it has no process, is starting, or hangs."""
    stage = sight.stage
    if stage != "down":
        process.has_answered = True
    elif process.pid is not None:
        stage = "not answering" if process.has_answered else "starting"
    return msgspec.structs.replace(sight, stage=stage, pid=process.pid)


def _end_text(stop: asyncio.Event) -> str:
    return "all peers stopped" if stop.is_set() else "no peer is running any more"


def check_ports(peers: list[Settings]) -> None:
    """Check every port before anything is started.

    Raises:
        PortInUseError: some are taken; the text names them all.
    """
    problems = []
    for peer in peers:
        for host, port in (
            (peer.host, peer.port),
            (peer.management_host or peer.host, peer.management_port),
        ):
            try:
                for each in bind(host, port):
                    each.close()
            except PortInUseError as error:
                problems.append(f"{peer.name}: {error}")
    if problems:
        raise PortInUseError("\n".join(problems))
