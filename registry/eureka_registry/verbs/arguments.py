"""The arguments of these commands; each program adds its own arguments for the server."""

from __future__ import annotations

import argparse
from typing import Final

from eureka_registry.verbs.findings import CODES

OUTPUTS: Final = ("table", "wide", "json", "yaml")
EXIT_CODES: Final = """\
exit codes:
  0  it is done, and nothing is wrong
  1  doctor and diff: something was found; in: the instance stays out of service
  2  a flag, a name or a file cannot be used
  3  there is no answer, a refusal, or no such instance
"""


def ls(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `ls`."""
    parser.add_argument("app", nargs="?", default="", metavar="APP", help="only this application")
    parser.add_argument(
        "--status", action="append", default=[], metavar="STATUS",
        help="only instances with it, such as UP or OUT_OF_SERVICE; may be repeated",
    )  # fmt: skip
    output(parser)


def get(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `get`."""
    instance(parser)
    output(parser, choices=("table", "json", "yaml"))


def instance(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `out` and `in`."""
    parser.add_argument("instance", metavar="APP/ID", help="as `ls` shows them")


def diff(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `diff`, except the two servers."""
    output(parser, choices=("table", "json", "yaml"))


def watch(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `watch`."""
    parser.add_argument("app", nargs="?", default="", metavar="APP", help="only this application")
    parser.add_argument(
        "--every", type=float, default=2.0, metavar="S", help="seconds between looks (default: 2)"
    )
    parser.add_argument(
        "--for", dest="limit", type=float, metavar="S", help="end after so many seconds"
    )
    output(parser, choices=("table", "json"))


def doctor(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `doctor`; a program may have further codes."""
    parser.add_argument(
        "--ignore", action="append", default=[], metavar="CODE",
        help="leave out findings with this code; may be repeated",
    )  # fmt: skip
    output(parser, choices=("table", "json", "yaml"))


def output(parser: argparse.ArgumentParser, choices: tuple[str, ...] = OUTPUTS) -> None:
    """Declare the form of the output."""
    parser.add_argument("-o", "--output", choices=choices, default="table", help="default: table")


def unknown_codes(codes: list[str], further: frozenset[str] = frozenset()) -> list[str]:
    """The values of `--ignore` that are not codes."""
    return [each for each in codes if each not in CODES and each not in further]
