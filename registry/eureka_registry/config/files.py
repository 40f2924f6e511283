"""Reads files that people give to a process, up to a limit of bytes.

At any time a file may be half written, or may be a link, a pipe, a folder, or far too large.
"""

from __future__ import annotations

import os
import stat
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from eureka_registry.config.errors import ConfigurationError

MOST_BYTES: Final = 1_048_576
"""Largest file that is read: no ConfigMap and no Secret is larger, and YAML takes its time."""

_T = TypeVar("_T")


def content_of(path: Path) -> bytes:
    """Return a file's content.

    Raises:
        ValueError: it cannot be read, is not a regular file or is too large; the sentence holds
            neither the path nor anything of the content.
    """
    try:
        # A pipe that nobody writes to would hold the process up for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ValueError(_kind(os.fstat(descriptor).st_mode))
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ValueError((error.strerror or str(error)).lower()) from None
    if len(content) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES} bytes")
    return content


def _kind(mode: int) -> str:
    return "is a directory" if stat.S_ISDIR(mode) else "not a regular file"


def load_or_refuse(load: Callable[[], _T], source: str) -> _T:
    """Return the result of `load`; any error in it becomes a sentence.

    The one place that stands between a file and the process that reads it: at the start the
    sentence is shown and the process ends, later the last good state stays.

    Raises:
        ConfigurationError: `load` raised some error. `source` says where, unless the error says so.
    """
    try:
        return load()
    except ConfigurationError:
        raise
    except ValueError as error:
        raise ConfigurationError(source, str(error)) from None
    except Exception as error:  # noqa: BLE001 - no content of a file may end a process
        raise ConfigurationError(
            source, f"cannot be used: {_unexpected_error_text(error)}"
        ) from None


def _unexpected_error_text(error: Exception) -> str:
    """Name an unexpected error, and the line; its text may hold a secret of the file."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return type(error).__name__ + place
