"""Compresses text in pieces, each once, and joins pieces to one gzip member.

A piece is a raw deflate stream that ends at a byte boundary (`Z_SYNC_FLUSH`). It may refer back to
a window: text that stands right before it in the whole, of which deflate reaches back 32 KiB (RFC
1951). The checksum of the whole is combined from those of the pieces (`crc32_combine`), so joining
reads none of the text again.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec
from isal import isal_zlib

WINDOW_BYTES: Final = 32_768
"""How far back deflate can refer."""

_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_EMPTY_FINAL_BLOCK: Final = b"\x03\x00"
_RAW: Final = -15
_FAST_LEVEL: Final = 2
_DENSE_LEVEL: Final = 6
"""Java's (`GZIPOutputStream`). A piece takes three times as long as on the fast level."""

_MEMORY: Final = 8
_STRATEGY: Final = 0


class Checksum(NamedTuple):
    """The contents of gzip's trailer: the CRC-32 of a text and its size in bytes."""

    crc: int
    size: int


class Segment(msgspec.Struct, frozen=True):
    """A piece of text, compressed; `checksum` is that of the plain text.

    `is_dense` says on which level: fast pieces are a third larger.
    """

    deflated: bytes
    checksum: Checksum
    is_dense: bool = False


def compress(text: bytes, window: bytes = b"", *, dense: bool = False) -> Segment:
    """Compress one piece.

    Args:
        text: what it holds.
        window: the end of the text before it in the whole; empty: the piece may stand anywhere.
        dense: take three times as long, for a quarter fewer bytes.
    """
    library, level = (zlib, _DENSE_LEVEL) if dense else (isal_zlib, _FAST_LEVEL)
    given = (window[-WINDOW_BYTES:],) if window else ()
    packer = library.compressobj(level, zlib.DEFLATED, _RAW, _MEMORY, _STRATEGY, *given)
    deflated = packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH)
    return Segment(deflated, Checksum(isal_zlib.crc32(text), len(text)), dense)


def join(segments: Iterable[Segment]) -> bytes:
    """One gzip member that holds the texts of all segments in a row."""
    held = list(segments)
    return member([each.deflated for each in held], total(each.checksum for each in held))


def total(checksums: Iterable[Checksum]) -> Checksum:
    """The checksum of texts in a row."""
    crc = size = 0
    for each in checksums:
        crc = isal_zlib.crc32_combine(crc, each.crc, each.size)
        size += each.size
    return Checksum(crc, size)


def member(deflated: Iterable[bytes], checksum: Checksum) -> bytes:
    """One gzip member of compressed pieces, whose texts in a row have that checksum."""
    end = struct.pack("<II", checksum.crc, checksum.size & 0xFFFFFFFF)
    return b"".join((_HEADER, *deflated, _EMPTY_FINAL_BLOCK, end))
