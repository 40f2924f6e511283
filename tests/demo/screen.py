"""How the running demo is shown: live on a terminal, a line for each change when piped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol, TextIO

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from demo.look import Look


class Screen(Protocol):
    """Where it is shown."""

    def show(self, look: Look, seconds: float) -> None:
        """Show how all is; `seconds` since it is up."""

    def end(self) -> None:
        """Leave the last picture."""


class LiveScreen:
    """A picture that stays in place."""

    def __init__(
        self, console: Console, url: str, alias: str, tries: Sequence[tuple[str, str]]
    ) -> None:
        self._url = url
        self._alias = alias
        self._tries = tries
        self._live = Live(console=console, auto_refresh=False)
        self._live.start()

    def show(self, look: Look, seconds: float) -> None:
        """Draw it anew."""
        self._live.update(picture(look, seconds, self._url, self._alias, self._tries), refresh=True)

    def end(self) -> None:
        """Leave it."""
        self._live.stop()


class PlainScreen:
    """Lines."""

    def __init__(self, out: TextIO, url: str, alias: str, tries: Sequence[tuple[str, str]]) -> None:
        self._out = out
        self._last: list[str] = []
        self._called = 0
        self._say(f"dashboard: {url}")
        self._say(f"in another terminal: {alias}")
        for command, what in tries:
            self._say(f"try: {command}   ({what})")
        self._say("Ctrl-C removes all of it")

    def show(self, look: Look, seconds: float) -> None:  # noqa: ARG002 - a line is written when it is
        """Say what has changed."""
        lines = [*peer_lines(look), *instance_lines(look)]
        for line in lines:
            if line not in self._last:
                self._say(line)
        self._last = lines
        called = sum(each.count for each in look.calls.values())
        if called > 0 and called >= 2 * self._called:  # ever more seldom
            self._called = called
            for line in call_lines(look):
                self._say(line)

    def end(self) -> None:
        """Nothing is left to be said."""

    def _say(self, line: str) -> None:
        print(line, file=self._out, flush=True)


def picture(
    look: Look, seconds: float, url: str, alias: str, tries: Sequence[tuple[str, str]]
) -> RenderableType:
    """All of it."""
    minutes, rest = divmod(int(seconds), 60)
    head = Text.assemble(
        ("Three peers, and two services that find each other by name", "bold"),
        (f"   up for {minutes}:{rest:02d}", "dim"),
    )
    further = Table.grid(padding=(0, 3))
    for command, what in tries:
        further.add_row(Text(command, style="cyan"), Text(what, style="dim"))
    return Group(
        head,
        Text.assemble("dashboard: ", (url, "bold underline")),
        _peers(look) if look.peers else Text("\nno peer answers right now\n", style="yellow"),
        _services(look),
        Text("Try, in another terminal:", style="bold"),
        Text(alias, style="cyan", overflow="fold"),
        further,
        Text("Ctrl-C removes all of it.", style="dim"),
    )


def _peers(look: Look) -> Table:
    table = Table("peer", "state", "agreement", box=box.SIMPLE_HEAD, pad_edge=False)
    for peer in look.peers:
        style = "green" if peer.well else "yellow"
        table.add_row(Text(peer.name), Text(peer.state, style), Text(peer.agreement, style))
    return table


def _services(look: Look) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("service", "in Eureka", "calls", "failed"):
        table.add_column(heading, justify="right" if heading in ("calls", "failed") else "left")
    for name, each in look.calls.items():
        failed = Text(str(each.failed), "red" if each.failed else "green")
        table.add_row(name, _statuses(look, name) or "", str(each.count), failed)
    return table


def peer_lines(look: Look) -> list[str]:
    """Peers as sentences."""
    if not look.peers:
        return ["no peer answers right now"]
    return [
        f"{peer.name}: {peer.state}{', ' + peer.agreement if peer.agreement else ''}"
        for peer in look.peers
    ]


def instance_lines(look: Look) -> list[str]:
    """Services in the registry as sentences; none if no peer could be asked."""
    if not look.peers:
        return []
    return [f"{name}: {_statuses(look, name) or 'not in Eureka'}" for name in look.calls]


def call_lines(look: Look) -> list[str]:
    """Calls as sentences."""
    return [
        f"{name}: {each.count} calls of the other service, {each.failed} failed"
        for name, each in look.calls.items()
    ]


def _statuses(look: Look, service: str) -> str:
    found = look.instances.get(service.upper(), Counter())
    return ", ".join(f"{count} {status}" for status, count in sorted(found.items()))
