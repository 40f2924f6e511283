"""HTTP/1.1 for a small server on loopback: reads requests without a body, writes answers.

It is stricter than RFC 9112: it refuses a request whose end two programs could see at different
places, and it refuses a body.
"""

from __future__ import annotations

import binascii

from ..records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_HEAD_BYTES = 8_192
MAX_PARAMETERS = 16
_REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_HEX = frozenset(b"0123456789abcdefABCDEF")


class Refused(Exception):  # noqa: N818 - an outcome
    """A request that is answered with `status` and this sentence; the connection then ends."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@record
class Request:
    """A request, decoded. `host` is the header, in lower case and with its port, if there is one.

    Of a parameter that is given twice, the last counts.
    """

    method: str
    path: str
    query: Mapping[str, str]
    host: str
    keep_alive: bool


class RequestReader:
    """Reads the requests of one connection from the pieces in which they come."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Request | None:
        """Take in received bytes, or none; returns the next request once it is complete.

        Raises:
            Refused: it can never become a request that is served.
        """
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES)
        if end < 0:
            if len(self._buffer) >= MAX_HEAD_BYTES:
                raise Refused(431, f"the request has more than {MAX_HEAD_BYTES} bytes")
            return None
        head = bytes(self._buffer[:end])
        del self._buffer[: end + 4]
        return _request(head.decode("latin-1").split("\r\n"))


def answer(
    status: int,
    body: bytes,
    content_type: str,
    headers: Sequence[tuple[str, str]] = (),
    *,
    keep_alive: bool,
) -> bytes:
    """The bytes of an answer. No cache keeps it: what it says is true for a moment."""
    lines = [
        f"HTTP/1.1 {status} {_REASONS[status]}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        *(f"{name}: {value}" for name, value in headers),
        f"Connection: {'keep-alive' if keep_alive else 'close'}",
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _request(lines: Sequence[str]) -> Request:
    method, target, version = _request_line(lines[0])
    headers = _headers(lines[1:])
    if "transfer-encoding" in headers or headers.get("content-length", "0") != "0":
        raise Refused(413, "a request here has no body")
    path, _, query = target.partition("?")
    is_kept = version == "HTTP/1.1" and "close" not in headers.get("connection", "").lower()
    host = headers.get("host", "").lower()
    return Request(method, _unquote(path), _parameters(query), host, is_kept)


def _request_line(line: str) -> tuple[str, str, str]:
    parts = line.split(" ")
    if len(parts) != 3 or not parts[0] or not _TOKEN.issuperset(parts[0]):
        raise Refused(400, "the first line is none of an HTTP request")
    method, target, version = parts
    if version not in {"HTTP/1.1", "HTTP/1.0"}:
        raise Refused(505, "only HTTP/1.1 is spoken here")
    if not target.startswith("/") or not all("!" <= letter <= "~" for letter in target):
        raise Refused(400, "what is asked for must be a path from the root, without blanks")
    return method, target.partition("#")[0], version


def _headers(lines: Sequence[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or not _TOKEN.issuperset(name):
            raise Refused(400, "a header is none")
        if any(letter < " " and letter != "\t" for letter in value):
            raise Refused(400, "a header has a control character in it")
        name = name.lower()
        if name in headers and name in {"host", "content-length", "transfer-encoding"}:
            raise Refused(400, f"the header {name} is given twice")
        headers[name] = value.strip(" \t")
    return headers


def _parameters(query: str) -> dict[str, str]:
    pairs = [each for each in query.split("&") if each]
    if len(pairs) > MAX_PARAMETERS:
        raise Refused(400, f"there are more than {MAX_PARAMETERS} parameters")
    parameters = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        parameters[_unquote(name.replace("+", " "))] = _unquote(value.replace("+", " "))
    return parameters


def _unquote(text: str) -> str:
    """Text without percent signs (RFC 3986, 2.1)."""
    first, *rest = text.encode("latin-1").split(b"%")
    for part in rest:
        if len(part) < 2 or not _HEX.issuperset(part[:2]):
            raise Refused(400, "a percent sign must be followed by two hexadecimal digits")
    raw = first + b"".join(binascii.unhexlify(part[:2]) + part[2:] for part in rest)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Refused(400, "what is asked for is not UTF-8") from None
