"""Reads a story file, runs it, and writes it with what really happened.

A line that begins with `> ` is a command; the lines below it, up to an empty line or the next
command, are its output. All other lines are prose.
"""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.runner.commands import Stage

PROMPT = "> "


def rerun(text: str) -> str:
    """The story with the output that its commands give now."""
    stage = Stage()
    return "".join(f"{line}\n" for line in _lines(text, stage))


def _lines(text: str, stage: Stage) -> Iterator[str]:
    below_command = False
    for line in text.splitlines():
        if line.startswith(PROMPT):
            below_command = True
            yield line
            yield from stage.do(line.removeprefix(PROMPT))
            continue
        below_command = below_command and bool(line.strip())
        if not below_command:
            yield line
