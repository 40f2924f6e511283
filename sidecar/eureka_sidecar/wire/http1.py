"""HTTP/1.1 as a client speaks it (RFC 9112): bytes of requests, and a reader of answers."""

from __future__ import annotations

from ..records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

MAX_HEAD_BYTES = 16_384
"""Of all lines of an answer: status lines, headers and trailers."""
MAX_BODY_BYTES = 65_536
_MAX_CHUNK_LINE_BYTES = 256
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_OWN = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_BODIES = frozenset({"POST", "PUT", "PATCH"})


class ProtocolError(Exception):
    """The received bytes are no answer of HTTP/1, or too large; the message goes on after "it"."""


@record
class Response:
    """An answer. Names of headers are in lower case, repeated ones joined with `, `."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    keep_alive: bool
    """Whether another request may follow on the connection."""


def request(
    method: str, target: str, host: str, headers: Mapping[str, str], body: bytes = b""
) -> bytes:
    """The bytes of a request on a connection that is kept.

    Raises:
        ValueError: a name or value could end its line, or names a header that is written here.
    """
    if not _TOKEN.issuperset(method) or not method:
        raise ValueError(f"the method {method!r} is not a word")
    if not target.startswith("/") or not all("!" <= letter <= "~" for letter in target):
        raise ValueError(f"the target {target!r} does not begin with '/', or has blanks in it")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {_value('Host', host)}"]
    lines += [f"{_name(name)}: {_value(name, value)}" for name, value in headers.items()]
    if body or method in _BODIES:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _name(name: str) -> str:
    if not name or not _TOKEN.issuperset(name) or name.lower() in _OWN:
        raise ValueError(f"{name!r} cannot be the name of an additional header")
    return name


def _value(name: str, value: str) -> str:
    """The value; a message about it does not quote it, as it may be a password."""
    if not all(letter == "\t" or " " <= letter <= "~" for letter in value):
        raise ValueError(f"the value of the header {name} has characters that none may have")
    return value


class ResponseReader:
    """Reads one answer from the pieces in which it comes.

    `head`: the request was a HEAD, which is answered without the body that the headers announce.
    Interim answers (1xx) are skipped.
    """

    def __init__(self, body_limit: int = MAX_BODY_BYTES, *, head: bool = False) -> None:
        self.started = False
        """Whether anything of an answer came."""
        self.status: int | None = None
        """Of the final answer, once all its headers came."""
        self._body_limit = body_limit
        self._head = head
        self._buffer = bytearray()
        self._ended = False
        self._head_bytes = 0
        self._reading = self._response()
        next(self._reading)

    def feed(self, data: bytes) -> Response | None:
        """Take in received bytes; returns the answer once it is complete.

        Raises:
            ProtocolError: it never becomes one.
        """
        self.started = self.started or bool(data)
        self._buffer += data
        return self._go_on()

    def eof(self) -> Response | None:
        """Take in that the server has closed: the end of an answer without a length.

        Raises:
            ProtocolError: it is incomplete.
        """
        self._ended = True
        return self._go_on()

    def _go_on(self) -> Response | None:
        try:
            next(self._reading)
        except StopIteration as end:
            answer: Response = end.value
            return answer
        return None

    def _response(self) -> Generator[None, None, Response]:
        yield
        version, status, headers = yield from self._final_head()
        self.status = status
        keep = _is_kept(version, headers.get("connection", ""))
        coding = headers.get("transfer-encoding")
        if self._head or status in {204, 304}:
            body = b""
        elif coding is not None:
            # With a length as well one of the two is wrong, and a proxy may believe the other.
            keep = keep and "content-length" not in headers
            body = yield from self._chunks(coding)
        elif "content-length" in headers:
            body = yield from self._exactly(self._length(headers["content-length"]))
        else:
            keep = False
            body = yield from self._remaining_bytes()
        return Response(status, headers, body, keep_alive=keep and not self._buffer)

    def _final_head(self) -> Generator[None, None, tuple[str, int, dict[str, str]]]:
        while True:
            version, status = _status_line((yield from self._line(MAX_HEAD_BYTES)))
            headers = yield from self._headers()
            if status == 101:
                raise ProtocolError("changes to a protocol that was not asked for")
            if status >= 200:
                return version, status, headers

    def _headers(self) -> Generator[None, None, dict[str, str]]:
        headers: dict[str, str] = {}
        while line := (yield from self._line(MAX_HEAD_BYTES)):
            name, colon, value = line.partition(":")
            if not colon or not name or not _TOKEN.issuperset(name):
                raise ProtocolError("sends a header that is none")
            name, value = name.lower(), value.strip(" \t")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return headers

    def _line(self, limit: int) -> Generator[None, None, str]:
        """The next line without its end, which may be a bare line feed (RFC 9112, 2.2)."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > limit:
                break
            yield from self._more()
        if end < 0 or end > limit:
            raise ProtocolError(f"sends a line of more than {limit} bytes")
        line = self._take(end + 1)
        self._head_bytes += len(line) if limit == MAX_HEAD_BYTES else 0
        if self._head_bytes > MAX_HEAD_BYTES:
            raise ProtocolError(f"sends more than {MAX_HEAD_BYTES} bytes of headers")
        return line[:-1].removesuffix(b"\r").decode("latin-1")

    def _chunks(self, coding: str) -> Generator[None, None, bytes]:
        if coding.lower() != "chunked":
            raise ProtocolError("uses a transfer coding that was not asked for")
        body = bytearray()
        while size := _chunk_size((yield from self._line(_MAX_CHUNK_LINE_BYTES))):
            self._check_size(len(body) + size)
            body += yield from self._exactly(size)
            if (yield from self._line(_MAX_CHUNK_LINE_BYTES)):
                raise ProtocolError("sends a chunk that is longer than announced")
        yield from self._headers()
        return bytes(body)

    def _exactly(self, size: int) -> Generator[None, None, bytes]:
        while len(self._buffer) < size:
            yield from self._more()
        return self._take(size)

    def _remaining_bytes(self) -> Generator[None, None, bytes]:
        while not self._ended:
            self._check_size(len(self._buffer))
            yield
        self._check_size(len(self._buffer))
        return self._take(len(self._buffer))

    def _more(self) -> Generator[None, None, None]:
        if not self._ended:
            yield
        elif self.started:
            raise ProtocolError("closes the connection in the middle of its answer")
        else:
            raise ProtocolError("closes the connection without an answer")

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _length(self, text: str) -> int:
        """Several equal values are one (RFC 9112, 6.3)."""
        values = {value.strip(" \t") for value in text.split(",")}
        value = values.pop()
        if values or not value.isdecimal() or not value.isascii() or len(value) > 15:
            raise ProtocolError("sends a Content-Length that is not a number")
        self._check_size(int(value))
        return int(value)

    def _check_size(self, size: int) -> None:
        if size > self._body_limit:
            raise ProtocolError(f"sends a body of more than {self._body_limit} bytes")


def _status_line(line: str) -> tuple[str, int]:
    version, _, rest = line.partition(" ")
    code = rest[:3]
    if version not in {"HTTP/1.1", "HTTP/1.0"} or rest[3:4] not in {"", " "}:
        raise ProtocolError("does not speak HTTP/1.1")
    if not (code.isascii() and code.isdecimal() and 100 <= int(code) < 600 and len(code) == 3):
        raise ProtocolError("sends a status that is not a number from 100 to 599")
    return version, int(code)


def _chunk_size(line: str) -> int:
    digits = line.partition(";")[0].strip(" \t")
    if not 0 < len(digits) <= 8 or not set(digits) <= set("0123456789abcdefABCDEF"):
        raise ProtocolError("sends a chunk without a size")
    return int(digits, 16)


def _is_kept(version: str, connection: str) -> bool:
    options = {option.strip(" \t").lower() for option in connection.split(",")}
    return "close" not in options and (version == "HTTP/1.1" or "keep-alive" in options)
