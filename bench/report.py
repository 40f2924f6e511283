"""The sections of `bench/RESULTS.md`, and the page itself."""

from __future__ import annotations

import platform
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Final

from bench import (
    credentials,
    failures,
    hostile,
    injector,
    results,
    sidecar,
    storm,
    table,
    two,
    versus,
)
from bench.answers import BadAnswerError
from bench.figures import Figure
from bench.lab import Lab, NotMeasuredError
from bench.results import Row
from support.builds import output

Section = tuple[str, Callable[[Lab], Awaitable[list[Row]]]]

SECTIONS: Final[Mapping[str, Section]] = MappingProxyType(
    {
        "versus": ("Beside a Java server, each alone", versus.side_by_side),
        "sizes": ("Bytes of lists", versus.sizes),
        "starts": ("Start", versus.starts),
        "two": ("Two servers", two.two),
        "failing": ("What peers cost, well and failing", failures.failing_peers),
        "storm": ("Storm: failures under a crowd of clients", storm.storms),
        "hostile": ("Under attack", hostile.hostile),
        "credentials": ("Credentials", credentials.credentials),
        "sidecar": ("The sidecar", sidecar.sidecar),
        "injector": ("The injector", injector.injector),
    }
)

_ALONE: Final = "Our figures alone"
_MISSING: Final = "Not measured"

PAGE: Final = Path(__file__).parent / "RESULTS.md"


async def measured(lab: Lab, names: Sequence[str]) -> tuple[list[tuple[str, list[Row]]], list[str]]:
    """The rows of each section that is named, of all without names; and what could not be had."""
    sections: list[tuple[str, list[Row]]] = []
    problems: list[str] = []
    for name, (title, benchmark) in SECTIONS.items():
        if names and name not in names:
            continue
        began = time.perf_counter()
        try:
            sections.append((title, await benchmark(lab)))
        except (NotMeasuredError, BadAnswerError, OSError, AssertionError) as error:
            problems.append(f"{name}: {error}")
            lab.say(f"not measured: {problems[-1]}")
        lab.say(f"{name} took {time.perf_counter() - began:.0f} s")
    return sections, problems


def write(
    sections: Sequence[tuple[str, Sequence[Row]]],
    figures: Sequence[Figure],
    problems: Sequence[str],
) -> None:
    """Write the page anew."""
    text = results.page(sections, _about())
    text += f"\n## {_ALONE}\n\n```\n{table.text(figures)}\n```\n"
    if problems:
        text += f"\n## {_MISSING}\n\n" + "".join(f"* {problem}\n" for problem in problems)
    PAGE.write_text(text)


def amend(sections: Sequence[tuple[str, Sequence[Row]]]) -> None:
    """Put sections that were measured again in the place of the page's own.

    Raises:
        NotMeasuredError: the page is of another day, machine or version, so it must be made anew.
    """
    text, about = PAGE.read_text(), "\n".join(_about())
    if about not in text:
        raise NotMeasuredError(f"{PAGE} is of another day, machine or version: measure everything")
    _, *parts = text.split("\n## ")
    found = {title: body for title, _, body in (part.partition("\n") for part in parts)}
    for title, rows in sections:
        found[title] = results.body(rows)
    again = [name for name, (title, _) in SECTIONS.items() if title in dict(sections)]
    kept = [
        line
        for line in found.pop(_MISSING, "").splitlines()
        if line.startswith("* ") and line[2:].partition(":")[0] not in again
    ]
    if kept:
        found[_MISSING] = "\n" + "\n".join(kept) + "\n"
    order = [*(title for title, _ in SECTIONS.values()), _ALONE, _MISSING]
    bodies = [f"\n## {title}\n\n{found[title].strip()}" for title in order if title in found]
    PAGE.write_text("\n".join(["# Results", "", about, *bodies]) + "\n")


def plain(rows: Sequence[Row]) -> str:
    """Rows for a terminal."""
    return "\n".join(
        f"  {row.name}: {results.spread_text(row.ours)} {row.unit}, Java"
        f" {results.spread_text(row.java)}  {results.verdict(row)}"
        for row in rows
    )


def _about() -> list[str]:
    java = output("java", "-version").splitlines()[0] if versus.java_is_there() else "no Java"
    packages = ", ".join(f"{name} {version(name)}" for name in ("aiohttp", "uvloop", "isal"))
    return [
        "Made by `make bench`; do not edit. Values are medians of rounds taken in turn, with the",
        "least and the greatest; the server has one core, the load generator the other. The Java",
        "server is Spring Boot 3.5.7 with Spring Cloud 2025.0.0 (eureka-core 2.0.4), `-Xmx2g`,",
        "without the 30 s read-only cache, and is loaded before each figure until three windows in",
        "a row agree within 5 %; the note says how long that took, or that they never did.",
        "`here : Java` is how many times as good ours is.",
        "",
        "| | |",
        "|---|---|",
        f"| measured | {time.strftime('%Y-%m-%d')} |",
        f"| machine | {_processor()}, {platform.platform()} |",
        f"| Python | {platform.python_version()}, {packages} |",
        f"| Java | {java} |",
    ]


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(models)} cores {models[0]}" if models else platform.machine()
