"""Compressed text in pieces: each piece is compressed once, and pieces join to one gzip member.

A piece is a raw deflate stream that ends at a byte boundary with nothing to refer back to
(`Z_FULL_FLUSH`), so that pieces may stand in any order. The checksum of the whole is combined from
those of the pieces (`crc32_combine`), so joining reads none of the text again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

import msgspec
from isal import isal_zlib

_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_EMPTY_FINAL_BLOCK: Final = b"\x03\x00"
_RAW: Final = -15
_LEVEL: Final = 1


class Segment(msgspec.Struct, frozen=True):
    """A piece of text, compressed; `size` and `crc` are those of the plain text."""

    deflated: bytes
    size: int
    crc: int


def compress(text: bytes) -> Segment:
    """Compress one piece."""
    compressor = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _RAW)
    deflated = compressor.compress(text) + compressor.flush(isal_zlib.Z_FULL_FLUSH)
    return Segment(deflated, len(text), isal_zlib.crc32(text))


def join(segments: Iterable[Segment]) -> bytes:
    """One gzip member that holds the texts of all segments in a row."""
    pieces = [_HEADER]
    crc = size = 0
    for segment in segments:
        pieces.append(segment.deflated)
        crc = isal_zlib.crc32_combine(crc, segment.crc, segment.size)
        size += segment.size
    pieces += (_EMPTY_FINAL_BLOCK, struct.pack("<II", crc, size & 0xFFFFFFFF))
    return b"".join(pieces)
