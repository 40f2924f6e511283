"""`plan`: what the operator would do with a file, as `eureka-operator plan` shows it.

With `--live` it counts with the flags of the operator that is installed.
"""

from __future__ import annotations

import argparse
import asyncio
import os

from eureka_operator.shell import options as operator
from kubectl_eureka.shell import options
from kubectl_eureka.shell.errors import NoAnswerError


def add_command(commands: options.Commands) -> None:
    """Declare it."""
    one = options.command(commands, "plan", "show what the operator would make, change, restart")
    operator.add_plan_flags(one)
    options.add_kubeconfig(one)
    one.set_defaults(run=run)


def run(flags: argparse.Namespace) -> int:
    """Print the plan; 2 if the object cannot be used.

    Raises:
        UsageError: A kubeconfig cannot be one.
        NoAnswerError: With `--live`, the cluster cannot be asked.
    """
    from eureka_operator.commands import plan  # noqa: PLC0415 - it loads the Kubernetes client
    from eureka_operator.shell.client import ApiError  # noqa: PLC0415 - likewise

    given: list[str] = []
    if flags.live:
        given = asyncio.run(_installed(flags))
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    operator.add_flags(parser)
    try:
        found, _ = parser.parse_known_args(given)
    except argparse.ArgumentError as error:
        said = f"the flags of the installed operator cannot be read: {error}"
        raise NoAnswerError(said) from error
    found.kubeconfig = options.read_kubeconfig(flags)
    try:
        return plan.run(flags, operator.read(found, os.environ))
    except ApiError as error:
        raise NoAnswerError(str(error)) from error


async def _installed(flags: argparse.Namespace) -> list[str]:
    """The flags of the installed operator; none if it is not known."""
    from kubectl_eureka.shell import cluster  # noqa: PLC0415 - likewise

    look = options.Look(kubeconfig=options.read_kubeconfig(flags))
    async with cluster.connection(look) as client:
        return await cluster.operator_arguments(client)
