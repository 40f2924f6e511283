"""Settings from the command line: one flag per setting."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, Final

from eureka_registry.config.layer import Layer
from eureka_registry.config.table import SETTINGS, Kind, Setting
from eureka_registry.config.values import convert

_REPEATED: Final = frozenset({Kind.TEXTS, Kind.PAIRS, Kind.LISTS})
_PLACEHOLDER: Final[Mapping[Kind, str]] = {
    Kind.WHOLE: "N",
    Kind.NUMBER: "N",
    Kind.TEXT: "TEXT",
    Kind.TEXTS: "A,B",
    Kind.PAIRS: "NAME=VALUE",
    Kind.LISTS: "NAME=A;B",
}


def _options(setting: Setting) -> dict[str, Any]:
    """Return the options for argparse; values stay texts, `convert` checks them."""
    described = {
        "dest": setting.name,
        "default": argparse.SUPPRESS,
        "help": setting.meaning.replace("%", "%%"),
    }
    if setting.kind is Kind.FLAG:
        return described | {"action": argparse.BooleanOptionalAction}
    metavar = "|".join(setting.choices) or _PLACEHOLDER[setting.kind]
    action = "append" if setting.kind in _REPEATED else "store"
    return described | {"action": action, "metavar": metavar}


def _sections() -> Iterator[tuple[str, Iterator[Setting]]]:
    return groupby(SETTINGS.values(), key=lambda setting: setting.section)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add one flag per setting, in the sections of the reference page.

    Only flags that were given appear in the parsed arguments. Lists may be repeated or written
    with commas; switches have a `--no-` form.
    """
    for section, settings in _sections():
        group = parser.add_argument_group(section)
        for setting in settings:
            group.add_argument(setting.flag, **_options(setting))


def from_arguments(arguments: Mapping[str, object]) -> Layer:
    """Read parsed arguments; those that are no settings, or `None`, are skipped.

    Raises:
        ConfigurationError: a value is not possible.
    """
    given = {name: raw for name, raw in arguments.items() if name in SETTINGS and raw is not None}
    return Layer(
        {name: convert(SETTINGS[name], raw, _source(name, raw)) for name, raw in given.items()}
    )


def _source(name: str, raw: object) -> str:
    flag = SETTINGS[name].flag
    return f"flag {flag.replace('--', '--no-', 1) if raw is False else flag}"
