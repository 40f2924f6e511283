"""Writes the page `docs/configuration.md` from the tables of settings and names.

`python -m eureka_registry.config.reference > docs/configuration.md` makes it anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from enum import Enum
from itertools import groupby
from typing import Final

from eureka_registry.config.binding import spring_names
from eureka_registry.config.names import UNMAPPED
from eureka_registry.config.table import SETTINGS, Kind, Setting

_INTRODUCTION: Final = """\
<!-- Made by `python -m eureka_registry.config.reference`; do not edit. -->

# Configuration of the registry

Each setting is taken from the first of these that has it:

1. a flag, such as `--port 8761`; switches have a `--no-` form, lists may be repeated;
2. an environment variable, such as `EUREKA_PORT`; an empty one counts as not set;
3. the file named by `--config`, JSON or YAML: `port: 8761`;
4. the default.

The file is looked at every second. Settings that are *live* below are taken over while everything
runs; others stay as they are until a restart, and `/peers` of the management port names them
(`config.restartNeeded`). A file that cannot be used changes nothing: the last good settings stay as
a whole, and the problem is shown there and on the dashboard. Flags and variables beat the file
then, too. An unknown key is an error, and with `--config-lenient` a warning, for files that are
written for another version.

Lists are written with commas, names and values as `name=value,name=value`, lists by name as
`name=value;value,name=value`. Numbers of seconds may have a fraction.

Spring's environment variables (`EUREKA_SERVER_ENABLE_SELF_PRESERVATION`,
`EUREKA_CLIENT_SERVICEURL_DEFAULTZONE`, `SERVER_PORT`, ...) count, too, where this page names a
property of Java's, and so do properties in `SPRING_APPLICATION_JSON`; our own names win. They may
hold placeholders, as in `EUREKA_INSTANCE_HOSTNAME=${HOSTNAME}.eureka`. Files of Spring's
(`application.yml`, also those of profiles and of `config/` beside it) are read by
`eureka-registry up -f`; properties are compared as Spring does, without case, `-` and `_`. What
Spring would have read and is not read here is named at the start.

Variables that Kubernetes makes for Services (`EUREKA_PORT=tcp://...`, `EUREKA_SERVICE_HOST`) are
ignored; `enableServiceLinks: false` in the pod keeps them away.
"""

_WITHOUT: Final = """\
## Java's properties without meaning here

They may stay where they are: each start names them once, and goes on.
"""


def markdown() -> str:
    """Return the whole page."""
    parts = [_INTRODUCTION]
    for section, settings in groupby(SETTINGS.values(), key=lambda setting: setting.section):
        parts += [f"## {section}\n", *(_entry(setting) for setting in settings)]
    parts += [_WITHOUT, *_reasons()]
    return "\n".join(parts)


def _entry(setting: Setting) -> str:
    flag = f"`{setting.flag}`"
    if setting.kind is Kind.FLAG:
        flag += f", `{setting.flag.replace('--', '--no-', 1)}`"
    rows = [
        ("flag", flag),
        ("environment", f"`{setting.environment}`"),
        ("value", _value(setting)),
        ("default", _default(setting.default)),
        ("live", "yes" if setting.live else "no, needs a restart"),
    ]
    if names := spring_names(setting.name):
        rows.append(("Java", _names(names)))
    lines = [f"### `{setting.name}`\n", f"{_sentence(setting.meaning)}\n", "| | |", "|---|---|"]
    return "\n".join([*lines, *(f"| {title} | {_cell(text)} |" for title, text in rows), ""])


def _value(setting: Setting) -> str:
    if setting.choices:
        return " or ".join(f"`{word}`" for word in setting.choices)
    text, separator, pattern = setting.allowed.partition(" matches ")
    return f"{text} matches `{pattern}`" if separator else text


def _default(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, Enum):
        return f"`{value.value}`"
    if isinstance(value, float):
        return f"`{value:.12g}`"
    return f"`{value}`" if isinstance(value, int | str) and value != "" else "empty"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name.replace('.*', '.<key>')}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _reasons() -> list[str]:
    by_reason: dict[str, list[str]] = {}
    for row in UNMAPPED:
        by_reason.setdefault(row.reason, []).extend(row.names)
    return [*_paragraphs(by_reason)]


def _paragraphs(by_reason: Mapping[str, list[str]]) -> Iterable[str]:
    for reason, names in by_reason.items():
        yield f"{_sentence(reason)}\n\n{_names(names)}\n"


if __name__ == "__main__":
    sys.stdout.write(markdown())
