"""`eureka-sidecar status|drain|pause|resume`: sends the command to the running sidecar."""

from __future__ import annotations

import json
import sys
import time

from ..core import report, values
from ..core.configuration import Configuration
from ..shell import control
from ..shell.control import ControlError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_USAGE = 2
_DRAIN_S = 3_600.0
_OTHERS_S = 15.0
_MOST_HOLD_S = 3_600


def ask(arguments: Sequence[str]) -> int:
    """Ask and print the answer; returns 0 if the state is as wanted, 1 if not, 2 if none came."""
    command, *rest = arguments
    if "-h" in rest or "--help" in rest:
        from .help import show  # noqa: PLC0415

        return show()
    options = _options(
        rest, ("--socket", "-o", "--hold") if command == "drain" else ("--socket", "-o")
    )
    if isinstance(options, str):
        sys.stderr.write(f"eureka-sidecar {command}: {options}\n")
        return _USAGE
    name = options.get("--socket", Configuration.socket)
    try:
        document = control.ask(name, command, _DRAIN_S if command == "drain" else _OTHERS_S)
        status = 0 if _is_as_wished(command, document) else 1
        lines = report.sentences(document)
    except ControlError as error:
        sys.stderr.write(f"eureka-sidecar: {error}\n")
        return _USAGE
    except (LookupError, TypeError, ValueError):
        sys.stderr.write(
            f"eureka-sidecar: what answers at {name} is not a sidecar of this version\n"
        )
        return _USAGE
    text = json.dumps(document, indent=2) if options.get("-o") == "json" else "\n".join(lines)
    print(text, flush=True)  # noqa: T201 - it is a command
    if command == "drain":
        time.sleep(int(options.get("--hold", "0")))
    return status


def _is_as_wished(command: str, document: dict[str, Any]) -> bool:
    match command:
        case "drain":
            return report.is_removed(document)
        case "status":
            return report.is_held(document)
    return report.is_settled(document)


def _options(arguments: Sequence[str], known: Sequence[str]) -> dict[str, str] | str:
    """The options by flag, or a text about what is wrong."""
    options: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        flag, sign, value = rest.pop(0).partition("=")
        if flag not in known:
            return f"unknown option {values.display_text(flag)}; there are {', '.join(known)}"
        if not sign and not rest:
            return f"{flag} lacks its value"
        options[flag] = value if sign else rest.pop(0)
    if options.get("-o", "json") != "json":
        return "-o can only be json"
    hold_s = values.number(options.get("--hold", "0"))
    if hold_s is None or hold_s > _MOST_HOLD_S:
        return f"--hold must be a number of seconds, at most {_MOST_HOLD_S}"
    return options
