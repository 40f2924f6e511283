"""Stores values that many documents share only once in memory.

Ten thousand instances have some hundred names of applications, zones and ports between them.
Only what was seen lately is known, so nobody can fill this with names of his own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import chain
from typing import Final

from eureka_registry.core.model import DataCenter, Port

_KNOWN: Final = 4_096
_LONGEST: Final = 64
"""Characters of a text that is likely to come again."""

_MOST_PAIRS: Final = 16
"""Pairs of metadata that is likely to come again."""

_KNOWN_METADATA: Final = 1_024
"""Few, as each may hold `_MOST_PAIRS` pairs: strangers fill it with some 12 MiB at most."""


def shared_text(text: str) -> str:
    """The text, if possible as the same object as in other documents."""
    return _shared(text) if len(text) <= _LONGEST else text


def shared_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Metadata, if possible as the same object as in other documents: never change it in place."""
    pairs = tuple(metadata.items())
    texts = chain.from_iterable(pairs)
    if len(pairs) <= _MOST_PAIRS and all(len(text) <= _LONGEST for text in texts):
        return _shared_metadata(pairs)
    return {key: shared_text(value) for key, value in pairs}


@lru_cache(maxsize=_KNOWN)
def shared_port(number: int, *, enabled: bool) -> Port:
    """A port, as the same object as in other documents."""
    return Port(number, enabled)


@lru_cache(maxsize=16)
def shared_center(name: str) -> DataCenter:
    """A data centre of Netflix's default class, as the same object as in other documents.

    Args:
        name: one of Netflix's names, or empty.
    """
    return DataCenter(name)


@lru_cache(maxsize=_KNOWN)
def _shared(text: str) -> str:
    return text


@lru_cache(maxsize=_KNOWN_METADATA)
def _shared_metadata(pairs: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {key: _shared(value) for key, value in pairs}
