"""The table of settings as data, made from `Settings`, for files, flags and pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, get_type_hints

import msgspec
from msgspec import inspect

from eureka_registry.config.settings import SECTIONS, Settings

_WORDS: Final = re.compile(r"\^\(([\w|]+)\)\$")


class Kind(Enum):
    """How a setting's value is written; the value is the name shown on the reference page."""

    FLAG = "true or false"
    WHOLE = "whole number"
    NUMBER = "number"
    CHOICE = "choice"
    TEXT = "text"
    TEXTS = "list"
    PAIRS = "names and values"
    LISTS = "names and lists"


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table.

    `annotation` is the field's type with its bounds, `allowed` the same in words,
    `choices` the words of a `Kind.CHOICE`, else empty. `live` says whether a running process takes
    over another value of its file.
    """

    name: str
    section: str
    kind: Kind
    annotation: Any
    default: object
    allowed: str
    choices: tuple[str, ...]
    meaning: str
    live: bool

    @property
    def flag(self) -> str:
        """The command line's name for it, such as `--self-preservation`."""
        return "--" + self.name.replace("_", "-")

    @property
    def environment(self) -> str:
        """The variable's name, such as `EUREKA_SELF_PRESERVATION`."""
        return "EUREKA_" + self.name.upper()


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    lowest = f"from {kind.ge:.12g}" if kind.ge is not None else ""
    above = f"above {kind.gt:.12g}" if kind.gt is not None else ""
    highest = f"to {kind.le:.12g}" if kind.le is not None else ""
    return " ".join(part for part in (lowest, above, highest) if part) or "of any size"


def _text(kind: inspect.StrType) -> tuple[Kind, str, tuple[str, ...]]:
    words = _WORDS.fullmatch(kind.pattern or "")
    if words:
        choices = tuple(words[1].split("|"))
        return Kind.CHOICE, " or ".join(choices), choices
    if kind.pattern:
        return Kind.TEXT, f"text that matches {kind.pattern}", ()
    return Kind.TEXT, "text that is not empty" if kind.min_length else "text", ()


def _several(kind: inspect.ListType | inspect.DictType) -> tuple[Kind, str, tuple[str, ...]]:
    if isinstance(kind, inspect.ListType):
        return Kind.TEXTS, "texts, separated by commas", ()
    if isinstance(kind.value_type, inspect.ListType):
        return Kind.LISTS, "name=value;value pairs, separated by commas", ()
    return Kind.PAIRS, "name=value pairs, separated by commas", ()


def _describe(kind: inspect.Type) -> tuple[Kind, str, tuple[str, ...]]:
    match kind:
        case inspect.BoolType():
            return Kind.FLAG, "true or false", ()
        case inspect.IntType():
            return Kind.WHOLE, f"a whole number {_bounds(kind)}", ()
        case inspect.FloatType():
            return Kind.NUMBER, f"a number {_bounds(kind)}", ()
        case inspect.EnumType():
            choices = tuple(str(member.value) for member in kind.cls)
            return Kind.CHOICE, " or ".join(choices), choices
        case inspect.StrType():
            return _text(kind)
        case inspect.ListType() | inspect.DictType():
            return _several(kind)
    raise TypeError(f"a setting cannot be a {kind}")


def _rows() -> Iterator[Setting]:
    info = inspect.type_info(Settings)
    hints = get_type_hints(Settings, include_extras=True)
    if not isinstance(info, inspect.StructType):
        raise TypeError("Settings is not a struct")
    defaults = Settings()
    section = ""
    for field in info.fields:
        section = SECTIONS.get(field.name, section)
        described = field.type
        meaning, live = "", False
        if isinstance(described, inspect.Metadata):
            meaning = str((described.extra_json_schema or {}).get("description", ""))
            live = bool((described.extra or {}).get("live"))
            described = described.type
        kind, allowed, choices = _describe(described)
        yield Setting(
            name=field.name,
            section=section,
            kind=kind,
            annotation=hints[field.name],
            default=getattr(defaults, field.name),
            allowed=allowed,
            choices=choices,
            meaning=meaning,
            live=live,
        )


SETTINGS: Final[Mapping[str, Setting]] = MappingProxyType({row.name: row for row in _rows()})
"""Every setting by its name, in the order of the reference page."""
