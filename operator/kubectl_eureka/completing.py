"""`kubectl_complete-eureka`: how kubectl completes `kubectl eureka`.

kubectl calls it with the words behind `kubectl eureka`, the last of which is not finished, and
reads one completion a line, then a directive of cobra's.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Final

import argcomplete
from argcomplete.completers import SuppressCompleter

from kubectl_eureka.__main__ import parser

_NO_FILES: Final = ":4"
"""Cobra's `ShellCompDirectiveNoFileComp`."""
_SEPARATOR: Final = "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print completions; returns the exit code."""
    given = sys.argv[1:] if arguments is None else [*arguments]
    print("\n".join([*completions(given), _NO_FILES]))  # noqa: T201
    return 0


def completions(words: Sequence[str]) -> list[str]:
    """The words that can complete the last one."""
    line = " ".join(["kubectl-eureka", *words])
    os.environ |= {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": _SEPARATOR,
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    found = io.StringIO()
    argcomplete.autocomplete(
        parser(),
        always_complete_options=False,
        exit_method=lambda _code: None,
        output_stream=found,
        default_completer=SuppressCompleter(),
    )
    return [each.rstrip() for each in found.getvalue().split(_SEPARATOR) if each]


if __name__ == "__main__":
    sys.exit(main())
