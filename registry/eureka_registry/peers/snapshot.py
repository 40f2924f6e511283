"""The registry on disk, for a start when all peers were down.

One line that says what follows (format, length, SHA-256), then a copy as peers exchange it. The
file is written beside its place and renamed, so that there is always a whole one; one that is
damaged is refused as a whole.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from eureka_registry.core.registry import Registry
from eureka_registry.peers.pause import pause
from eureka_registry.wire.copies import decode_copy, encode_copy
from eureka_registry.wire.documents import BadDocument

_log = logging.getLogger(__name__)

FORMAT: Final = 1
LIMIT_BYTES: Final = 1_073_741_824


class SnapshotError(ValueError):
    """A snapshot cannot be used; the sentence says why."""


class _Head(msgspec.Struct):
    eurekube_snapshot: int
    saved_ms: int
    bytes: int
    sha256: str


def write(path: Path, body: bytes, saved_ms: int) -> None:
    """Put a copy on disk in one step; after an `OSError` the old one is still there."""
    head = _Head(FORMAT, saved_ms, len(body), _checksum(body, saved_ms))
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        beside.touch(mode=0o600)  # metadata may hold what is nobody else's business
        with beside.open("wb") as file:
            file.write(msgspec.json.encode(head) + b"\n" + body)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read(path: Path) -> tuple[int, bytes]:
    """When a snapshot was written (epoch ms), and its copy.

    Raises:
        SnapshotError: the file is damaged or of another format.
        FileNotFoundError: there is none.
    """
    if path.stat().st_size > LIMIT_BYTES:
        raise SnapshotError(f"{path} is larger than {LIMIT_BYTES} bytes")
    line, _, body = path.read_bytes().partition(b"\n")
    try:
        head = msgspec.json.decode(line, type=_Head)
    except msgspec.DecodeError as error:
        raise SnapshotError(f"{path} is not a snapshot: {error}") from error
    if head.eurekube_snapshot != FORMAT:
        raise SnapshotError(
            f"{path} has format {head.eurekube_snapshot}, this program reads {FORMAT}"
        )
    if len(body) != head.bytes:
        raise SnapshotError(f"{path} is cut off: {len(body)} of {head.bytes} bytes are there")
    if _checksum(body, head.saved_ms) != head.sha256:
        raise SnapshotError(f"{path} is damaged: its content does not match its SHA-256")
    return head.saved_ms, body


def _checksum(body: bytes, saved_ms: int) -> str:
    """SHA-256 of all that leases are made from: of the copy, and of the moment it speaks of."""
    return hashlib.sha256(b"%d\n" % saved_ms + body).hexdigest()


def load(path: Path, registry: Registry, now_ms: int) -> str:
    """Fill `registry` from a snapshot, all of it or nothing; say in a sentence what came of it.

    Leases keep the moments of their last renewal, so one that has ended since is over: whether it
    is then kept is for self-preservation to say.
    """
    try:
        saved_ms, body = read(path)
        copy = decode_copy(body, saved_ms)
    except FileNotFoundError:
        return f"no snapshot at {path} yet"
    except (SnapshotError, BadDocument, OSError) as error:
        return f"snapshot not used: {error}"
    for instance in copy.instances:
        registry.copy(instance, now_ms)
    age_s = max(0, now_ms - saved_ms) // 1000
    return f"{len(copy.instances)} instances from {path}, written {age_s} s ago"


async def keep(
    path: Path,
    registry: Registry,
    node: str,
    interval_s: Callable[[], float],
    now_ms: Callable[[], int],
) -> None:
    """Write a snapshot every `interval_s` seconds, if anything changed or leases were renewed."""
    while True:
        await pause(interval_s)
        await save(path, registry, node, now_ms())


async def save(path: Path, registry: Registry, node: str, now_ms: int) -> None:
    """Write a snapshot now; a failure is logged, the next try may succeed."""
    body = encode_copy(registry.leases(), node, "ready", now_ms)
    try:
        await asyncio.to_thread(write, path, body, now_ms)
    except OSError as error:
        _log.warning("snapshot not written path=%s reason=%s", path, error)
