"""`bench`: the same as `eureka-registry bench`, if that is installed."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys

from kubectl_eureka.shell import options
from kubectl_eureka.shell.errors import UsageError

_NEEDED = ("uvloop", "isal")
"""What `pip install '.[operator]'` alone lacks."""


def add_command(commands: options.Commands) -> None:
    """Declare it."""
    one = commands.add_parser(
        "bench",
        help="measure a Eureka server by its URL, as eureka-registry bench",
        add_help=False,
        prefix_chars="\0",
    )
    one.add_argument("words", nargs="*")
    one.set_defaults(run=run)


def run(flags: argparse.Namespace) -> int:
    """Replace this process by `eureka-registry bench`.

    Raises:
        UsageError: It is not installed.
    """
    if not all(map(importlib.util.find_spec, _NEEDED)):
        raise UsageError("bench needs the registry's part: pip install 'eurekube[registry]'")
    words = [sys.executable, "-m", "eureka_registry", "bench", *flags.words]
    os.execv(words[0], words)  # noqa: S606 - this program's own interpreter
