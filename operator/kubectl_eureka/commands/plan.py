"""`plan`: shows what the operator would do with a file, like `eureka-operator plan`.

With `--live` it counts with the flags and the namespace of the operator that is installed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from typing import TYPE_CHECKING

from eureka_operator.shell import options as operator
from kubectl_eureka.shell import options
from kubectl_eureka.shell.errors import NoAnswerError

if TYPE_CHECKING:
    from kubectl_eureka.shell.cluster import Operator


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
    from kubectl_eureka.shell import cluster  # noqa: PLC0415 - likewise

    installed = asyncio.run(_operator(flags)) if flags.live else cluster.Operator()
    found = cluster.operator_flags(installed)
    found.kubeconfig = options.read_kubeconfig(flags)
    environment = dict(os.environ)
    if installed.namespace:
        environment["POD_NAMESPACE"] = installed.namespace
    try:
        return plan.run(flags, operator.read(found, environment))
    except ApiError as error:
        raise NoAnswerError(str(error)) from error


async def _operator(flags: argparse.Namespace) -> Operator:
    """How the installed operator is run."""
    from kubectl_eureka.shell import cluster  # noqa: PLC0415 - likewise

    look = options.Look(kubeconfig=options.read_kubeconfig(flags))
    async with cluster.connection(look) as client:
        return await cluster.installed_operator(client)
