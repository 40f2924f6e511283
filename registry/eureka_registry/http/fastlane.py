"""Renewals recognised by their bytes, without a parser, a task or a request object.

Nine of ten requests are renewals, and all of one client look alike. What is not exactly one whole,
bodyless renewal with known harmless headers is left to aiohttp. The answers are those of
`writes.Writes.renew`, byte for byte; a test sends everything both ways.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_REQUEST: Final = re.compile(
    rb"PUT /eureka/(?:v2/)?apps/([A-Za-z0-9._-]{1,200})/([A-Za-z0-9._:-]{1,200})"
    rb"(?:\?status=[A-Z_]{1,20}(?:&lastDirtyTimestamp=([0-9]{1,18}))?)? HTTP/1\.1\r\n"
)
_HEADER: Final = re.compile(rb"([A-Za-z0-9-]+):[ ]?([\x21-\x7e][\x20-\x7e]*)?\r\n")
_HARMLESS: Final = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"cache-control",
        b"content-type",
        b"discoveryidentity-id",
        b"discoveryidentity-name",
        b"discoveryidentity-version",
        b"host",
        b"pragma",
        b"user-agent",
        b"x-discovery-allowredirect",
        b"x-eureka-accept",
    }
)
"""Headers that do not change what becomes of a renewal."""

_EMPTY_WORDS: Final = frozenset({(b"content-length", b"0"), (b"connection", b"keep-alive")})
"""Headers that change nothing if they say this; Java's clients say keep-alive."""

_MAX_BYTES: Final = 4096
_MAX_SEEN: Final = 4096
_END: Final = b"\r\n\r\n"

Renew = Callable[[str, str, int | None], bytes]
"""Renews a lease (application, instance id, lastDirtyTimestamp) and gives the whole answer."""


class FastLane:
    """Answers renewals; knows the header blocks that it has seen to be harmless."""

    def __init__(self, renew: Renew) -> None:
        self._renew = renew
        self._seen: dict[bytes, bool] = {}

    def answer(self, data: bytes) -> bytes | None:
        """The answer to `data`, or `None` if it is not certainly one whole plain renewal."""
        request = _REQUEST.match(data)
        if request is None or len(data) > _MAX_BYTES:
            return None
        # The last line end of the request line is part of the block's first separator.
        block = data[request.end() :]
        harmless = self._seen.get(block)
        if harmless is None:
            harmless = self._remember(block)
        if not harmless:
            return None
        app, instance_id, dirty_ms = request.groups()
        return self._renew(
            app.decode("ascii").upper(),
            instance_id.decode("ascii"),
            int(dirty_ms) if dirty_ms is not None else None,
        )

    def _remember(self, block: bytes) -> bool:
        if len(self._seen) >= _MAX_SEEN:
            self._seen.clear()
        harmless = self._seen[block] = is_harmless(block)
        return harmless


def is_harmless(block: bytes) -> bool:
    """Whether a header block is whole, well formed and changes nothing about a renewal.

    `Content-Length: 0` is harmless, any other length is a body. `Host` is needed, and no header may
    come twice: which of two counts is not ours to say.
    """
    if block.find(_END) != len(block) - len(_END):
        return False
    names = set()
    position = 0
    while position < len(block) - 2:
        header = _HEADER.match(block, position)
        if header is None:
            return False
        name, value = header[1].lower(), header[2] or b""
        if name in names or (name not in _HARMLESS and (name, value.lower()) not in _EMPTY_WORDS):
            return False
        names.add(name)
        position = header.end()
    return b"host" in names
