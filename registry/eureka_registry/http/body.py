"""Reads and decompresses bodies in pieces, and stops as soon as they cost too much.

aiohttp would inflate whatever comes, even of requests that were refused already. So it hands on
what was sent, and only what a handler is to read is inflated, slice by slice.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
from aiohttp import web

from eureka_registry.core.limits import EXPANSION, EXPANSION_FREE_BYTES, SLICE_BYTES
from eureka_registry.http.loopshare import LoopShare
from eureka_registry.wire.structure import structure

_GZIP: Final = 31
_ZLIB: Final = 15
_RAW_DEFLATE: Final = -15
_DEFLATE_METHOD: Final = 8
_TOO_LONG: Final = "the body has more bytes than max_body_bytes or max_batch_bytes"
_TOO_MANY: Final = "the body holds too many values"
_EXPANDS: Final = f"the body inflates to more than {EXPANSION} times its size"
_COST_OF_INFLATING: Final = 4
"""Inflating a byte and looking at it takes so many times as long as looking at one."""
ENCODINGS: Final = "gzip, deflate, identity"
"""What a request's `Content-Encoding` may be."""

Hold = Callable[[int], None]
"""Counts bytes that are held in memory for a connection."""


class Bounds(msgspec.Struct, frozen=True):
    """The bounds of a body: bytes as sent, bytes as inflated, and structural bytes."""

    size: int
    structure: int


class TooLargeError(Exception):
    """A body is larger than its bounds; the sentence says which."""


class MalformedError(Exception):
    """A body is not what its `Content-Encoding` says."""


class UnknownEncodingError(Exception):
    """A body's `Content-Encoding` is not one of `ENCODINGS`."""


async def read(request: web.BaseRequest, bounds: Bounds, hold: Hold, share: LoopShare) -> bytes:
    """The whole body, inflated.

    Args:
        request: whose body it is.
        bounds: of the body.
        hold: is called with the number of bytes that inflating has added.
        share: bytes that all connections together process in one turn of the loop; else others
            would wait for a piece of each of a hundred bodies.

    Raises:
        TooLargeError: it is beyond the bounds, or expands more than any client's body.
        MalformedError: it cannot be inflated.
        UnknownEncodingError: the encoding is not known.
        RequestPayloadError, ConnectionError: the client has stopped sending, or sends no HTTP.
    """
    content = request.content
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding == "identity" and content.is_eof():  # the usual case: it came with its head
        return _check(content.read_nowait(), bounds)
    if coding not in _WINDOWS:
        raise UnknownEncodingError
    body = _BodyBuffer(bounds)
    try:
        if coding == "identity":
            while sent := await content.readany():
                await share.take(len(sent))
                body.add(sent)
        else:
            await _inflate_into(body, request, _Decompressor(_WINDOWS[coding], hold), share)
        return body.content()
    finally:
        body.clear()  # an error's traceback would keep it until garbage is collected


async def _inflate_into(
    body: _BodyBuffer, request: web.BaseRequest, inflating: _Decompressor, share: LoopShare
) -> None:
    while sent := await request.content.readany():
        await share.take(_COST_OF_INFLATING * SLICE_BYTES)
        for piece in inflating.pieces(sent):
            body.add(piece)
            await share.take(_COST_OF_INFLATING * SLICE_BYTES)
    inflating.end()


async def forget(request: web.BaseRequest, size: int, hold: Hold) -> None:
    """Read a body that is not needed, to its end.

    Raises:
        TooLargeError: it is larger than `size`, as sent.
        RequestPayloadError, ConnectionError: the client has stopped sending, or sends no HTTP.
    """
    while sent := await request.content.readany():
        size -= len(sent)
        if size < 0:
            raise TooLargeError(_TOO_LONG)
        hold(-len(sent))


_WINDOWS: Final = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _ZLIB, "identity": 0}


class _BodyBuffer:
    """The part of a body read so far, within its bounds."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._size = self._structure = 0
        self._pieces: list[bytes] = []

    def add(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._bounds.size:
            raise TooLargeError(_TOO_LONG)
        self._structure += structure(piece)
        if self._structure > self._bounds.structure:
            raise TooLargeError(_TOO_MANY)
        self._pieces.append(piece)

    def content(self) -> bytes:
        return b"".join(self._pieces)

    def clear(self) -> None:
        self._pieces.clear()


class _Decompressor:
    """Inflates a body, at most a slice at once."""

    def __init__(self, window: int, hold: Hold) -> None:
        self._window = window
        self._hold = hold
        self._stream = zlib.decompressobj(window)
        self._sent = self._inflated = 0

    def pieces(self, sent: bytes) -> Iterator[bytes]:
        if not self._sent and self._window == _ZLIB and sent[0] & 0xF != _DEFLATE_METHOD:
            self._stream = zlib.decompressobj(_RAW_DEFLATE)  # as some clients mean `deflate`
        self._sent += len(sent)
        while sent:
            piece = self._inflate(sent)
            self._count(len(piece))
            sent = self._stream.unconsumed_tail
            if piece:
                yield piece

    def end(self) -> None:
        """Raise `MalformedError` unless the body is complete."""
        if not self._stream.eof:
            raise MalformedError

    def _inflate(self, sent: bytes) -> bytes:
        if self._stream.eof:
            raise MalformedError
        try:
            piece = self._stream.decompress(sent, SLICE_BYTES)
        except zlib.error:
            raise MalformedError from None
        if self._stream.unused_data:
            raise MalformedError
        return piece

    def _count(self, size: int) -> None:
        self._inflated += size
        self._hold(size)
        if self._inflated > max(EXPANSION_FREE_BYTES, self._sent * EXPANSION):
            raise TooLargeError(_EXPANDS)


def _check(body: bytes, bounds: Bounds) -> bytes:
    if len(body) > bounds.size:
        raise TooLargeError(_TOO_LONG)
    if structure(body, bounds.structure) > bounds.structure:
        raise TooLargeError(_TOO_MANY)
    return body
