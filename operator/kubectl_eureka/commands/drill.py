"""`drill`: measures what the loss of a peer costs on this cluster, in its own namespace."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from typing import TYPE_CHECKING, Final

import msgspec
from rich.console import Console
from rich.live import Live
from rich.text import Text

from eureka_registry.verbs import arguments, printing
from kubectl_eureka.core import drill as core
from kubectl_eureka.core.drill import Report
from kubectl_eureka.shell import options
from kubectl_eureka.shell.errors import UsageError

if TYPE_CHECKING:
    from kubectl_eureka.shell.drill import Drill

SOMETHING_LOST: Final = 1
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_KILLED: Final = 128
"""Added to a signal's number it is the exit code, as shells have it."""
_MOST_CLIENTS: Final = 500
_TROUBLES_SHOWN: Final = 10


def add_command(commands: options.Commands) -> None:
    """Declare it."""
    one = options.command(commands, "drill", "show what the loss of a peer costs on this cluster")
    one.add_argument("--clients", type=int, default=36, metavar="N", help="default: 36")
    arguments.output(one, choices=("table", "json", "yaml"))
    options.add_kubeconfig(one)
    one.add_argument("--context", metavar="NAME", help="of the kubeconfig")
    one.set_defaults(run=run)


def run(flags: argparse.Namespace) -> int:
    """Carry it out and clean up; 0: nothing was lost, 1: something was, 128 + N: signal N.

    Raises:
        UsageError: `--clients` or the kubeconfig cannot be used.
        NoAnswerError: It cannot be carried out here, or something is left.
    """
    if not 1 <= flags.clients <= _MOST_CLIENTS:
        raise UsageError(f"--clients {flags.clients}: write a number from 1 to {_MOST_CLIENTS}")
    look = options.Look(kubeconfig=options.read_kubeconfig(flags), context=flags.context)
    return asyncio.run(_Command(look, flags.clients, flags.output).carry_out())


class _Command:
    """One run: its signals, its exit code, and its output."""

    def __init__(self, look: options.Look, clients: int, output: str) -> None:
        self._look = look
        self._clients = clients
        self._output = output
        self._progress = Progress()
        self._signal: signal.Signals | None = None

    async def carry_out(self) -> int:
        """Do all of it; the exit code.

        Raises:
            NoAnswerError: as `run`.
        """
        from kubectl_eureka.shell import cluster, preflight  # noqa: PLC0415 - files need no client
        from kubectl_eureka.shell.drill import Drill  # noqa: PLC0415 - likewise

        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker
        for number in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal, number, task)
        try:
            with self._progress:
                async with cluster.connection(self._look, may_write=True) as client:
                    drill = Drill(client, self._clients, self._progress)
                    for left in await preflight.check(client, drill.namespace):
                        self._progress.note(f"note: {left}")
                    report = await self._run_drill(drill)
        except asyncio.CancelledError:
            if self._signal is None:
                raise
            return _KILLED + self._signal
        self._show(report)
        return 0 if report.passed else SOMETHING_LOST

    async def _run_drill(self, drill: Drill) -> Report:
        try:
            return await drill.carry_out()
        finally:
            try:
                await drill.remove()
            except asyncio.CancelledError:
                self._progress.note(
                    f"not waited for: kubectl delete namespace {drill.namespace} removes what is"
                    " left"
                )
                raise

    def _on_signal(self, number: int, task: asyncio.Task[object]) -> None:
        """Stop and remove the namespace; the second time do not wait until it is gone."""
        first = self._signal is None
        self._signal = self._signal or signal.Signals(number)
        if first:
            name = self._signal.name
            self._progress.note(f"{name}: removing what was made; a second signal ends the waiting")
        task.cancel()

    def _show(self, report: Report) -> None:
        if self._output != "table":
            document = msgspec.to_builtins(report) | {"passed": report.passed}
            printing.print_document(sys.stdout, self._output, document)
            return
        printing.print_rows(sys.stdout, core.report_table(report))
        for each in report.troubles[:_TROUBLES_SHOWN]:
            printing.print_line(sys.stdout, each)
        style = "bold green" if report.passed else "bold red"
        Console(highlight=False, soft_wrap=True).print(Text(core.verdict(report), style=style))


class Progress:
    """Lines on standard error, and on a terminal one more below them for what is under way."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._live = Live(console=self._console, transient=True, refresh_per_second=2)

    def __enter__(self) -> None:
        """Begin; without a terminal nothing is drawn."""
        if self._console.is_terminal:
            self._live.start()

    def __exit__(self, *_: object) -> None:
        """Stop drawing."""
        self._live.stop()

    def note(self, message: str) -> None:
        """Print that something has happened, and after how many seconds."""
        self._console.print(Text(f"{time.monotonic() - self._began_s:6.1f} s  {message}"))

    def show(self, doing: str) -> None:
        """Show what is under way, on a terminal only."""
        self._live.update(Text(doing, overflow="ellipsis", no_wrap=True))
