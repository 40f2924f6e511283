"""Reads HTTP/1.1 answers off a stream as cheaply as Python can, without trusting any of them."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_END: Final = b"\r\n\r\n"
_STATUS: Final = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2})(?: |\r\n)")
_LENGTH: Final = re.compile(rb"\r\nContent-Length:[ \t]*([0-9]{1,15})[ \t]*\r\n", re.IGNORECASE)
_CODED: Final = re.compile(rb"\r\nTransfer-Encoding:[ \t]*([^\r]*)\r\n", re.IGNORECASE)
_CHUNK: Final = re.compile(rb"([0-9a-fA-F]{1,8})[^\r\n]*\r\n")
CHUNKED: Final = -1
"""The length of a body that is sent in chunks, as the Java server does."""
_BODYLESS: Final = frozenset({204, 304})
_LONGEST_HEAD_BYTES: Final = 65_536
_LONGEST_CHUNK_HEAD_BYTES: Final = 64


class BadAnswerError(ValueError):
    """What came is not an answer whose end we can tell."""


class Head(NamedTuple):
    """What an answer's head says: its status, and how many bytes of body follow (or `CHUNKED`)."""

    status: int
    length: int


def read_head(text: bytes) -> Head:
    """Read a head, with the empty line that ends it.

    Raises:
        BadAnswerError: it is not HTTP/1.1, or does not say how long its body is.
    """
    found = _STATUS.match(text)
    if found is None:
        raise BadAnswerError(f"not an answer: {text[:60]!r}")
    status = int(found.group(1))
    if status in _BODYLESS:
        return Head(status, 0)
    if (coded := _CODED.search(text)) is not None:
        if coded.group(1).lower() != b"chunked":
            raise BadAnswerError(f"an answer in a coding nobody asked for: {coded.group(1)!r}")
        return Head(status, CHUNKED)
    length = _LENGTH.search(text)
    if length is None:
        raise BadAnswerError("an answer without Content-Length")
    return Head(status, int(length.group(1)))


def chunks_end(data: bytes, at: int) -> int | None:
    """Where a body in chunks that begins at `at` ends; `None` while some of it is missing.

    Raises:
        BadAnswerError: what stands there is no chunk, or has trailers.
    """
    while True:
        head = _CHUNK.match(data, at)
        if head is None:
            if len(data) - at > _LONGEST_CHUNK_HEAD_BYTES:
                raise BadAnswerError("a chunk without a size")
            return None
        size = int(head.group(1), 16)
        at = head.end() + size + 2
        if len(data) < at:
            return None
        if size == 0:
            return at


def _sized(head: Head, data: bytes, end: int) -> Head | None:
    """A head that says how long its body is; `None` while chunks are missing."""
    if head.length != CHUNKED:
        return head
    over = chunks_end(data, end)
    return None if over is None else Head(head.status, over - end)


def joined(data: bytes) -> bytes:
    """The body that whole chunks make."""
    at, parts = 0, []
    while (head := _CHUNK.match(data, at)) is not None and (size := int(head.group(1), 16)):
        parts.append(data[head.end() : head.end() + size])
        at = head.end() + size + 2
    return b"".join(parts)


class AnswerReader:
    """Finds where answers end in the bytes of one connection, and gives their statuses.

    Bodies are counted and thrown away. Answers to renewals are equal to the byte within a second,
    so the last one that came in one piece is remembered, and one like it needs no reading.
    """

    def __init__(self) -> None:
        self.body_bytes = 0
        """Bytes of all bodies so far."""
        self._held = b""
        self._status = 0
        self._missing = 0
        self._known = b""
        self._known_head = Head(0, 0)

    def feed(self, data: bytes) -> list[int]:
        """Take what came; the statuses of the answers that are now complete, perhaps none.

        Raises:
            BadAnswerError: it is not an answer. The connection is of no use any more.
        """
        if data == self._known and not self._missing and not self._held:
            self.body_bytes += self._known_head.length
            return [self._known_head.status]
        return self._read(data)

    def _read(self, data: bytes) -> list[int]:
        ended: list[int] = []
        if self._missing:
            data = self._skip(data)
            if self._missing:
                return ended
            ended.append(self._status)
        data = self._held + data
        self._held = b""
        while data:
            at = data.find(_END)
            if at < 0:
                self._hold(data)
                break
            end = at + len(_END)
            head = _sized(read_head(data[:end]), data, end)
            if head is None:
                self._held = data
                break
            self.body_bytes += head.length
            if end + head.length == len(data):
                self._known, self._known_head = data, head
            if end + head.length > len(data):
                self._status = head.status
                self._missing = end + head.length - len(data)
                break
            ended.append(head.status)
            data = data[end + head.length :]
        return ended

    def _skip(self, data: bytes) -> bytes:
        """Take what is missing of a body; what comes after it."""
        taken = min(self._missing, len(data))
        self._missing -= taken
        return data[taken:]

    def _hold(self, data: bytes) -> None:
        if len(data) > _LONGEST_HEAD_BYTES:
            raise BadAnswerError("a head without end")
        self._held = data
