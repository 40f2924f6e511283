"""`doctor`: finds problems of pods, EurekaClusters and registries, each with what to do."""

from __future__ import annotations

import argparse
import asyncio
import sys

from eureka_registry.verbs import arguments, commands, printing
from eureka_registry.verbs.findings import Finding, without
from kubectl_eureka.commands import knowledge
from kubectl_eureka.core.podchecks import CODES
from kubectl_eureka.shell import options
from kubectl_eureka.shell.errors import UsageError


def add_command(commands_: options.Commands) -> None:
    """Declare it."""
    one = options.command(commands_, "doctor", "find problems, each with its cure")
    arguments.doctor(one)
    options.add_place(one)
    options.add_everywhere(one)
    one.set_defaults(run=run)


def run(flags: argparse.Namespace) -> int:
    """Print what is found; 1 if there is something.

    Raises:
        UsageError: `--ignore` names no code.
        NoAnswerError: The cluster cannot be asked.
    """
    wrong = arguments.unknown_codes(flags.ignore, frozenset(CODES))
    if wrong:
        raise UsageError(f"--ignore: there is no code {', '.join(wrong)}")
    findings, notes = asyncio.run(_look(flags))
    code = commands.show_findings(
        flags, without(findings, flags.ignore), commands.Streams(sys.stdout, sys.stderr)
    )
    printing.print_notes(sys.stderr, notes)
    return code


async def _look(flags: argparse.Namespace) -> tuple[list[Finding], list[str]]:
    from kubectl_eureka.shell import checkup, cluster  # noqa: PLC0415 - files need no client

    look = options.read_place(flags)
    namespace = knowledge.namespace_or_all(flags, look)
    async with cluster.connection(look) as client:
        return await checkup.look_at_all(client, look, namespace)
