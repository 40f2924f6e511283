"""`run`: reconciles EurekaClusters until SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import NoReturn

from eureka_operator import process
from eureka_operator.reconcile import reconciler
from eureka_operator.shell import logs
from eureka_operator.shell.options import Options


def run(options: Options) -> NoReturn:
    """Run one replica, and end the process with its exit code.

    Raises:
        UnavailableError: There is no way to the API server, or the port is taken.
    """
    logs.set_up(options.log_level, options.log_format)
    with asyncio.Runner() as runner:
        code = runner.run(
            process.run(
                options, lambda kube, metrics, turns: reconciler(kube, metrics, turns, options)
            )
        )
        logging.shutdown()
        os._exit(code)  # kopf's own end takes five seconds or more
