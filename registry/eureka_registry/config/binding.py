"""Finds a property in the table of names, in any spelling.

Names are compared without case, `-`, `_` and `.`, as Spring's relaxed binding does:
`enable-self-preservation`, `enableSelfPreservation` and `ENABLE_SELF_PRESERVATION` are one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import msgspec

from eureka_registry.config.errors import nearest
from eureka_registry.config.names import MAPPED, UNMAPPED, Row

_SEPARATORS: Final = re.compile(r"[-_.\[\]]+")


class Match(msgspec.Struct, frozen=True):
    """A row, and for a family the key in the name, as it was written."""

    row: Row
    key: str = ""


def compact(name: str) -> str:
    """Return the form for comparing names: lower case, without separators."""
    return _SEPARATORS.sub("", name).lower()


def _single() -> dict[str, Row]:
    rows = (row for row in (*UNMAPPED, *MAPPED) if not row.family)
    return {compact(name): row for row in rows for name in row.names}


def _families() -> dict[str, Row]:
    rows = (row for row in (*UNMAPPED, *MAPPED) if row.family)
    return {compact(name[:-2]): row for row in rows for name in row.names}


_SINGLE: Final[Mapping[str, Row]] = MappingProxyType(_single())
_FAMILIES: Final[Mapping[str, Row]] = MappingProxyType(_families())

_NETFLIX_FAMILIES: Final = (
    (
        re.compile(r"eureka\.([^.]+)\.availabilityzones", re.IGNORECASE),
        _FAMILIES["eurekaclientavailabilityzones"],
    ),
    (
        re.compile(r"eureka\.remoteregion\.([^.]+)\.appwhitelist", re.IGNORECASE),
        _FAMILIES["eurekaserverremoteregionappwhitelist"],
    ),
)
"""Netflix's names with the key in the middle (`DefaultEurekaClientConfig`)."""


@lru_cache(maxsize=1)
def known_names() -> tuple[str, ...]:
    """Return every name of the table without its `.*`, for suggestions."""
    rows = (*MAPPED, *UNMAPPED)
    return tuple(name.removesuffix(".*") for row in rows for name in row.names)


def is_section(name: str) -> bool:
    """Whether the table has names below `name`, and not `name` itself."""
    below = _segments(name)
    return find(name) is None and any(
        each[: len(below)] == below and len(each) > len(below) for each in _spelt()
    )


def suggestion(name: str) -> str:
    """Return `; did you mean X?` for an unknown name, or an empty text.

    A name with the same last part elsewhere comes first: most often a line is indented wrongly.
    """
    leaf = _segments(name)[-1]
    if leaf == "defaultzone":
        return "; did you mean eureka.client.service-url.defaultZone?"
    others = [each for each in known_names() if compact(each) != compact(name)]
    same = [each for each in others if _segments(each)[-1] == leaf]
    return nearest(name, same) or nearest(name, others)


@lru_cache(maxsize=1)
def _spelt() -> frozenset[tuple[str, ...]]:
    rows = (*MAPPED, *UNMAPPED)
    return frozenset(_segments(name) for row in rows for name in row.names)


def _segments(name: str) -> tuple[str, ...]:
    return tuple(compact(part) for part in name.split("."))


def _cut(name: str, prefix: str) -> str:
    """Return the part of `name` after the compact `prefix` and a separator; empty: none."""
    taken = 0
    for position, character in enumerate(name):
        if taken == len(prefix):
            return name[position:].strip("_.[]") if character in "_.[" else ""
        taken += character not in "-_.[]"
    return ""


def find(name: str) -> Match | None:
    """Look up a property or a Spring environment variable; `None` for an unknown name."""
    flat = compact(name)
    if row := _SINGLE.get(flat):
        return Match(row)
    fitting = (prefix for prefix in _FAMILIES if flat.startswith(prefix))
    for prefix in sorted(fitting, key=len, reverse=True):
        if key := _cut(name, prefix):
            return Match(_FAMILIES[prefix], key)
    for pattern, row in _NETFLIX_FAMILIES:
        if match := pattern.fullmatch(name):
            return Match(row, match[1])
    return None


def spring_names(setting: str) -> tuple[str, ...]:
    """Return the Spring and Netflix names of a setting, as the reference page lists them."""
    return tuple(name for row in MAPPED if row.setting == setting for name in row.names)
