"""The command line of `kubectl eureka`; each command declares its own arguments."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import Final

from eureka_operator import __version__
from eureka_operator.shell.options import OptionsError
from kubectl_eureka.commands import (
    bench,
    completion,
    doctor,
    drill,
    explain,
    inject,
    plan,
    registry,
    report,
    status,
    uninject,
)
from kubectl_eureka.shell.errors import BadNameError, NoAnswerError, UsageError

WRONG_USAGE: Final = 2
NO_ANSWER: Final = 3
_INTERRUPTED: Final = 130
_CODES: Final = """\
exit codes:
  0  it is done, and nothing is wrong
  1  something is wrong: inject: a pod is refused, and nothing is printed; status: a cluster is not
     Ready; doctor, diff: something was found; in: the instance stays out of service; drill:
     something was lost
  2  a flag, a name or a file cannot be used
  3  the cluster or the registry cannot be asked, or there is no such object; drill: it cannot be
     carried out here, or something of it is left
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name must not end the program
            stream.reconfigure(errors="backslashreplace")
    found = parser()
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete  # noqa: PLC0415 - only a shell's Tab key needs it

        argcomplete.autocomplete(found)
    flags = found.parse_args(arguments)
    try:
        code = int(flags.run(flags))
        sys.stdout.flush()
    except (UsageError, BadNameError, OptionsError) as error:
        return _fail(str(error), WRONG_USAGE)
    except NoAnswerError as error:
        return _fail(str(error), NO_ANSWER)
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads on, and the interpreter would say so at its end
        return 0
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"kubectl-eureka: {message}\n")
    return code


def parser() -> argparse.ArgumentParser:
    """All commands with their arguments."""
    found = argparse.ArgumentParser(
        prog="kubectl eureka",
        description="Shows and changes what Eurekube's registries hold and its injector does.",
        epilog=_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("--version", action="version", version=f"kubectl-eureka {__version__}")
    commands = found.add_subparsers(required=True, metavar="COMMAND")
    status.add_command(commands)
    registry.add_commands(commands)
    doctor.add_command(commands)
    explain.add_command(commands)
    inject.add_command(commands)
    uninject.add_command(commands)
    plan.add_command(commands)
    report.add_command(commands)
    bench.add_command(commands)
    drill.add_command(commands)
    completion.add_command(commands)
    return found


if __name__ == "__main__":
    sys.exit(main())
