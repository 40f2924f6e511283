"""The command line: `run` the operator, `plan` its changes, or run the `injector`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from eureka_operator import __version__
from eureka_operator.shell import options
from eureka_operator.shell.client import ApiError

_WRONG_USAGE = 2
_NO_API = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    flags = _parser().parse_args(arguments)
    try:
        return int(flags.run(flags))
    except options.OptionsError as error:
        print(f"eureka-operator: {error}", file=sys.stderr)  # noqa: T201
        return _WRONG_USAGE
    except ApiError as error:
        print(f"eureka-operator: {error}", file=sys.stderr)  # noqa: T201
        return _NO_API
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="eureka-operator", description="Runs Eureka registries on Kubernetes."
    )
    parser.add_argument("--version", action="version", version=f"eureka-operator {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("run", help="run one replica until SIGTERM or Ctrl-C")
    options.add_flags(one)
    one.set_defaults(run=_run)
    shown = commands.add_parser("plan", help="show what would be made, changed and restarted")
    options.add_plan_flags(shown)
    options.add_flags(shown)
    shown.set_defaults(run=_plan)
    injector = commands.add_parser("injector", help="give new pods a sidecar, as a webhook")
    options.add_injector_flags(injector)
    injector.set_defaults(run=_injector)
    return parser


def _run(flags: argparse.Namespace) -> int:
    from eureka_operator.commands import run  # noqa: PLC0415 - `plan` need not pay for kopf

    return run.run(options.read(flags, os.environ))


def _injector(flags: argparse.Namespace) -> int:
    from eureka_operator.commands import injector  # noqa: PLC0415 - likewise

    return injector.run(options.read_injector(flags, os.environ))


def _plan(flags: argparse.Namespace) -> int:
    from eureka_operator.commands import plan  # noqa: PLC0415 - `run` need not pay for its tables

    return plan.run(flags, options.read(flags, os.environ))


if __name__ == "__main__":
    sys.exit(main())
