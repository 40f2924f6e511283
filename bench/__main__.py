"""`python -m bench [NAME...]`: measure what `docs/performance.md#budgets` has budgets for.

Without names everything is measured, side by side with a Java server, and `bench/RESULTS.md` is
written anew (about half an hour). The exit code is 0 unless something could not be measured (1).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from rich.console import Console

from bench import machine, reads, report, starts, table, writes
from bench.answers import BadAnswerError
from bench.figures import Figure
from bench.lab import Lab, NotMeasuredError
from bench.sight import sight

Benchmark = Callable[[Lab], Awaitable[list[Figure]]]

BENCHMARKS: Final[Mapping[str, Benchmark]] = MappingProxyType(
    {
        "heartbeats": writes.heartbeats,
        "registrations": writes.registering,
        "memory": reads.memory,
        "fetch": reads.fetches,
        "change": reads.changes,
        "delta": reads.deltas,
        "start": starts.starts,
        "restart": starts.restarts,
        "restart-large": starts.large_restarts,
        "sight": sight,
    }
)


def main(words: Sequence[str] | None = None) -> int:
    """Measure; returns the exit code."""
    options = _parser().parse_args(words)
    cores = machine.cores()
    if cores is None:
        _say("processes cannot be tied to cores here: all figures are without, so less comparable")
    else:
        machine.pin(0, cores.load)
    with tempfile.TemporaryDirectory(prefix="eurekube-bench-") as folder:
        _keep_compiled(folder)
        lab = Lab(cores, _say, quick=options.quick)
        sections, unmeasured = asyncio.run(report.measured(lab, options.names))
        names = [name for name in options.names or BENCHMARKS if name in BENCHMARKS]
        figures, problems = asyncio.run(_measure(lab, names))
    problems = [*unmeasured, *problems]
    if not options.names and not options.quick:
        report.write(sections, figures, problems)
    if options.amend:
        report.amend(sections)
    for title, rows in sections:
        print(f"\n{title}\n{report.plain(rows)}")
    _report(figures, problems, options.output)
    return 1 if problems else 0


async def _measure(lab: Lab, names: Sequence[str]) -> tuple[list[Figure], list[str]]:
    figures: list[Figure] = []
    problems: list[str] = []
    for name in names:
        began = time.perf_counter()
        try:
            figures += await BENCHMARKS[name](lab)
        except (NotMeasuredError, BadAnswerError, OSError) as error:
            problems.append(f"{name}: {error}")
            _say(f"not measured: {problems[-1]}")
        _say(f"{name} took {time.perf_counter() - began:.0f} s")
    return figures, problems


def _report(figures: Sequence[Figure], problems: Sequence[str], output: str) -> None:
    console = Console()
    if output == "json":
        print(table.json(figures, problems))
    elif console.is_terminal:
        table.show(figures, console)
    else:
        print(table.text(figures))
    for problem in problems:
        _say(f"NOT MEASURED: {problem}")


def _keep_compiled(folder: str) -> None:
    """Let peers start from compiled modules, as in an image, where the environment forbids them.

    A peer that compiles them itself holds 7 MiB more.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        os.environ["PYTHONPYCACHEPREFIX"] = folder
    command = [sys.executable, "-m", "eureka_registry", "--version"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own program


def _say(sentence: str) -> None:
    print(f"bench: {sentence}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", choices=[*report.SECTIONS, *BENCHMARKS, []],
        help="what to measure (default: everything): "
        f"{', '.join([*report.SECTIONS, *BENCHMARKS])}",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="measure for a short time only")
    parser.add_argument(
        "--amend", action="store_true", help="write what is measured into bench/RESULTS.md, too"
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    return parser


if __name__ == "__main__":
    sys.exit(main())
