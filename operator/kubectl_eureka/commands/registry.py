"""`ls`, `get`, `out`, `in`, `diff` and `watch` for the registry of an EurekaCluster.

The verbs themselves are those of `eureka-registry`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Final

from eureka_registry.verbs import arguments, commands
from eureka_registry.verbs.commands import Streams
from eureka_registry.verbs.server import Server
from kubectl_eureka.commands import knowledge
from kubectl_eureka.shell import options
from kubectl_eureka.shell.errors import UsageError

_WRITING: Final = ("out", "in")
_LONGEST_S: Final = 3600


def add_commands(commands_: options.Commands) -> None:
    """Declare the verbs."""
    for name, text, declare in (
        ("ls", "list the instances of a registry", arguments.ls),
        ("get", "show all of one instance", arguments.get),
        ("out", "take an instance out of service", arguments.instance),
        ("in", "put an instance back in service", arguments.instance),
        ("diff", "show what two peers hold differently", arguments.diff),
        ("watch", "show what registers, renews late and leaves", arguments.watch),
    ):
        one = options.command(commands_, name, text)
        if name == "diff":
            one.add_argument("peers", nargs=2, metavar="PEER", help="such as peer1")
        declare(one)
        options.add_target(one)
        one.set_defaults(run=run, verb=name)


def run(flags: argparse.Namespace) -> int:
    """Run the verb; its exit code.

    Raises:
        UsageError: A name cannot be used.
        NoAnswerError: The cluster or the registry cannot be asked.
    """
    if not 0 < getattr(flags, "every", 1) < _LONGEST_S:
        raise UsageError(f"--every {flags.every:g}: write seconds, more than 0")
    return asyncio.run(_run(flags))


async def _run(flags: argparse.Namespace) -> int:
    from kubectl_eureka.shell import cluster, registry  # noqa: PLC0415 - files need no client

    look = options.read_place(flags)
    streams = Streams(sys.stdout, sys.stderr)
    async with cluster.connection(look, may_write=flags.verb in _WRITING) as client:
        target = await registry.find_target(client, knowledge.namespace_of(look), flags.cluster)
        if flags.verb == "diff":
            one, other = (registry.peer(client, target, name) for name in flags.peers)
            return await commands.diff(flags, (one, other), streams, asyncio.sleep)
        return await _VERBS[flags.verb](flags, registry.registry(client, target), streams)


async def _watch(flags: argparse.Namespace, server: Server, streams: Streams) -> int:
    return await commands.watch(flags, server, streams, asyncio.sleep)


_VERBS: Final[dict[str, Callable[[argparse.Namespace, Server, Streams], Awaitable[int]]]] = {
    "ls": commands.ls,
    "get": commands.get,
    "out": commands.set_out_of_service,
    "in": commands.lift_override,
    "watch": _watch,
}
