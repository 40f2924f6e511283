"""`completion`: prints the script with which a shell completes commands and flags."""

from __future__ import annotations

import argparse
import sys

from kubectl_eureka.shell import options

SHELLS = ("bash", "zsh", "fish")
_HELP = """\
for bash:  source <(kubectl-eureka completion bash)
for zsh:   source <(kubectl-eureka completion zsh)
for fish:  kubectl-eureka completion fish | source

kubectl itself completes `kubectl eureka` by the program kubectl_complete-eureka, which is
installed beside this one.
"""


def add_command(commands: options.Commands) -> None:
    """Declare it."""
    one = commands.add_parser(
        "completion",
        help="print what a shell needs to complete commands and flags",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one.add_argument("shell", choices=SHELLS)
    one.set_defaults(run=run)


def run(flags: argparse.Namespace) -> int:
    """Print it."""
    from argcomplete.shell_integration import shellcode  # noqa: PLC0415 - no other needs it

    sys.stdout.write(shellcode(["kubectl-eureka"], shell=flags.shell))
    return 0
