"""What a cluster has put outside its work folder, noted before it is made.

One line per thing in the work folder's `journal`. A line may be of something that was never made,
because the tool was killed in between: undoing it then finds nothing to do. Undone in reverse.

Little needs to be noted. Processes are found by their mark; networks, links and mounts are in
namespaces, which end with their processes; files are in the work folder, which goes last.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

_FILE: Final = "journal"


class Kind(Enum):
    """What is noted."""

    CGROUP = "cgroup"
    """A control group with all below it."""
    SHARED_CGROUP = "shared-cgroup"
    """A control group that other clusters may use: goes when empty."""


@dataclass(frozen=True)
class Entry:
    """One thing outside the work folder."""

    kind: Kind
    path: str


class Journal:
    """The notes of one cluster."""

    def __init__(self, work: Path) -> None:
        self._path = work / _FILE

    def note(self, entry: Entry) -> None:
        """Write down what is about to be made; on the disk when this returns."""
        with self._path.open("a") as notes:
            notes.write(f"{entry.kind.value} {entry.path}\n")
            notes.flush()
            os.fsync(notes.fileno())

    def entries(self) -> list[Entry]:
        """What was noted, oldest first."""
        try:
            return read(self._path.read_text())
        except FileNotFoundError:
            return []


def read(text: str) -> list[Entry]:
    """The entries of a journal; a last line that was cut off is of nothing that was made."""
    kinds = {kind.value: kind for kind in Kind}
    found: list[Entry] = []
    for line in text.splitlines(keepends=True):
        kind, _, path = line.rstrip("\n").partition(" ")
        if line.endswith("\n") and kind in kinds and path.startswith("/"):
            found.append(Entry(kinds[kind], path))
    return found


def to_undo(entries: Sequence[Entry]) -> list[Entry]:
    """In the order to undo them: last made first, each once.

    What is noted again was there already: it counts from its first note.
    """
    return list(reversed(dict.fromkeys(entries)))
