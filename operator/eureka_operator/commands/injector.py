"""`injector`: answers the API server about new pods until SIGTERM."""

from __future__ import annotations

import asyncio

from eureka_operator import injector
from eureka_operator.shell import logs
from eureka_operator.shell.options import InjectorOptions


def run(options: InjectorOptions) -> int:
    """Run one replica; its exit code.

    Raises:
        UnavailableError: There is no way to the API server, or a port is taken.
    """
    logs.set_up(options.log_level, options.log_format)
    return asyncio.run(injector.run(options))
