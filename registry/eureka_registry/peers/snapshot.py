"""The registry on disk, for a start while all other peers are down.

One line that says what follows (format, length, SHA-256), then pages as peers exchange them, a line
each. The file is written beside its place and renamed, so that there is always a whole one.
Whatever is wrong with it is a sentence, and the start goes on without it.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import stat
from collections.abc import Callable
from glob import escape
from pathlib import Path
from typing import IO, Annotated, Final

import msgspec
from msgspec import Meta

from eureka_registry.core.limits import COPIED_AT_ONCE
from eureka_registry.core.model import Instance
from eureka_registry.core.pages import BEGIN, Cursor, leases_after
from eureka_registry.core.registry import Registry
from eureka_registry.peers.copying import in_pieces
from eureka_registry.peers.merge import merge
from eureka_registry.peers.pause import pause
from eureka_registry.wire.copies import decode_leases, decode_page, encode_copy
from eureka_registry.wire.documents import BadDocument

_log = logging.getLogger(__name__)

FORMAT: Final = 2
READ_FORMATS: Final = (1, 2)
"""1: one page of everything, as versions before 2 wrote it."""

LIMIT_BYTES: Final = 1_073_741_824
_HEAD_BYTES: Final = 256
"""Room for the head, which is known last and stands first."""


class SnapshotError(ValueError):
    """A snapshot cannot be used; the text says why."""


class _Head(msgspec.Struct):
    eurekube_snapshot: int
    saved_ms: Annotated[int, Meta(ge=0, le=2**53)]
    bytes: int
    sha256: str


class Snapshot:
    """One registry's file."""

    def __init__(
        self, path: Path, registry: Registry, node: str, now_ms: Callable[[], int]
    ) -> None:
        """Prepare; `node` names the registry's peer, `now_ms` reads the clock of its moments."""
        self.path = path
        self._registry = registry
        self._node = node
        self._now_ms = now_ms
        self._writing = asyncio.Lock()

    async def load(self) -> str:
        """Fill the registry from the whole file or not at all; returns the result as a sentence.

        Leases keep the moments of their last renewal, so one that has ended since is over;
        self-preservation decides whether it is kept. Newer changes of clients win.
        """
        await asyncio.to_thread(remove_leftovers, self.path)
        try:
            saved_ms, pages = await asyncio.to_thread(read, self.path)
            instances = await _decode_pages(pages, saved_ms)
        except FileNotFoundError:
            return f"no snapshot at {self.path} yet"
        except (SnapshotError, BadDocument, OSError) as error:
            return f"snapshot not used: {error}"
        now_ms = self._now_ms()
        async for some in in_pieces(instances):
            merge(self._registry, some, now_ms, starting=True)
        age_s = max(0, now_ms - saved_ms) // 1000
        return f"{len(instances)} instances from {self.path}, written {age_s} s ago"

    async def keep(self, interval_s: Callable[[], float]) -> None:
        """Write the file every `interval_s` seconds, if anything changed or leases were renewed."""
        while True:
            await pause(interval_s)
            await self.save()

    async def save(self) -> None:
        """Write the file now, a page at a time; a failure is logged, the next try may succeed."""
        async with self._writing:
            try:
                await self._write()
            except OSError as error:
                _log.warning("snapshot not written path=%s reason=%s", self.path, error)

    async def _write(self) -> None:
        temporary = temporary_path(self.path)
        file = await asyncio.to_thread(_begin, temporary)
        try:
            with file:
                await self._write_pages(file)
            await asyncio.to_thread(temporary.replace, self.path)
        finally:
            temporary.unlink(missing_ok=True)

    async def _write_pages(self, file: IO[bytes]) -> None:
        saved_ms = self._now_ms()
        checksum, size = hashlib.sha256(b"%d\n" % saved_ms), 0
        after: Cursor | None = BEGIN
        while after is not None:
            leases = leases_after(self._registry.applications, after, COPIED_AT_ONCE + 1)
            body, after = encode_copy(leases, self._node, "ready", saved_ms)
            line = body + b"\n"
            checksum.update(line)
            size += len(line)
            await asyncio.to_thread(file.write, line)
        head = _Head(FORMAT, saved_ms, size, checksum.hexdigest())
        await asyncio.to_thread(_end, file, head)


def temporary_path(path: Path) -> Path:
    """Where a snapshot is written before it takes its place."""
    return path.with_name(f".{path.name}.{os.getpid()}")


def remove_leftovers(path: Path) -> None:
    """Remove temporary files of a process that was killed while it wrote."""
    try:
        for each in path.parent.glob(f".{escape(path.name)}.*"):
            if each.suffix[1:].isdecimal():
                each.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("leftovers not removed path=%s reason=%s", path, error)


def read(path: Path) -> tuple[int, list[bytes]]:
    """When a snapshot was written (epoch ms), and its pages.

    Raises:
        SnapshotError: the file is damaged, has another format, or is not a snapshot.
        OSError: it cannot be read; `FileNotFoundError`: there is none.
    """
    line, _, body = _content(path).partition(b"\n")
    try:
        head = msgspec.json.decode(line, type=_Head)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise SnapshotError(f"{path} is not a snapshot: {error}") from error
    if head.eurekube_snapshot not in READ_FORMATS:
        raise SnapshotError(
            f"{path} has format {head.eurekube_snapshot}, this program reads 1 and {FORMAT}"
        )
    if len(body) != head.bytes:
        raise SnapshotError(f"{path} is cut off: {len(body)} of {head.bytes} bytes are there")
    if hashlib.sha256(b"%d\n" % head.saved_ms + body).hexdigest() != head.sha256:
        raise SnapshotError(f"{path} is damaged: its content does not match its SHA-256")
    return head.saved_ms, body.rstrip(b"\n").split(b"\n")


def _content(path: Path) -> bytes:
    """The whole contents of a file; links are not followed, and reading a pipe does not block."""
    if path.is_symlink():
        raise SnapshotError(f"{path} is a link")
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            raise SnapshotError(f"{path} is not a file")
        if status.st_size > LIMIT_BYTES:
            raise SnapshotError(f"{path} is larger than {LIMIT_BYTES} bytes")
        with os.fdopen(number, "rb", closefd=False) as file:
            return file.read(LIMIT_BYTES + 1)
    finally:
        os.close(number)


async def _decode_pages(pages: list[bytes], saved_ms: int) -> list[Instance]:
    instances: list[Instance] = []
    for page in pages:
        async for some in in_pieces(decode_page(page).leases):
            instances += decode_leases(some, saved_ms)[0]
    return instances


def _begin(temporary: Path) -> IO[bytes]:
    """Open a new file that only our user can read: metadata may hold private data."""
    temporary.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    file = os.fdopen(os.open(temporary, flags, 0o600), "wb")
    file.write(b" " * (_HEAD_BYTES - 1) + b"\n")
    return file


def _end(file: IO[bytes], head: _Head) -> None:
    """Write the head, and sync the file to disk."""
    file.seek(0)
    file.write(msgspec.json.encode(head))
    file.flush()
    os.fsync(file.fileno())
