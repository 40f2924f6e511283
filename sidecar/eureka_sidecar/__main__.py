"""`eureka-sidecar`: runs beside an application, or queries a running sidecar."""

from __future__ import annotations

import sys


def main() -> int:
    """Do what the arguments say; returns the exit status."""
    words = sys.argv[1:]
    if words and words[0] in ("-h", "--help", "help"):
        from .commands.help import show  # noqa: PLC0415 - each command loads what it needs

        return show()
    if words and words[0] in ("status", "drain", "pause", "resume"):
        from .commands.ask import ask  # noqa: PLC0415

        return ask(words)
    from .commands.run import run  # noqa: PLC0415

    return run(words[1:] if words and words[0] == "run" else words)


if __name__ == "__main__":
    sys.exit(main())
