"""`status`: EurekaClusters, their peers, self-preservation, and problems."""

from __future__ import annotations

import argparse
import asyncio
import sys

import msgspec

from eureka_registry.verbs import arguments, printing
from kubectl_eureka.commands import knowledge
from kubectl_eureka.core.clusters import ClusterStatus, cluster_table, lines, peer_table
from kubectl_eureka.shell import options

NOT_READY = 1


def add_command(commands: options.Commands) -> None:
    """Declare it."""
    one = options.command(commands, "status", "show EurekaClusters, peers, and problems")
    one.add_argument("name", nargs="?", default="", metavar="NAME", help="one EurekaCluster")
    arguments.output(one)
    options.add_place(one)
    options.add_everywhere(one)
    one.set_defaults(run=run)


def run(flags: argparse.Namespace) -> int:
    """Print it; 1 if an EurekaCluster is not Ready.

    Raises:
        NoAnswerError: The cluster cannot be asked.
    """
    found, notes = asyncio.run(_read(flags))
    if flags.output in ("json", "yaml"):
        printing.print_document(sys.stdout, flags.output, msgspec.to_builtins(found))
    else:
        _print(found, wide=flags.output == "wide")
    printing.print_notes(sys.stderr, notes)
    return 0 if all(each.ready for each in found) else NOT_READY


async def _read(flags: argparse.Namespace) -> tuple[list[ClusterStatus], list[str]]:
    from kubectl_eureka.shell import cluster, statuses  # noqa: PLC0415 - files need no client

    look = options.read_place(flags)
    namespace = knowledge.namespace_or_all(flags, look)
    async with cluster.connection(look) as client:
        return await statuses.read(client, namespace, flags.name)


def _print(statuses: list[ClusterStatus], *, wide: bool) -> None:
    if not statuses:
        sys.stderr.write("kubectl-eureka: there are no EurekaClusters; -A looks everywhere\n")
        return
    if len(statuses) > 1:
        printing.print_rows(sys.stdout, cluster_table(statuses))
    for at, each in enumerate(statuses):
        if at or len(statuses) > 1:
            sys.stdout.write("\n")
        title = f"EurekaCluster {each.namespace}/{each.name}"
        printing.print_lines(sys.stdout, title, lines(each))
        if each.peers:
            printing.print_rows(sys.stdout, peer_table(each, wide=wide))
