"""Reads small files again when they change: certificates, passwords, tokens.

They are mounted Secrets: the kubelet swaps a link, which inotify on the file does not see.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from eureka_registry.config.errors import ConfigurationError
from eureka_registry.config.files import content_of, load_or_refuse

_log = logging.getLogger(__name__)
LOOK_EVERY_S: Final = 3.0


def read(path: Path) -> bytes:
    """A file's content.

    Raises:
        ValueError: it cannot be read or is too large; the sentence holds nothing of its content.
    """
    try:
        return content_of(path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def secret(path: Path) -> str:
    """The one line of text in a file, without the white space around it.

    Raises:
        ValueError: see `read`; or there is no such line.
    """
    try:
        text = read(path).decode().strip()
    except UnicodeDecodeError:
        raise ValueError(f"{path}: is not UTF-8") from None
    if not text or not text.isprintable():
        raise ValueError(f"{path}: must hold one line of text")
    return text


class WatchedFiles:
    """Calls `load` whenever one of the files has changed; a broken file changes nothing.

    If `load` raises, it has changed nothing. `paths` is called before and after it, as one file may
    name others, which may exist only later. `problem` says why the files cannot be used; `None`:
    they can.
    """

    def __init__(
        self, what: str, paths: Callable[[], Iterable[Path]], load: Callable[[], None]
    ) -> None:
        self._what = what
        self._paths = paths
        self._load = load
        self.problem: str | None = None
        load()
        self._seen = self._contents()

    def look(self) -> None:
        """Look once."""
        found = self._contents()
        if found == self._seen:
            return
        try:
            load_or_refuse(self._load, self._what)
        except ConfigurationError as error:
            self._set_problem(str(error))
        else:
            self.problem = None
            _log.info("%s read again", self._what)
        # A file that changed while it was read, or that is named only now, is looked at once more.
        now = dict.fromkeys(self._paths(), b"") if self.problem else self._contents()
        self._seen = {path: found.get(path, digest) for path, digest in now.items()}

    def _set_problem(self, problem: str) -> None:
        if problem != self.problem:
            _log.warning("%s not usable, the last good ones stay reason=%s", self._what, problem)
        self.problem = problem

    def _contents(self) -> dict[Path, bytes]:
        return {path: _digest(path) for path in self._paths()}


def _digest(path: Path) -> bytes:
    try:
        return hashlib.sha256(read(path)).digest()
    except ValueError:
        return b""


class PeerCredentials:
    """Our credentials for peers: `peer_credentials_file`, watched; with a path "" there are none.

    Raises:
        ConfigurationError: the file cannot be used.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._header = ""
        self.watched: WatchedFiles | None = None
        if not path:
            return
        self.watched = load_or_refuse(
            lambda: WatchedFiles("peer_credentials_file", lambda: [self._path], self._load),
            "setting peer_credentials_file",
        )

    def __call__(self) -> str:
        """The `Authorization` header, empty for none."""
        return self._header

    def _load(self) -> None:
        text = secret(self._path)
        if text.lower().startswith("bearer "):
            self._header = text
            return
        if ":" not in text:
            raise ValueError(f"{self._path}: must hold `user:password` or `Bearer token`")
        self._header = "Basic " + base64.b64encode(text.encode()).decode("ascii")
