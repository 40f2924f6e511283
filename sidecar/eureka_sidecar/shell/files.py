"""Files that others write while the sidecar runs, such as those of the downward API."""

from __future__ import annotations

import os
import stat

from ..core import downward
from ..records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..core.downward import PodOptions

MAX_BYTES = 262_144
"""Kubernetes limits a pod's annotations to as much."""


class WatchedFile:
    """A text file that is read when it changes.

    The kubelet swaps a symbolic link (`..data`), so each look goes through links. An unreadable
    file is a `problem`, a sentence; what was read before stays in force.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.problem: str | None = None
        self._stamp: tuple[int, int, int] | None = None

    def read_if_changed(self) -> str | None:
        """The text, if it may be new since the last call."""
        try:
            found = os.stat(self.path)  # noqa: PTH116 - pathlib is not loaded
            if _stamp(found) == self._stamp:
                return None
            text, self._stamp = _read(self.path)
        except OSError as error:
            self._stamp = None
            self.problem = f"cannot read {self.path}: {error.strerror}"
            return None
        self.problem = None if text is not None else _useless(self.path)
        return text


class PodFiles:
    """Annotations and labels of the pod, as files of the downward API; an empty path: none."""

    def __init__(self, annotations_path: str, labels_path: str) -> None:
        self._files = [
            WatchedFile(path) if path else None for path in (annotations_path, labels_path)
        ]
        self._values: list[dict[str, str]] = [{}, {}]

    @property
    def problems(self) -> list[str]:
        """Why a file cannot be used, one sentence each."""
        return [each.problem for each in self._files if each and each.problem]

    def read_if_changed(self) -> PodOptions | None:
        """The pod's options, if a file has changed since the last call."""
        found = [each.read_if_changed() if each else None for each in self._files]
        problems: list[str] = []
        for place, text in enumerate(found):
            if text is not None:
                self._values[place], broken = downward.parse(text)
                problems += broken
        if found == [None, None]:
            return None
        options = downward.read_options(*self._values)
        return replace(options, problems=(*problems, *options.problems))


def _read(path: str) -> tuple[str | None, tuple[int, int, int]]:
    """The text, and the stamp of what was read; no text: the file is not of the right kind."""
    # NONBLOCK: a pipe of that name must not stop the loop.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = os.fstat(fd)
        content = _content(fd) if stat.S_ISREG(found.st_mode) else None
    finally:
        os.close(fd)
    try:
        return None if content is None else content.decode(), _stamp(found)
    except UnicodeDecodeError:
        return None, _stamp(found)


def _content(fd: int) -> bytes | None:
    content = b""
    while len(content) <= MAX_BYTES:
        piece = os.read(fd, MAX_BYTES + 1)
        if not piece:
            return content
        content += piece
    return None


def _stamp(file_status: os.stat_result) -> tuple[int, int, int]:
    return file_status.st_mtime_ns, file_status.st_ino, file_status.st_size


def _useless(path: str) -> str:
    return f"cannot use {path}: it is not a file of UTF-8 text of at most {MAX_BYTES} bytes"
