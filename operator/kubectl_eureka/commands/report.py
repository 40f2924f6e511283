"""`report`: writes an archive of objects, events, logs and reports of peers, without secrets."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from eureka_registry.verbs import printing
from kubectl_eureka.commands import knowledge
from kubectl_eureka.shell import options

if TYPE_CHECKING:
    from kubectl_eureka.shell.bundle import Bundle


def add_command(commands: options.Commands) -> None:
    """Declare it."""
    one = options.command(commands, "report", "write a redacted bundle for others to look at")
    one.add_argument(
        "-f", "--file", type=Path, metavar="FILE", help="default: eurekube-report-TIME.tar.gz"
    )
    options.add_place(one)
    options.add_everywhere(one)
    one.set_defaults(run=run)


def run(flags: argparse.Namespace) -> int:
    """Write it.

    Raises:
        UsageError: The file cannot be written.
        NoAnswerError: The cluster cannot be asked.
    """
    from kubectl_eureka.shell import bundle  # noqa: PLC0415 - files need no Kubernetes client

    now_s = int(time.time())
    name = f"eurekube-report-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now_s))}"
    path = flags.file or Path(f"{name}.tar.gz")
    found = asyncio.run(_gather(flags))
    parts = found.parts()
    bundle.write(path, name, parts, now_s)
    sys.stdout.write(f"{path}: {len(parts)} files; secrets were not asked for\n")
    printing.print_notes(sys.stderr, found.notes)
    return 0


async def _gather(flags: argparse.Namespace) -> Bundle:
    from kubectl_eureka.shell import bundle, cluster  # noqa: PLC0415 - likewise

    look = options.read_place(flags)
    namespace = knowledge.namespace_or_all(flags, look)
    async with cluster.connection(look) as client:
        return await bundle.gather(client, namespace)
