"""Spring's `${name}` and `${name:default}`, nested ones included.

Pure: what a name stands for is asked of a function. A placeholder that nobody can fill is left
as it was written, as Spring's `PropertySourcesPlaceholdersResolver` leaves it, and reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

Lookup = Callable[[str], str | None]
"""Gives what a name stands for, with its own placeholders; `None` if nothing is known."""

_OPEN: Final = "${"
_MAX_DEPTH: Final = 32
_MAX_LOOKUPS: Final = 1000
_MAX_LENGTH: Final = 65_536


class Resolution(msgspec.Struct, frozen=True):
    """A text with its placeholders replaced, and the names that were missing, or used."""

    text: str
    missing: tuple[str, ...] = ()
    used: frozenset[str] = frozenset()


class _Resolver:
    """One resolution: its budget, and the names that are being looked up, to find cycles."""

    def __init__(self, lookup: Lookup) -> None:
        self.lookup = lookup
        self.missing: list[str] = []
        self.used: set[str] = set()
        self.lookups_left = _MAX_LOOKUPS
        self.length_left = _MAX_LENGTH

    def fill(self, text: str, open_names: tuple[str, ...]) -> str:
        done: list[str] = []
        position = 0
        while (start := text.find(_OPEN, position)) >= 0:
            end = _closing_brace(text, start)
            if end is None:
                break
            done += [text[position:start], self._value(text[start + 2 : end], open_names)]
            position = end + 1
        return "".join([*done, text[position:]])

    def _value(self, text: str, open_names: tuple[str, ...]) -> str:
        """Return the value of `${written}`, or the placeholder itself."""
        if len(open_names) >= _MAX_DEPTH:
            return self._give_up(text)
        deeper = (*open_names, "")
        colon = _colon(text)
        value = self._look_up(self.fill(text[:colon], deeper), open_names)
        if value is not None:
            return value
        if colon < len(text):
            return self.fill(text[colon + 1 :], deeper)
        return self._give_up(text)

    def _look_up(self, name: str, open_names: tuple[str, ...]) -> str | None:
        if name in open_names or self.lookups_left <= 0:
            return None
        self.lookups_left -= 1
        found = self.lookup(name)
        if found is None:
            return None
        self.used.add(name)
        value = self.fill(found, (*open_names, name))
        self.length_left -= len(value)
        return value if self.length_left > 0 else None

    def _give_up(self, text: str) -> str:
        self.missing.append(text[: _colon(text)])
        return _OPEN + text + "}"


def _closing_brace(text: str, start: int) -> int | None:
    """Return the position of the brace that closes the placeholder at `start`."""
    depth = 0
    position = start + len(_OPEN)
    while position < len(text):
        if text.startswith(_OPEN, position):
            depth += 1
            position += 1
        elif text[position] == "}":
            if depth == 0:
                return position
            depth -= 1
        position += 1
    return None


def _colon(text: str) -> int:
    """Return the position of the default: after the first colon outside of inner placeholders."""
    position = 0
    while position < len(text):
        if text.startswith(_OPEN, position):
            position = _closing_brace(text, position) or len(text)
        elif text[position] == ":":
            return position
        position += 1
    return len(text)


def resolve(text: str, lookup: Lookup) -> Resolution:
    """Replace the placeholders of `text`.

    In a cycle (`a=${b}`, `b=${a}`), and beyond 1,000 look-ups or 64 KiB, a placeholder stays as it
    is and counts as missing.
    """
    run = _Resolver(lookup)
    filled = run.fill(text, ())
    return Resolution(filled, tuple(dict.fromkeys(run.missing)), frozenset(run.used))


def variables(environ: Mapping[str, str]) -> Lookup:
    """Look names up among environment variables, `server.port` as `SERVER_PORT`, too.

    As Spring's `SystemEnvironmentPropertySource` does.
    """

    def lookup(name: str) -> str | None:
        plain = name.replace(".", "_").replace("-", "_")
        spellings = (name, plain, plain.upper())
        return next((environ[spelling] for spelling in spellings if spelling in environ), None)

    return lookup
