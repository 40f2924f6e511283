from __future__ import annotations

from itertools import pairwise

import pytest

from eureka_sidecar.wire.grpc import MAX_ANSWER_BYTES, MAX_SERVICE_BYTES, AnswerReader, request

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
ACK = END_STREAM = 1
END_HEADERS = 4
PADDED = 8
PRIORITY = 0x20

OK_HEADERS = b"\x88"
"""`:status: 200` from HPACK's static table, as servers send it."""
GO_NAME = b"\x40\x88\x9a\xca\xc8\xb2\x12\x34\xda\x8f"
"""`grpc-status`, Huffman-coded, to be kept in the dynamic table: as Go's servers send it."""
PLAIN_NAME = b"\x00\x0bgrpc-status"


def frame(kind: int, flags: int = 0, content: bytes = b"", stream: int = 1) -> bytes:
    """A frame of HTTP/2."""
    head = len(content).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
    return head + content


def message(status: int | None) -> bytes:
    """A `HealthCheckResponse` with gRPC's five bytes before it."""
    body = b"" if status is None else bytes([0x08, status])
    return b"\0" + len(body).to_bytes(4, "big") + body


HELLO = frame(SETTINGS, stream=0)
SERVING = (
    HELLO + frame(HEADERS, END_HEADERS, OK_HEADERS) + frame(DATA, content=message(1))
    + frame(HEADERS, END_HEADERS | END_STREAM, PLAIN_NAME + b"\x010")
)  # fmt: skip


def outcome(data: bytes, *, closed: bool = False) -> tuple[bool, str] | None:
    """What a server that sends this is told to be."""
    reader = AnswerReader()
    reader.feed(data)
    if closed:
        reader.eof()
    return reader.outcome


def trailers_only(fields: bytes) -> bytes:
    """The answer of a server that has no message to send."""
    return HELLO + frame(HEADERS, END_HEADERS | END_STREAM, fields)


def test_request_is_what_http2_demands() -> None:
    """Preface, settings, one call: a server sees everything in the first packet."""
    sent = request("127.0.0.1:50051", "orders")

    assert sent.startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HELLO)
    assert sent.endswith(frame(DATA, END_STREAM, b"\0\0\0\0\x08\x0a\x06orders"))


def test_request_for_the_whole_server_has_an_empty_message() -> None:
    """An empty service name is the default of protobuf, which is not sent."""
    assert request("[::1]:80", "").endswith(frame(DATA, END_STREAM, b"\0\0\0\0\0"))


def test_service_with_a_long_name_is_refused() -> None:
    """It must fit into one frame."""
    request("host:1", "x" * MAX_SERVICE_BYTES)

    with pytest.raises(ValueError, match="more than 1024 bytes"):
        request("host:1", "x" * (MAX_SERVICE_BYTES + 1))


@pytest.mark.parametrize("size", range(1, len(SERVING) + 1))
def test_pieces_of_any_size_give_the_same_outcome(size: int) -> None:
    """TCP may cut anywhere."""
    reader = AnswerReader()
    for start in range(0, len(SERVING), size):
        reader.feed(SERVING[start : start + size])

    assert reader.outcome == (True, "answered SERVING")


@pytest.mark.parametrize(
    ("status", "name"),
    [(None, "UNKNOWN"), (0, "UNKNOWN"), (2, "NOT_SERVING"), (3, "SERVICE_UNKNOWN")],
)
def test_only_serving_is_healthy(status: int | None, name: str) -> None:
    """As for the kubelet; protobuf leaves out a field that is 0."""
    data = HELLO + frame(DATA, content=message(status))

    assert outcome(data) is None
    assert outcome(data, closed=True) == (False, f"answered {name}")
    assert outcome(data + trailers_only(PLAIN_NAME + b"\x010")[len(HELLO) :]) == (
        False,
        f"answered {name}",
    )


def test_status_of_the_call_tells_more_than_the_message_before_it() -> None:
    """Python's health service sends UNKNOWN for a service that it does not know, then status 5."""
    data = HELLO + frame(DATA, content=message(0)) + trailers_only(PLAIN_NAME + b"\x015")[9:]

    assert outcome(data) == (False, "does not know the service (gRPC status 5)")


def test_unknown_status_is_a_failure() -> None:
    """A later version of the protocol may have more."""
    data = HELLO + frame(DATA, END_STREAM, message(9))

    assert outcome(data) == (False, "answered an unknown status")


def test_message_may_come_in_pieces_and_padded() -> None:
    """Both are allowed in HTTP/2."""
    whole = message(1)
    padded = bytes([3]) + whole[4:] + b"\0\0\0"

    data = frame(DATA, content=whole[:4]) + frame(DATA, PADDED, padded)

    assert outcome(HELLO + data) == (True, "answered SERVING")


def test_settings_and_pings_are_acknowledged() -> None:
    """A server may close the connection of a client that does not."""
    reader = AnswerReader()
    ping = frame(PING, content=b"12345678", stream=0)
    acknowledged = frame(SETTINGS, ACK, stream=0)
    window = frame(8, content=b"\0\0\xff\xff", stream=0)

    assert reader.feed(HELLO + acknowledged + window + ping) == (
        frame(SETTINGS, ACK, stream=0) + frame(PING, ACK, b"12345678", stream=0)
    )
    assert reader.feed(frame(PING, ACK, b"12345678", stream=0)) == b""
    assert reader.outcome is None


@pytest.mark.parametrize("name", [GO_NAME, PLAIN_NAME])
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\x0212", "does not implement gRPC's health protocol (status 12)"),
        (b"\x82\x08\xbf", "does not implement gRPC's health protocol (status 12)"),
        (b"\x015", "does not know the service (gRPC status 5)"),
        (b"\x81\x6f", "does not know the service (gRPC status 5)"),
        (b"\x0214", "answered gRPC status 14"),
        (b"\x82\xff\xff", "ended the call without an answer"),
    ],
)
def test_failed_call_tells_its_status(name: bytes, value: bytes, reason: str) -> None:
    """A missing health service, a wrong service name and a failure are mended differently."""
    fields = OK_HEADERS + b"\x5f\x10application/grpc" + name + value

    assert outcome(trailers_only(fields)) == (False, reason)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (b"\x8d", "answered HTTP status 404 to a gRPC call"),
        (b"\x48\x03415", "answered HTTP status 415 to a gRPC call"),
        (b"\x3f\xe1\x1f\x8d", "answered HTTP status 404 to a gRPC call"),
        (OK_HEADERS, "ended the call without an answer"),
        (b"\x2d", "ended the call without an answer"),  # a size of 13, which as a field were 404
        (b"\x48\xff\xff\xff\xff\xff\xff", "ended the call without an answer"),
        (b"\x00\x7f", "ended the call without an answer"),
        (b"\x00\x0bgrpc", "ended the call without an answer"),
    ],
)
def test_answer_that_is_no_grpc_tells_what_it_is(fields: bytes, reason: str) -> None:
    """An HTTP/2 server on that port; or header fields that are broken."""
    assert outcome(trailers_only(fields)) == (False, reason)


def test_fields_may_go_on_in_further_frames() -> None:
    """CONTINUATION; padding and priority come before them."""
    fields = PLAIN_NAME + b"\x0212"
    first = bytes([2]) + b"\0\0\0\0\x10" + fields[:5] + b"\0\0"

    data = frame(HEADERS, END_STREAM | PADDED | PRIORITY, first)
    data += frame(CONTINUATION, END_HEADERS, fields[5:])

    assert outcome(HELLO + data) == (
        False,
        "does not implement gRPC's health protocol (status 12)",
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "speaks HTTP/1, where gRPC needs HTTP/2"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "speaks TLS, which a gRPC check does not"),
        (b"220 mail.example ESMTP\r\n", "does not speak HTTP/2, as gRPC does"),
        (HELLO + frame(GOAWAY, content=b"\0" * 8, stream=0), "refuses calls (GOAWAY)"),
        (HELLO + frame(RST_STREAM, content=b"\0\0\0\x08"), "broke the call off (HTTP/2 error 8)"),
        (HELLO + frame(DATA, END_STREAM), "ended the call without an answer"),
        (HELLO + frame(DATA, content=b"\1" + message(1)[1:]),
         "sends a message that is not an answer to a health check"),
        (HELLO + frame(DATA, content=b"\0\xff\xff\xff\xff"),
         "sends a message that is not an answer to a health check"),
        (HELLO + frame(HEADERS, 0, b"\0" * 16_385),
         "sends a frame of HTTP/2 that is larger than allowed"),
    ],
)  # fmt: skip
def test_everything_else_is_a_failure_with_its_reason(data: bytes, reason: str) -> None:
    """Most of them are a wrong port, and the reader of the status wants to know which it is."""
    assert outcome(data) == (False, reason)


def test_connection_that_is_closed_early_is_a_failure() -> None:
    """A server that is being stopped."""
    assert outcome(b"", closed=True) == (False, "closes the connection without an answer")
    assert outcome(SERVING, closed=True) == (True, "answered SERVING")


def test_graceful_end_lets_our_call_be_answered() -> None:
    """Servers announce it with the last call that they still answer."""
    goaway = frame(GOAWAY, content=b"\x7f\xff\xff\xff\0\0\0\0", stream=0)

    assert outcome(HELLO + goaway + SERVING[len(HELLO) :]) == (True, "answered SERVING")


def test_endless_answer_is_broken_off() -> None:
    """Everything from outside is bounded: here pings that a client must answer."""
    reader = AnswerReader()
    pings = frame(PING, content=b"12345678", stream=0) * 100

    reader.feed(HELLO)
    while reader.outcome is None:
        reader.feed(pings)

    assert reader.outcome == (False, f"sends more than {MAX_ANSWER_BYTES} bytes")


def test_other_streams_are_not_ours() -> None:
    """A server may push."""
    other = frame(DATA, content=message(2), stream=2)

    assert outcome(HELLO + other) is None
    assert outcome(HELLO + other + SERVING[len(HELLO) :]) == (True, "answered SERVING")


def test_frames_of_the_request_are_whole() -> None:
    """Lengths of more than 127 bytes take another byte in HPACK and protobuf."""
    sent = request("h" * 200, "s" * 300)[24:]
    starts = [0]
    while starts[-1] < len(sent):
        starts.append(starts[-1] + 9 + int.from_bytes(sent[starts[-1] : starts[-1] + 3], "big"))

    kinds = [sent[start + 3] for start, _ in pairwise(starts)]
    assert starts[-1] == len(sent)
    assert kinds == [SETTINGS, HEADERS, DATA]
    assert b"\x01\x7f\x49" + b"h" * 200 in sent
    assert sent.endswith(b"\x0a\xac\x02" + b"s" * 300)
