"""Recognises renewals and registrations by their bytes: no parser, task or request object.

Nine of ten requests are renewals, and all of one client look alike; when a rack restarts, nine of
ten are registrations. What is not exactly one whole request of these with known harmless headers is
left to aiohttp. The answers are those of `writes.Writes`, byte for byte; a test sends everything
both ways.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from eureka_registry.http.auth import Identity
from eureka_registry.http.browsers import BROWSER_AGENT

_RENEWAL: Final = re.compile(
    rb"PUT /eureka/(?:v2/)?apps/([A-Za-z0-9._-]{1,200})/([A-Za-z0-9._:-]{1,200})"
    rb"(?:\?status=([A-Z_]{1,20})(?:&lastDirtyTimestamp=([0-9]{1,18}))?)? HTTP/1\.1\r\n"
)
_REGISTRATION: Final = re.compile(
    rb"POST /eureka/(?:v2/)?apps/(?!delta )([A-Za-z0-9._-]{1,200}) HTTP/1\.1\r\n"
)
_HEADER: Final = re.compile(rb"([A-Za-z0-9-]+):[ ]?([\x21-\x7e][\x20-\x7e]*)?\r\n")
_LENGTH: Final = re.compile(rb"0|[1-9][0-9]{0,8}")
_HARMLESS: Final = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"cache-control",
        b"content-type",
        b"discoveryidentity-id",
        b"discoveryidentity-name",
        b"discoveryidentity-version",
        b"host",
        b"pragma",
        b"x-discovery-allowredirect",
        b"x-eureka-accept",
    }
)
"""Headers that do not change where a request ends, nor, but for a body's type, what it does.

None is a mark of a browser's (`browsers.is_of_browser`): what pages ask for is looked at closely.
"""

_KEEP_ALIVE: Final = (b"connection", b"keep-alive")
"""The one header that is harmless if it says just this; Java's clients say it."""

_BROWSER: Final = BROWSER_AGENT.encode("ascii")
_MAX_HEAD_BYTES: Final = 4096
_MAX_SEEN: Final = 4096
_END: Final = b"\r\n\r\n"

_CREDENTIALS: Final = b"uthorization: "
"""Without its first letter, which may be small."""
_FIRST_LETTERS: Final = (b"A", b"a")

Renew = Callable[[tuple[str, str], int | None, str | None, Identity | None], bytes | None]
"""Renews a lease (application and id, lastDirtyTimestamp, status, for whom), gives all the answer.

`None` if it is refused: then nothing has happened, and the ordinary way will say why. For whom is
`None` where everybody may do everything.
"""

Register = Callable[[str, str, bytes, Identity | None], bytes | None]
"""Registers what a body holds (application, content type, body, for whom); the same otherwise."""

Known = Callable[[bytes], Identity | None]
"""Whose `Authorization` header this is, if it is known to be right by now."""


class Block(NamedTuple):
    """What a harmless header block says about its body; the length is in bytes."""

    length: int
    content_type: str


class Registration(NamedTuple):
    """The arguments of `Register`."""

    app: str
    content_type: str
    body: bytes
    identity: Identity | None


class FastLane:
    """Answers renewals and registrations; knows the header blocks it has seen to be harmless.

    Rights are checked for each request: only the sender's identity is remembered, by the guard.
    """

    def __init__(
        self, renew: Renew, register: Register, max_body_bytes: int, known: Known | None = None
    ) -> None:
        """Prepare.

        Args:
            renew: carries out a renewal.
            register: carries out a registration.
            max_body_bytes: size of the largest registration.
            known: gives the identity for an `Authorization` header; `None`: everybody may do
                everything.
        """
        self._renew = renew
        self._register = register
        self._max_body_bytes = max_body_bytes
        self._known = known
        self._seen: dict[bytes, Block | None] = {}

    def answer(self, data: bytes) -> bytes | None:
        """The answer to `data`, or `None` if it is not certainly one whole plain request."""
        request = _RENEWAL.match(data)
        if request is not None:
            return self._renewal(request, data[request.end() :])
        registration = self._registration(data)
        if registration is None or len(registration.body) > self._max_body_bytes:
            return None
        return self._register(*registration)

    def is_registration(self, data: bytes) -> bool:
        """Whether `data` is exactly one plain registration, so that no parser holds a piece of it.

        Only if the sender's credentials are known: unknown ones could hide the end of a head.
        """
        return self._registration(data) is not None

    def _renewal(self, request: re.Match[bytes], head: bytes) -> bytes | None:
        block, identity = self._read(head)
        if block is None or block.length:
            return None
        app, instance_id, status, dirty_ms = request.groups()
        return self._renew(
            (app.decode("ascii").upper(), instance_id.decode("ascii")),
            int(dirty_ms) if dirty_ms is not None else None,
            status.decode("ascii") if status is not None else None,
            identity,
        )

    def _registration(self, data: bytes) -> Registration | None:
        """The registration that `data` certainly is, and nothing else; `None` otherwise."""
        request = _REGISTRATION.match(data)
        if request is None:
            return None
        end = data.find(_END) + len(_END)
        block, identity = self._read(data[request.end() : end])
        if block is None or block.length != len(data) - end:
            return None
        app = request[1].decode("ascii").upper()
        return Registration(app, block.content_type, data[end:], identity)

    def _read(self, head: bytes) -> tuple[Block | None, Identity | None]:
        """What a head says about the body, and who sends it; no block if either is not certain."""
        if self._known is None:
            return self._block(head), None
        rest, credentials = split(head)
        identity = self._known(credentials) if credentials else None
        return (self._block(rest), identity) if identity is not None else (None, None)

    def _block(self, head: bytes) -> Block | None:
        if len(head) > _MAX_HEAD_BYTES:
            return None
        if head not in self._seen:
            if len(self._seen) >= _MAX_SEEN:
                self._seen.clear()
            self._seen[head] = harmless(head)
        return self._seen[head]


def split(head: bytes) -> tuple[bytes, bytes]:
    """A head without its first `Authorization` header, and the value of that; empty: none.

    So heads of clients that differ in nothing else are equal. The value counts only if exactly
    these bytes are known to be right, so no line break can hide in it.
    """
    before, _, after = head.partition(_CREDENTIALS)
    value, end, rest = after.partition(b"\r\n")
    if not end or not before.endswith(_FIRST_LETTERS):
        return head, b""
    if len(before) > 1 and before[-3:-1] != b"\r\n":
        return head, b""
    return before[:-1] + rest, value


def harmless(head: bytes) -> Block | None:
    """What a header block says, if it is complete, well formed and has only harmless headers.

    `Host` is needed, and no header may occur twice: which of the two counts is not defined. So
    `Content-Length` alone, in plain digits, says where the body ends.
    """
    if head.find(_END) != len(head) - len(_END):
        return None
    held: dict[bytes, bytes] = {}
    position = 0
    while position < len(head) - 2:
        header = _HEADER.match(head, position)
        if header is None:
            return None
        name, value = header[1].lower(), header[2] or b""
        if name in held or not _is_harmless(name, value):
            return None
        held[name] = value
        position = header.end()
    if b"host" not in held:
        return None
    content_type = held.get(b"content-type", b"").decode("ascii")
    return Block(int(held.get(b"content-length", b"0")), content_type)


def _is_harmless(name: bytes, value: bytes) -> bool:
    if name == b"content-length":
        return _LENGTH.fullmatch(value) is not None
    if name == b"user-agent":
        return not value.startswith(_BROWSER)
    return name in _HARMLESS or (name, value.lower()) == _KEEP_ALIVE
