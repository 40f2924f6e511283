"""What a person and a program read."""

from __future__ import annotations

import io
import json

import msgspec
import pytest
from rich.console import Console

from eureka_registry.local.bench.figures import Phase, Tally
from eureka_registry.local.bench.report import Remainder, Report, Sight
from eureka_registry.local.bench.screen import Progress, phase_line, show
from eureka_registry.local.bench.server import RegistrySize
from support.benchmarked import GOOD, HERE, QUICK

REPORT = msgspec.structs.replace(
    GOOD,
    urls=[HERE],
    found={HERE: RegistrySize(1, 3)},
    phases=[Phase("application", 12_345, 0, 1.0, 12_345.0, QUICK, {"200": 10}, 84_133, 0.1)],
    sight=[Sight(HERE, 7, 0, None)],
)


def printed_text(output: str, width: int, *, terminal: bool, report: Report = REPORT) -> str:
    """What is printed."""
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=terminal, color_system=None)
    show(report, output, console)
    return file.getvalue()


@pytest.mark.parametrize(("width", "spared"), [(80, ()), (74, ("bytes",)), (66, ("bytes", "p90"))])
def test_a_narrow_terminal_goes_without_what_can_be_spared(
    width: int, spared: tuple[str, ...]
) -> None:
    """Cut off numbers are wrong numbers."""
    text = printed_text("text", width, terminal=True)

    heading = next(line for line in text.splitlines() if "operation" in line)
    assert [each for each in ("bytes", "p90") if each not in heading] == list(spared)
    assert "12,345" in text
    assert "…" not in text
    assert "max ms" in heading


def test_sentences_are_whole_lines_in_a_pipe() -> None:
    """So that grep finds them."""
    lines = printed_text("text", 40, terminal=False).splitlines()

    assert (
        "EUREKA-BENCH-0A1B: 10 instances at http://one:8761/eureka/, which held 3 instances of "
        "1 application; 1 connection, as fast as it goes"
    ) in lines


def test_the_command_for_what_is_left_is_never_broken() -> None:
    """Pasted from a narrow terminal half a command would run."""
    command = "curl -X DELETE 'http://one:8761/eureka/apps/EUREKA-BENCH-0A1B/id-[0-99]'"
    left = Remainder(1, "2026-01-01T00:01:30Z", "2026-01-01T00:03:00Z", command, "interrupted")
    report = msgspec.structs.replace(REPORT, left=left)

    assert printed_text("text", 40, terminal=True, report=report).endswith(f"them: {command}\n")


def test_json_is_one_document_however_narrow() -> None:
    """All that is measured, the sentences, and whether it went well."""
    document = json.loads(printed_text("json", 20, terminal=True))

    assert document["passed"] is True
    assert document["verdict"][-1] == "All instances of EUREKA-BENCH-0A1B are removed."
    assert document["phases"][0]["latency_ms"] == msgspec.to_builtins(QUICK)


def test_a_phase_under_way_is_a_line() -> None:
    """How far it is, and that something goes wrong."""
    tally = Tally("register", moment=1.0, cpu_s=0.0, goal=100)
    tally.add("204", 0.1, 0, good=True)
    tally.add("500", 0.1, 0, good=False)

    assert phase_line(tally, now_s=3.5) == "register: 2 of 100, 1 errors, 2.5 s"


async def test_progress_is_quiet_in_a_pipe_but_messages_are_not() -> None:
    """A log full of progress bars is of no use."""
    file = io.StringIO()
    progress = Progress(Console(file=file, width=20))
    progress.begin(Tally("register", moment=1.0, cpu_s=0.0))

    await progress.draw()
    progress.say("removing [all] of a hundred instances")

    assert file.getvalue() == "removing [all] of a hundred instances\n"
