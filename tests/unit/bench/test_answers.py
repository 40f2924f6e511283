from __future__ import annotations

import pytest
from bench.answers import AnswerReader, BadAnswerError, Head, joined, read_head

EMPTY = b"HTTP/1.1 200 OK\r\nServer: eurekube\r\nContent-Length: 0\r\n\r\n"
GONE = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
FULL = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nHTTP/1.1 500"


def test_equal_answers_in_a_row_are_each_counted() -> None:
    """Renewals' answers are equal; the shortcut for them must not lose one."""
    reader = AnswerReader()

    assert [reader.feed(EMPTY) for _ in range(3)] == [[200]] * 3


def test_a_different_answer_after_equal_ones_shows_its_own_status() -> None:
    """Else a benchmark of failures would look fast and well."""
    reader = AnswerReader()

    assert [reader.feed(each) for each in (EMPTY, EMPTY, GONE, EMPTY)] == [
        [200], [200], [404], [200],
    ]  # fmt: skip


@pytest.mark.parametrize("size", range(1, len(FULL) + 1))
def test_pieces_of_any_size_give_the_same_answers(size: int) -> None:
    """TCP may cut anywhere, and a body may look like a head."""
    stream = FULL + EMPTY + GONE
    reader = AnswerReader()

    statuses = [
        status
        for start in range(0, len(stream), size)
        for status in reader.feed(stream[start : start + size])
    ]

    assert statuses == [200, 200, 404]
    assert reader.body_bytes == 12


def test_a_known_answer_inside_a_body_is_no_answer() -> None:
    """The shortcut holds only between two answers."""
    reader = AnswerReader()
    reader.feed(EMPTY)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 * len(EMPTY))

    assert [reader.feed(each) for each in (head, EMPTY, EMPTY)] == [[], [], [200]]


def test_bodies_of_answers_that_come_whole_are_counted() -> None:
    """Bytes per second are reported."""
    reader = AnswerReader()

    assert [reader.feed(FULL) for _ in range(2)] == [[200], [200]]
    assert reader.body_bytes == 24


@pytest.mark.parametrize("status", [204, 304])
def test_some_answers_never_have_a_body(status: int) -> None:
    """A 304 may even name the length of the body that it leaves out (RFC 9110, 15.4.5)."""
    text = b"HTTP/1.1 %d Whatever\r\nContent-Length: 500\r\n\r\n" % status

    assert read_head(text) == Head(status, 0)


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nServer: eurekube\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + 80 * b"x",
        b"nonsense\r\n\r\n",
    ],
)
def test_an_answer_whose_end_nobody_can_tell_is_refused(text: bytes) -> None:
    """Counting on would count what is not there."""
    with pytest.raises(BadAnswerError):
        AnswerReader().feed(text)


def test_a_head_without_end_is_not_held_for_ever() -> None:
    """A generator that gathers memory measures itself."""
    reader = AnswerReader()

    with pytest.raises(BadAnswerError, match="without end"):
        reader.feed(b"x" * 65_537)


def test_chunks_are_read_wherever_they_are_cut() -> None:
    """The Java server sends what it does not keep in chunks."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = head + b"5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n"

    for cut in range(1, len(answer)):
        reader = AnswerReader()
        statuses = [*reader.feed(answer[:cut]), *reader.feed(answer[cut:] + answer)]

        assert statuses == [200, 200]


def test_chunks_make_a_body() -> None:
    """Without their sizes."""
    assert joined(b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n") == b"hello!"
