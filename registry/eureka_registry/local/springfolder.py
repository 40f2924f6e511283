"""The files of a folder that Spring reads, in its order: `application.yml` and others.

As `ConfigDataEnvironment` has it for the class path: the folder and `config` in it, in each the
files without a profile, then those of profiles; what comes later wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from eureka_registry.config.errors import ConfigurationError

SUFFIXES: Final = (".yml", ".yaml", ".properties")
"""Of Spring's files, in the order in which they are read: what comes later wins."""

_CONFIG: Final = "config"
"""The folder beside a file whose own files count more."""

_BASES: Final = ("eureka-client", "eureka-server", "application")


def profile_of(path: Path) -> list[str]:
    """Return the profile of a single file, such as `application-peer1.yml`."""
    profile = path.stem.removeprefix("application-")
    return [profile] if path.is_file() and profile != path.stem else []


def files(path: Path) -> list[tuple[Path, str]]:
    """Return the files to read with their profiles, those without one first.

    Raises:
        ConfigurationError: there is none, or `path` is one that is not read.
    """
    if path.is_file() and path.stem.startswith("bootstrap"):
        raise ConfigurationError(
            f"file {path}", "bootstrap files are not read", "application.yml or .properties"
        )
    if path.is_file() and path.stem != "application" and not profile_of(path):
        return [(path, "")]
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        raise ConfigurationError(f"file {path}", "cannot be read: no such file or folder")
    folders = [folder, *([below] if (below := folder / _CONFIG).is_dir() else [])]
    found = [*chain(*map(_bases, folders)), *chain(*map(_siblings, folders))]
    if not found or (not path.is_dir() and path not in [file for file, _ in found]):
        raise ConfigurationError(
            f"file {path}", "there is no such file", "application.yml or .properties"
        )
    return found


def _bases(folder: Path) -> Iterator[tuple[Path, str]]:
    for stem in _BASES:
        for suffix in SUFFIXES:
            if (file := folder / f"{stem}{suffix}").is_file():
                yield file, ""


def _siblings(folder: Path) -> list[tuple[Path, str]]:
    found = [file for file in folder.glob("application-*") if file.suffix in SUFFIXES]
    found.sort(key=lambda file: (_natural(file.stem), SUFFIXES.index(file.suffix)))
    return [(file, file.stem.removeprefix("application-")) for file in found]


def _natural(text: str) -> list[tuple[int, str]]:
    """Return a key that sorts `peer10` behind `peer2`."""
    return [(int(digits or 0), word) for word, digits in re.findall(r"([^0-9]*)([0-9]*)", text)]


def skipped_file_notes(path: Path) -> list[str]:
    """Return lines about files that Spring might read beside those that are read here."""
    folder = path if path.is_dir() else path.parent
    boot = sorted([*folder.glob("bootstrap*"), *folder.glob(f"{_CONFIG}/bootstrap*")])
    deep = sorted(folder.glob(f"{_CONFIG}/*/application*"))
    lines = dict.fromkeys(boot, "there is no Spring Cloud Config here")
    lines |= dict.fromkeys(deep, f"only {_CONFIG}/ itself is, as on Java's class path")
    return [
        f"{file.relative_to(folder)} is not read: {why}"
        for file, why in lines.items()
        if file.suffix in SUFFIXES
    ]
