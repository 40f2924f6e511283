"""`eureka-sidecar --help`."""

from __future__ import annotations

import sys

from ..core.settings import SETTINGS

_INTRODUCTION = """\
Register what runs beside this in Eureka, renew its lease, and remove it before the end.

  eureka-sidecar [run] --app NAME --port PORT --registry URL [FLAG...] [-- COMMAND...]
  eureka-sidecar status [-o json]        whether clients find it, and why not
  eureka-sidecar drain [--hold SECONDS]  remove it for good; returns when it is gone
  eureka-sidecar pause | resume          take it out of service, and back

With a command it starts that, passes signals on, and ends with its status. The others ask the
sidecar that runs here (--socket NAME); status is 0 if all is as wished, 1 if not, 2 if none runs.

Flags of run. With --config FILE, or in the variable EUREKA_SIDECAR_CONFIG, the same is JSON:
{"instances": [{"app": "orders", "port": 8080}], "registries": [{"urls": ["http://..."]}]}.
The name there follows in brackets.

"""
_INDENT = 29
_WIDTH = 100


def show() -> int:
    """Print it; returns the exit status."""
    import textwrap  # noqa: PLC0415 - it imports re, which `run` does without

    lines = []
    for each in SETTINGS:
        path = f"{each.section}.{each.field}" if each.section else each.field
        meaning = textwrap.wrap(
            f"{each.meaning} [{path}]", _WIDTH - _INDENT, break_on_hyphens=False
        )
        lines.append(f"  {f'{each.flag} {each.value}':<{_INDENT - 2}}{meaning[0]}")
        lines += [" " * _INDENT + more for more in meaning[1:]]
    sys.stdout.write(_INTRODUCTION + "\n".join(lines) + "\n")
    return 0
