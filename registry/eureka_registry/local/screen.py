"""Prints `up`: a live table on a terminal, lines in a pipe, JSON for programs."""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from typing import Protocol, TextIO

import msgspec
from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from eureka_registry.config.settings import Settings
from eureka_registry.local.sight import Edge, Overview, Sight, dashboard_url, service_url

_KEPT_LINES = 6
_SHOWN_APPLICATIONS = 15
_COLOURS = {"ready": "green", "starting": "yellow", "stopping": "yellow"}


class Screen(Protocol):
    """The output of `up`."""

    def begin(self, peers: list[Settings], lines: list[str]) -> None:
        """Show what will run."""

    def overview(self, overview: Overview) -> None:
        """Show the state of the peers."""

    def event(self, peer: str, sentence: str) -> None:
        """Show an event of a peer."""

    def log(self, peer: str, line: str) -> None:
        """Show a line of a peer's log."""

    def end(self, sentence: str) -> None:
        """Show how it ended."""


def choose(output: str) -> Screen:
    """The screen for `-o text` or `-o json`: live only on a terminal."""
    if output == "json":
        return JsonScreen(sys.stdout)
    return LiveScreen() if sys.stdout.isatty() else PlainScreen(sys.stdout)


class PlainScreen:
    """One line for each thing that changes."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._last: dict[str, str] = {}

    def begin(self, peers: list[Settings], lines: list[str]) -> None:
        """Print what will run."""
        for line in lines:
            self._say(line)
        for peer in peers:
            management = f"management {peer.management_port}"
            self._say(
                f"{peer.name}: {service_url(peer)}, dashboard {dashboard_url(peer)}, {management}"
            )
        self._say(client_line(peers))

    def overview(self, overview: Overview) -> None:
        """Print what has changed since the last time."""
        for peer in overview.peers:
            holds = f", {_instances(peer.instances)}" if peer.stage == "ready" else ""
            self._say_if_changed(peer.name, f"{peer.name}: {peer.stage}{holds}")
        if all(peer.stage == "ready" for peer in overview.peers):
            words = "all peers agree" if overview.agreed else "the peers do not agree yet"
            self._say_if_changed("", words)

    def event(self, peer: str, sentence: str) -> None:
        """Print an event."""
        self._say(f"{peer} {sentence}")

    def log(self, peer: str, line: str) -> None:
        """Print warnings and errors only."""
        if is_worth_showing(line):
            self._say(f"{peer} | {line}")

    def end(self, sentence: str) -> None:
        """Print how it ended."""
        self._say(sentence)

    def _say_if_changed(self, what: str, text: str) -> None:
        if self._last.get(what) != text:
            self._last[what] = text
            self._say(text)

    def _say(self, line: str) -> None:
        _write_line(self._out, line)


class JsonScreen:
    """One JSON object a line."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._last: bytes = b""

    def begin(self, peers: list[Settings], lines: list[str]) -> None:
        """Write the peers' addresses and the notes."""
        listed = [
            {
                "name": peer.name,
                "serviceUrl": service_url(peer),
                "dashboard": dashboard_url(peer),
                "managementPort": peer.management_port,
            }
            for peer in peers
        ]
        self._write({"event": "begin", "peers": listed, "notes": lines})

    def overview(self, overview: Overview) -> None:
        """Write the state of the peers, if it has changed."""
        peers = [msgspec.to_builtins(peer) for peer in overview.peers]
        state = {"event": "overview", "agreed": overview.agreed, "peers": peers}
        line = msgspec.json.encode(state)
        if line != self._last:
            self._last = line
            self._write(state)

    def event(self, peer: str, sentence: str) -> None:
        """Write what happened."""
        self._write({"event": "peer", "peer": peer, "what": sentence})

    def log(self, peer: str, line: str) -> None:
        """Write a log line."""
        self._write({"event": "log", "peer": peer, "line": line})

    def end(self, sentence: str) -> None:
        """Write how it ended."""
        self._write({"event": "end", "what": sentence})

    def _write(self, value: object) -> None:
        _write_line(self._out, msgspec.json.encode(value).decode())


class LiveScreen:
    """A table that stays in place."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._peers: list[Settings] = []
        self._overview = Overview([], {})
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def begin(self, peers: list[Settings], lines: list[str]) -> None:
        """Show the notes above, then the table."""
        self._peers = peers
        for line in lines:
            self._console.print(escape(line), style="dim", highlight=False)
        self._live.start()
        self.overview(Overview([Sight(peer.name, "starting") for peer in peers], {}))

    def overview(self, overview: Overview) -> None:
        """Draw the table anew."""
        self._overview = overview
        self._draw()

    def event(self, peer: str, sentence: str) -> None:
        """Show it below the table."""
        self._lines.append(f"{peer} {sentence}")
        self._draw()

    def log(self, peer: str, line: str) -> None:
        """Show warnings below the table."""
        if is_worth_showing(line):
            self._lines.append(f"{peer} | {line}")

    def end(self, sentence: str) -> None:
        """Leave the last table on the screen."""
        self._live.stop()
        self._console.print(self._picture())
        self._console.print(escape(sentence))

    def _draw(self) -> None:
        self._live.update(self._picture(), refresh=True)

    def _picture(self) -> RenderableType:
        parts: list[RenderableType] = [peer_table(self._peers, self._overview)]
        if self._overview.applications:
            parts.append(application_table(self._overview))
        parts.append(agreement(self._overview))
        parts.append(Text(client_line(self._peers), overflow="fold"))
        parts += [Text(line, style="yellow") for line in self._lines]
        parts.append(Text("Ctrl-C stops all peers.", style="dim"))
        return Group(*parts)


def peer_table(peers: list[Settings], overview: Overview) -> Table:
    """Peers, their addresses, and how each sees the others."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("peer", "state", "dashboard", "management", "instances", "sees the others"):
        table.add_column(heading, justify="right" if heading == "instances" else "left")
    for settings, sight in zip(peers, overview.peers, strict=False):
        table.add_row(
            settings.name,
            Text(sight.stage, style=_COLOURS.get(sight.stage, "red")),
            dashboard_url(settings),
            str(settings.management_port),
            str(sight.instances) if sight.hash or sight.instances else "",
            Text("\n").join(_edge(edge) for edge in sight.peers if edge.counts),
        )
    return table


def application_table(overview: Overview) -> Table:
    """Instances by application and status, the largest applications first."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("application")
    table.add_column("instances")
    by_size = sorted(overview.applications.items(), key=lambda each: (-each[1].total(), each[0]))
    for name, counts in by_size[:_SHOWN_APPLICATIONS]:
        statuses = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        table.add_row(Text(name), statuses)
    if len(by_size) > _SHOWN_APPLICATIONS:
        rest = by_size[_SHOWN_APPLICATIONS:]
        count = sum(counts.total() for _, counts in rest)
        table.add_row(f"{len(rest)} more", f"{count}", style="dim")
    return table


def agreement(overview: Overview) -> Text:
    """Whether the peers hold the same."""
    if overview.agreed:
        return Text("All peers agree.", style="green")
    if all(peer.stage == "ready" for peer in overview.peers):
        return Text("The peers do not agree yet.", style="yellow")
    return Text("Not all peers are ready.", style="yellow")


def client_line(peers: list[Settings]) -> str:
    """The line for a client's configuration."""
    urls = ",".join(service_url(peer) for peer in peers)
    return f"For clients: eureka.client.service-url.defaultZone={urls}"


def is_worth_showing(line: str) -> bool:
    """Whether a log line is a warning or worse, or part of a traceback."""
    return not any(level in line for level in (" INFO ", " DEBUG ", '"INFO"', '"DEBUG"'))


def _write_line(out: TextIO, line: str) -> None:
    """Write a line; if the reader is gone, as `head` soon is, stop."""
    try:
        print(line, file=out, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        os.kill(os.getpid(), signal.SIGTERM)


def _edge(edge: Edge) -> Text:
    if not edge.available:
        return Text(f"{edge.name}: {edge.why or 'not available'}", style="red")
    backlog = f", {edge.backlog} waiting" if edge.backlog else ""
    style = "" if edge.agreement == "agreed" else "yellow"
    return Text(f"{edge.name}: {edge.agreement}, lag {edge.lag_ms} ms{backlog}", style=style)


def _instances(count: int) -> str:
    return f"{count} instance" + ("" if count == 1 else "s")
