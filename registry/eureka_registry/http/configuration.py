"""The settings in force, and the `--config` file that may change them in a running peer.

The file comes from a ConfigMap mounted as a directory. The kubelet swaps its `..data` link, which
inotify on the file does not see, so its content is looked at again and again. A file that cannot be
used changes nothing: the last good settings stay as a whole, and the problem is shown.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from eureka_registry.config.documents import read_bytes
from eureka_registry.config.errors import ConfigurationError
from eureka_registry.config.files import load_or_refuse
from eureka_registry.config.load import LoadResult, hash_of
from eureka_registry.config.settings import Settings
from eureka_registry.config.table import SETTINGS

_log = logging.getLogger(__name__)


class Configuration:
    """The settings that a process was started with, and those that its file has now.

    `hash` names the content of the file whose settings are in force, empty without a file.
    `problem` says why the file as it is now cannot be used; `None`: it can. `restart_needed` holds
    the settings whose value in the file is not the one that runs and cannot be taken over.
    """

    def __init__(
        self,
        first: LoadResult,
        file: Path | None = None,
        load: Callable[[], LoadResult] | None = None,
    ) -> None:
        """Begin with `first`, loaded from `file`; without `load` it never changes."""
        self.started = first.settings
        self.hash = first.hash
        self.problem: str | None = None
        self.restart_needed: list[str] = []
        self._file = file
        self._load = load
        self._seen: str | None = first.hash

    def look(self) -> Settings | None:
        """Read the file again if its content has changed; `None` if there are no other settings.

        Flags and environment win over the file as they did at the start.
        """
        if self._file is None or self._load is None:
            return None
        seen = _content_hash(self._file)
        if seen == self._seen:
            return None
        self._seen = seen
        try:
            found = load_or_refuse(self._load, f"file {self._file}")
        except ConfigurationError as error:
            self._set_problem(str(error))
            return None
        self._take(found)
        return found.settings

    def _set_problem(self, problem: str) -> None:
        if problem != self.problem:
            _log.warning("settings not usable, the last good ones stay reason=%s", problem)
        self.problem = problem

    def _take(self, found: LoadResult) -> None:
        self.problem = None
        self.hash = found.hash
        self.restart_needed = [
            name
            for name, setting in SETTINGS.items()
            if not setting.live and getattr(found.settings, name) != getattr(self.started, name)
        ]
        for warning in found.warnings:
            _log.warning("%s", warning)
        _log.info(
            "settings read again hash=%s restart_needed=%s",
            self.hash,
            ",".join(self.restart_needed) or "none",
        )


def with_live(running: Settings, wanted: Settings) -> Settings:
    """The running settings, with those of `wanted` that may change without a restart."""
    live = {name: getattr(wanted, name) for name, setting in SETTINGS.items() if setting.live}
    return msgspec.structs.replace(running, **live)


def _content_hash(file: Path) -> str | None:
    """The hash of a file's content, `None` if it cannot be read."""
    try:
        return hash_of(read_bytes(file))
    except ConfigurationError:
        return None
