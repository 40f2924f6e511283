"""`eureka-registry drill`: kills one of three peers and starts it again, while clients run.

Clients hold leases and look themselves up all the while. At the end a timeline and a verdict: what
failed, what was lost, how long it took until all peers agreed again.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable

import aiohttp
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from eureka_registry.config.settings import Settings
from eureka_registry.http.sockets import bind
from eureka_registry.local.background import in_background
from eureka_registry.local.client import (
    DURATION_S,
    INTERVAL_S,
    LeaseClient,
    drill_clients,
    register_all,
    work_of,
)
from eureka_registry.local.processes import Process, run_peers
from eureka_registry.local.sight import Overview, look, service_url
from eureka_registry.verbs.tally import Tally

POLL_S = 0.1
PATIENCE_S = 30.0
_TROUBLES_SHOWN = 10


class TimelineEvent(msgspec.Struct, frozen=True):
    """A line of the timeline: seconds since the start, and what happened."""

    at_s: float
    what: str


class Report(msgspec.Struct):
    """The results of the drill; seconds are `None` for what never happened."""

    peers: int
    clients: int
    killed: str
    timeline: list[TimelineEvent]
    tally: Tally
    troubles: list[str]
    seconds_until_back: float | None = None
    seconds_until_agreed: float | None = None
    leases_at_end: dict[str, int] = {}

    @property
    def passed(self) -> bool:
        """Whether nothing failed, nothing was lost, and all peers agree in the end."""
        complete = all(count == self.clients for count in self.leases_at_end.values())
        return not self.tally.loses and complete and self.seconds_until_agreed is not None


class DrillError(Exception):
    """The drill could not be carried out; the text says why."""


def run(options: argparse.Namespace) -> int:
    """Carry out the drill; returns 0 if nothing was lost, 1 if something was."""
    say = _progress(quiet=options.output == "json")
    try:
        report = asyncio.run(Drill(options.clients, options.down, say).carry_out())
    except DrillError as error:
        print(f"eureka-registry: {error}", file=sys.stderr)  # noqa: T201
        return 1
    show(report, options.output)
    return 0 if report.passed else 1


class Drill:
    """Three peers, clients, and one failure."""

    def __init__(self, clients: int, down_s: float, say: Callable[[TimelineEvent], None]) -> None:
        if clients < 1 or down_s < 0:
            raise DrillError("--clients must be at least 1, --down at least 0")
        self._count = clients
        self._down_s = down_s
        self._say = say
        self._peers = _peers_on_free_ports(3)
        self._report = Report(3, clients, "peer2", [], Tally(), [])
        self._began = 0.0

    async def carry_out(self) -> Report:
        """Run the whole drill.

        Raises:
            DrillError: the peers or the clients did not start.
        """
        self._began = asyncio.get_running_loop().time()
        async with (
            aiohttp.ClientSession() as session,
            run_peers(self._peers, lambda _peer, _line: None, self._on_event) as processes,
        ):
            await self._until(session, lambda o: all(p.stage == "ready" for p in o.peers))
            self._note("three peers are ready")
            clients = await self._register(session)
            await self._until(session, lambda o: self._complete(o) and o.agreed)
            self._note(f"all peers agree on {self._count} leases")
            async with in_background(work_of(clients)):
                await self._fail(session, processes[1])
            overview = await look(session, self._peers)
            self._report.leases_at_end = {p.name: p.instances for p in overview.peers}
            await asyncio.gather(*(client.cancel() for client in clients))
        return self._report

    async def _fail(self, session: aiohttp.ClientSession, victim: Process) -> None:
        await asyncio.sleep(INTERVAL_S)
        victim.kill()
        await victim.wait()
        self._note(f"{victim.name} was killed (SIGKILL)")
        await asyncio.sleep(self._down_s)
        loop = asyncio.get_running_loop()
        back_at = loop.time()
        await victim.start()
        self._note(f"{victim.name} is started again")
        await self._until(session, lambda o: all(p.stage == "ready" for p in o.peers))
        self._report.seconds_until_back = loop.time() - back_at
        self._note(f"{victim.name} is ready")
        await self._until(session, lambda o: self._complete(o) and o.agreed)
        self._report.seconds_until_agreed = loop.time() - back_at
        self._note(f"all peers agree on {self._count} leases again")
        await asyncio.sleep(2 * INTERVAL_S)

    async def _register(self, session: aiohttp.ClientSession) -> list[LeaseClient]:
        urls = [service_url(peer) for peer in self._peers]
        report = self._report
        clients = drill_clients(session, urls, self._count, report.tally, report.troubles.append)
        try:
            await register_all(clients)
        except RuntimeError as error:
            raise DrillError(str(error)) from error
        self._note(f"{self._count} clients have registered, each holds a lease of {DURATION_S} s")
        return clients

    def _complete(self, overview: Overview) -> bool:
        return all(peer.instances == self._count for peer in overview.peers)

    async def _until(
        self, session: aiohttp.ClientSession, holds: Callable[[Overview], bool]
    ) -> None:
        """Look again until a condition holds.

        Raises:
            DrillError: it does not within `PATIENCE_S`.
        """
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    if holds(await look(session, self._peers)):
                        return
                    await asyncio.sleep(POLL_S)
        except TimeoutError as error:
            overview = await look(session, self._peers)
            states = ", ".join(f"{p.name} {p.stage} {p.instances}" for p in overview.peers)
            message = f"no progress for {PATIENCE_S:g} s; the peers: {states}"
            raise DrillError(message) from error

    def _note(self, what: str) -> None:
        at_s = asyncio.get_running_loop().time() - self._began
        moment = TimelineEvent(round(at_s, 2), what)
        self._report.timeline.append(moment)
        self._say(moment)

    def _on_event(self, peer: str, sentence: str) -> None:
        self._report.troubles.append(f"{peer} {sentence}")


def show(report: Report, output: str) -> None:
    """Print the report."""
    if output == "json":
        document = msgspec.to_builtins(report) | {"passed": report.passed}
        print(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())  # noqa: T201
        return
    console = Console(highlight=False)
    tally = report.tally
    table = Table(title="Verdict", title_justify="left", title_style="bold", show_header=False)
    rows = (
        ("look-ups", f"{tally.lookups}, of which {tally.lookups_failed} failed"),
        ("  needed another peer", str(tally.lookups_retried)),
        ("renewals", f"{tally.renewals}, of which {tally.renewals_failed} failed"),
        ("  needed another peer", str(tally.renewals_retried)),
        ("leases lost", str(tally.leases_lost)),
        ("peer ready again after", _seconds(report.seconds_until_back)),
        ("all agreed after", _seconds(report.seconds_until_agreed)),
    )
    for row in rows:
        table.add_row(*row)
    console.print(table)
    for trouble in report.troubles[:_TROUBLES_SHOWN]:
        console.print(escape(trouble), style="yellow")
    if report.passed:
        console.print("Nothing was lost.", style="bold green")
    else:
        console.print("Something was lost.", style="bold red")


def _progress(*, quiet: bool) -> Callable[[TimelineEvent], None]:
    def say(moment: TimelineEvent) -> None:
        if not quiet:
            print(f"{moment.at_s:6.2f} s  {moment.what}", flush=True)  # noqa: T201

    return say


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f} s"


def _peers_on_free_ports(count: int) -> list[Settings]:
    """Peers that know each other, on free ports; another `up` may be running."""
    sockets = [bind("127.0.0.1", 0)[0] for _ in range(2 * count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    urls = [f"http://127.0.0.1:{port}/eureka/" for port in ports[:count]]
    return [
        Settings(
            name=f"peer{number}",
            hostname="127.0.0.1",
            port=ports[number - 1],
            management_port=ports[count + number - 1],
            peers=urls,
            register_with_eureka=False,
            log_level="WARNING",
            digest_interval_s=1.0,
        )
        for number in range(1, count + 1)
    ]
