"""The command line: `kubectl eureka inject`, `uninject` and `explain`."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from typing import Final

from eureka_operator import __version__
from kubectl_eureka.commands import explain, inject, uninject
from kubectl_eureka.shell import options
from kubectl_eureka.shell.errors import NoAnswerError, UsageError

WRONG_USAGE: Final = 2
NO_ANSWER: Final = 3
_INTERRUPTED: Final = 130
_CODES: Final = """\
exit codes:
  0  it is done
  1  inject: a pod asked for a sidecar that it cannot have; nothing is printed
  2  a flag, a name or a file cannot be used
  3  the cluster cannot be asked, or there is no such object
"""


def main(words: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name must not end the program
            stream.reconfigure(errors="backslashreplace")
    flags = _parser().parse_args(words)
    try:
        code = int(flags.run(flags))
        sys.stdout.flush()
    except UsageError as error:
        return _fail(str(error), WRONG_USAGE)
    except NoAnswerError as error:
        return _fail(str(error), NO_ANSWER)
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads on, and the interpreter would say so at its end
        return 0
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code


def _fail(said: str, code: int) -> int:
    sys.stderr.write(f"kubectl-eureka: {said}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kubectl eureka",
        description="Shows what Eurekube's injector does to pods, and does it to files.",
        epilog=_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"kubectl-eureka {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser("inject", help="print documents with the sidecar in their pods")
    _add_file(one, required=True)
    options.add_flags(one)
    one.set_defaults(run=inject.run)

    back = commands.add_parser("uninject", help="print documents as they were before")
    _add_file(back, required=True)
    back.set_defaults(run=uninject.run)

    why = commands.add_parser("explain", help="say why a pod has a sidecar or none")
    why.add_argument("name", nargs="?", metavar="POD|KIND/NAME", help="an object of the cluster")
    _add_file(why, required=False)
    options.add_flags(why)
    why.add_argument("-o", "--output", choices=("text", "json"), default="text")
    why.set_defaults(run=explain.run)
    return parser


def _add_file(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument(
        "-f",
        "--file",
        action="append",
        required=required,
        metavar="FILE|FOLDER|-",
        help="YAML or JSON; -: standard input; may be repeated",
    )


if __name__ == "__main__":
    sys.exit(main())
