"""One health check of gRPC: `grpc.health.v1.Health/Check` over cleartext HTTP/2.

Only what one call needs of HTTP/2 (RFC 9113) and HPACK (RFC 7541). The call is decided by the
message that comes; trailers are read only for the reason of a failure.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_ANSWER_BYTES = 65_536
"""Of everything a server sends; as much as HTTP/2 allows it without a WINDOW_UPDATE of ours."""
MAX_SERVICE_BYTES = 1_024

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _CONTINUATION = 0, 1, 3, 4, 6, 7, 9
_ACK = _END_STREAM = 0x1
_END_HEADERS = 0x4
_PADDED = 0x8
_PRIORITY = 0x20
_MAX_FRAME_BYTES = 16_384
_CALL = 1  # the stream of our call
_MAX_MESSAGE_BYTES = 1_024

_SERVING_STATUS = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_NOT_FOUND, _UNIMPLEMENTED = 5, 12

# HPACK: entries of the static table that answers use, and strings as they come: length, then bytes,
# the first bit of the length saying that they are Huffman-coded.
_HTTP_STATUS_INDEX = 8
_HTTP_STATUS = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
_GRPC_STATUS_NAMES = (b"\x0bgrpc-status", b"\x88\x9a\xca\xc8\xb2\x12\x34\xda\x8f")
_HUFFMAN_NUMBERS = (
    b"\x07", b"\x0f", b"\x17", b"\x67", b"\x6b", b"\x6f", b"\x73", b"\x77", b"\x7b", b"\x7f",
    b"\x08\x3f", b"\x08\x7f", b"\x08\xbf", b"\x0b\x3f", b"\x0b\x5f", b"\x0b\x7f", b"\x0b\x9f",
)  # fmt: skip


def request(authority: str, service: str) -> bytes:
    """The bytes of a call that asks for a service; an empty one is the server as a whole.

    Raises:
        ValueError: the service's name is too long.
    """
    name = service.encode()
    if len(name) > MAX_SERVICE_BYTES:
        raise ValueError(f"the gRPC service's name has more than {MAX_SERVICE_BYTES} bytes")
    fields = (
        b"\x83\x86"  # :method POST, :scheme http
        + _literal(4, b"/grpc.health.v1.Health/Check")  # :path
        + _literal(1, authority.encode())
        + _literal(31, b"application/grpc")  # content-type
        + _literal(58, b"eureka-sidecar")  # user-agent
        + _literal(0, b"trailers", name=b"te")  # codespell:ignore te
    )
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    framed = b"\0" + len(message).to_bytes(4, "big") + message
    return (
        _PREFACE
        + _frame(_SETTINGS, 0, 0, b"")
        + _frame(_HEADERS, _END_HEADERS, _CALL, fields)
        + _frame(_DATA, _END_STREAM, _CALL, framed)
    )


class AnswerReader:
    """Reads the answer from the pieces in which it comes."""

    def __init__(self) -> None:
        self.outcome: tuple[bool, str] | None = None
        """Whether the service is serving, and what the server did (goes on after its name)."""
        self._buffer = bytearray()
        self._received = 0
        self._settled = False  # its SETTINGS came
        self._fields = bytearray()  # of headers that CONTINUATION goes on with
        self._ends = False  # the headers that are read end the call
        self._message = bytearray()
        self._answer = ""  # what a message said that is not SERVING
        self._http_status: int | None = None
        self._grpc_status: int | None = None

    def feed(self, data: bytes) -> bytes:
        """Take in received bytes. Returns bytes to send: acknowledgements."""
        self._received += len(data)
        self._buffer += data
        if not self._settled and not self._is_http2():
            return b""
        reply = b""
        while self.outcome is None and (frame := self._frame()):
            reply += self._take(*frame)
        if self.outcome is None and self._received > MAX_ANSWER_BYTES:
            self._fail(f"sends more than {MAX_ANSWER_BYTES} bytes")
        return reply

    def eof(self) -> None:
        """Take in that the server has closed."""
        if self.outcome is None:
            self._fail(self._answer or "closes the connection without an answer")

    def _fail(self, reason: str) -> None:
        self.outcome = (False, reason)

    def _is_http2(self) -> bool:
        """Look at how the answer begins: a server's first frame is SETTINGS (RFC 9113, 3.4)."""
        start = bytes(self._buffer[:5])
        if b"HTTP/".startswith(start):
            if len(start) == len(b"HTTP/"):
                self._fail("speaks HTTP/1, where gRPC needs HTTP/2")
            return False
        if start[:1] == b"\x15":
            self._fail("speaks TLS, which a gRPC check does not")
            return False
        if len(start) > 3 and start[3] != _SETTINGS:
            self._fail("does not speak HTTP/2, as gRPC does")
            return False
        self._settled = len(start) > 3
        return self._settled

    def _frame(self) -> tuple[int, int, int, bytes] | None:
        """The next frame: its kind, flags, stream and content; `None`: it is not complete."""
        buffer = self._buffer
        size = int.from_bytes(buffer[:3], "big")
        if len(buffer) >= 9 and size > _MAX_FRAME_BYTES:
            self._fail("sends a frame of HTTP/2 that is larger than allowed")
            return None
        if len(buffer) < 9 or len(buffer) < 9 + size:
            return None
        stream = int.from_bytes(buffer[5:9], "big") & 0x7FFFFFFF
        frame = (buffer[3], buffer[4], stream, bytes(buffer[9 : 9 + size]))
        del buffer[: 9 + size]
        return frame

    def _take(self, kind: int, flags: int, stream: int, content: bytes) -> bytes:
        """Returns the answer to a frame."""
        if kind in {_SETTINGS, _PING}:
            is_ack = flags & _ACK
            return b"" if is_ack else _frame(kind, _ACK, 0, content if kind == _PING else b"")
        if kind == _GOAWAY and int.from_bytes(content[:4], "big") & 0x7FFFFFFF < _CALL:
            self._fail("refuses calls (GOAWAY)")
        if stream != _CALL:
            return b""
        if kind == _RST_STREAM:
            self._fail(f"broke the call off (HTTP/2 error {int.from_bytes(content[:4], 'big')})")
        elif kind == _DATA:
            self._take_data(flags, _without_padding(flags, content))
        elif kind in {_HEADERS, _CONTINUATION}:
            self._take_fields(kind, flags, content)
        return b""

    def _take_data(self, flags: int, content: bytes) -> None:
        self._message += content
        size = int.from_bytes(self._message[1:5], "big")
        if len(self._message) >= 5 and (self._message[0] or size > _MAX_MESSAGE_BYTES):
            self._fail("sends a message that is not an answer to a health check")
        elif len(self._message) >= 5:
            self._take_message(_serving_status(bytes(self._message[5 : 5 + size])))
        if self.outcome is None and flags & _END_STREAM:
            self._end()

    def _take_fields(self, kind: int, flags: int, content: bytes) -> None:
        if kind == _HEADERS:
            self._ends = bool(flags & _END_STREAM)
            content = _without_padding(flags, content)[5 if flags & _PRIORITY else 0 :]
        self._fields += content
        if not flags & _END_HEADERS:
            return
        http_status, grpc_status = _statuses(bytes(self._fields))
        self._http_status = self._http_status if http_status is None else http_status
        self._grpc_status = self._grpc_status if grpc_status is None else grpc_status
        self._fields.clear()
        if self._ends:
            self._end()

    def _take_message(self, status: int | None) -> None:
        """SERVING decides at once; of anything else the trailers may tell the reason."""
        known = status is not None and status < len(_SERVING_STATUS)
        name = _SERVING_STATUS[status] if status is not None and known else "an unknown status"
        if name == "SERVING":
            self.outcome = (True, f"answered {name}")
        self._answer = f"answered {name}"

    def _end(self) -> None:
        """The call ended, and not with SERVING."""
        if self._grpc_status == _UNIMPLEMENTED:
            self._fail("does not implement gRPC's health protocol (status 12)")
        elif self._grpc_status == _NOT_FOUND:
            self._fail("does not know the service (gRPC status 5)")
        elif self._grpc_status:
            self._fail(f"answered gRPC status {self._grpc_status}")
        elif self._http_status not in {None, 200}:
            self._fail(f"answered HTTP status {self._http_status} to a gRPC call")
        else:
            self._fail(self._answer or "ended the call without an answer")


def _frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    head = len(content).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
    return head + content


def _literal(index: int, value: bytes, name: bytes = b"") -> bytes:
    """A field of HPACK that no table keeps: its name by index, or index 0 and the name."""
    named = _integer(len(name), 7) + name if name else b""
    return _integer(index, 4) + named + _integer(len(value), 7) + value


def _integer(value: int, bits: int) -> bytes:
    limit = (1 << bits) - 1
    return bytes((value,)) if value < limit else bytes((limit,)) + _varint(value - limit)


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first: HPACK (5.1) and protobuf have it in common."""
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def _without_padding(flags: int, content: bytes) -> bytes:
    if not flags & _PADDED or not content:
        return content
    return content[1 : len(content) - content[0]]


def _serving_status(message: bytes) -> int | None:
    """`HealthCheckResponse.status`, the only field; protobuf leaves out a 0. `None`: no such."""
    if not message:
        return 0
    return message[1] if len(message) == 2 and message[0] == 0x08 else None


def _statuses(fields: bytes) -> tuple[int | None, int | None]:
    """The statuses of HTTP and gRPC among header fields; `None`: not there, or not readable."""
    http_status = grpc_status = None
    try:
        for index, name, value in _literals(fields):
            if index in _HTTP_STATUS and not value:
                http_status = _HTTP_STATUS[index]
            elif index == _HTTP_STATUS_INDEX:
                http_status = _number(value)
            elif name in _GRPC_STATUS_NAMES:
                grpc_status = _number(value)
    except (IndexError, ValueError):
        return None, None
    return http_status, grpc_status


def _number(value: bytes) -> int | None:
    """A number in a string of HPACK; of Huffman-coded ones only the statuses of gRPC."""
    digits = value[1:]
    if value[0] & 0x80:
        return _HUFFMAN_NUMBERS.index(digits) if digits in _HUFFMAN_NUMBERS else None
    return int(digits) if digits.isdigit() and len(digits) <= 3 else None


def _literals(fields: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Header fields: index of the name (or of both), name and value as they come, or empty.

    A dynamic table is not kept: of one call nothing that matters comes twice.

    Raises:
        IndexError: a field is broken off.
        ValueError: a number is too large.
    """
    at = 0
    while at < len(fields):
        first = fields[at]
        bits = 7 if first & 0x80 else 6 if first & 0x40 else 5 if first & 0x20 else 4
        index, at = _read_integer(fields, at, bits)
        name = value = b""
        is_size = bits == 5  # of the dynamic table
        if bits in {6, 4}:
            if index == 0:
                name, at = _read_string(fields, at)
            value, at = _read_string(fields, at)
        yield (0 if is_size else index), name, value


def _read_integer(fields: bytes, at: int, bits: int) -> tuple[int, int]:
    limit = (1 << bits) - 1
    value = fields[at] & limit
    at += 1
    if value < limit:
        return value, at
    for shift in (0, 7, 14):
        value += (fields[at] & 0x7F) << shift
        at += 1
        if not fields[at - 1] & 0x80:
            return value, at
    raise ValueError("a number of HPACK is too large")


def _read_string(fields: bytes, at: int) -> tuple[bytes, int]:
    size, start = _read_integer(fields, at, 7)
    if start + size > len(fields):
        raise IndexError("a string of HPACK is broken off")
    return fields[at : start + size], start + size
