"""Files of objects, as `kubectl apply -f` takes them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from kubectl_eureka.core.yamltext import Part, YamlError, parts
from kubectl_eureka.shell.errors import UsageError

_ENDINGS: Final = (".json", ".yaml", ".yml")


class File(msgspec.Struct, frozen=True):
    """A file with its documents."""

    name: str
    parts: tuple[Part, ...]


def read(names: list[str]) -> tuple[File, ...]:
    """Files, `-` for standard input, and all files of folders, in the order of their names.

    Raises:
        UsageError: One of them cannot be read.
    """
    return tuple(_read(name) for given in names for name in _within(given))


def documents(files: tuple[File, ...]) -> list[Any]:
    """All documents of files."""
    return [part.document for file in files for part in file.parts]


def _within(name: str) -> list[str]:
    path = Path(name)
    if name == "-" or not path.is_dir():
        return [name]
    found = sorted(str(each) for each in path.iterdir() if each.suffix in _ENDINGS)
    if not found:
        raise UsageError(f"{name}: no file in it ends in {', '.join(_ENDINGS)}")
    return found


def _read(name: str) -> File:
    try:
        given = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        text = given.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror or error}") from error
    except ValueError as error:
        raise UsageError(f"{name}: not UTF-8: {error}") from error
    try:
        return File(name, parts(text))
    except YamlError as error:
        raise UsageError(f"{name}: {error}") from error
