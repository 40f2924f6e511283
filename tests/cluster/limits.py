"""The one limit of this machine that several clusters at once run into."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

from .progress import say

_WATCHERS: Final = Path("/proc/sys/fs/inotify/max_user_instances")
_ENOUGH: Final = 1024


def allow_watchers() -> None:
    """Let a user's programs watch files with more of inotify's instances than the usual 128.

    A node takes some ten, and a kubelet that gets none ends. It stays so until the next boot;
    where the kernel does not let us, it stays as it is.
    """
    with contextlib.suppress(OSError):
        allowed = int(_WATCHERS.read_text())
        if allowed < _ENOUGH:
            _WATCHERS.write_text(f"{_ENOUGH}\n")
            say(f"fs.inotify.max_user_instances was {allowed}, and is {_ENOUGH} now")
