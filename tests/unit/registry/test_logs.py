"""Log lines with what strangers send in them: one line each, of bounded length and number."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from eureka_registry import logs
from eureka_registry.config.settings import LogFormat, Settings

FORGED = "i1\n2026-11-29 12:00:00,000 INFO    ready name=peer1\r\x1b[2K\x9b1A\u2028\u202e\x00"


@pytest.fixture(params=list(LogFormat))
def log_stream(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What the program's log writes, in each format; the root logger is put back."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers = []
    logs.set_up(Settings(log_format=request.param))
    stream = io.StringIO()
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    yield stream
    root.handlers = before
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[str]:
    """The lines as a terminal or a collector sees them."""
    return stream.getvalue().split("\n")[:-1]


def test_what_was_sent_cannot_begin_a_line_or_move_the_cursor(log_stream: io.StringIO) -> None:
    """An id with a line feed wrote a line of its own."""
    logging.getLogger("x").info("lease expired app=%s id=%s", "A", FORGED)

    (line,) = lines(log_stream)
    assert line.isprintable()
    assert "\\n2026-11-29" in line


def test_half_of_a_character_is_escaped() -> None:
    """No stream could write it; nor could a worker of pytest pass it on, so nothing is logged."""
    assert logs.escape("i\ud800") == "i\\ud800"


def test_tracebacks_cannot_either(log_stream: io.StringIO) -> None:
    """The text of an error may hold what was sent."""
    try:
        int(FORGED)
    except ValueError:
        logging.getLogger("x").exception("failed id=%s", FORGED)

    first, *rest = lines(log_stream)
    assert "ValueError" in log_stream.getvalue()
    assert first.isprintable()
    assert all(line.isprintable() and line.startswith("    ") for line in rest)


def test_messages_are_cut(log_stream: io.StringIO) -> None:
    """A mebibyte of an id is no log line."""
    logging.getLogger("x").info("id=%s", "i" * 1_000_000)

    (line,) = lines(log_stream)
    assert len(line) < logs.MAX_MESSAGE + 300
    assert "more characters" in line


def test_one_place_writes_a_bounded_number_of_lines(
    log_stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests that break off a thousand times a second must not fill a disk, nor hide others."""
    now_s = 1_000.0
    factory = logging.getLogRecordFactory()

    def at_now(*args: object, **kwargs: object) -> logging.LogRecord:
        record = factory(*args, **kwargs)
        record.created = now_s
        return record

    monkeypatch.setattr(logging, "_logRecordFactory", at_now)
    log = logging.getLogger("x")
    for n in range(logs.BURST + 50):
        if n == logs.BURST + 49:
            now_s += 1.0 / logs.PER_SECOND
        log.info("request broken off from=%s", n)
    log.info("another place")

    said = lines(log_stream)
    assert len(said) == logs.BURST + 2
    assert f"from={logs.BURST + 49} (and 49 more like this)" in said[-2]
    assert "another place" in said[-1]


def test_machines_read_json_whatever_is_in_it(caplog: pytest.LogCaptureFixture) -> None:
    """One object a line."""
    formatter = logs._JsonFormatter("peer1")
    with caplog.at_level(logging.INFO):
        logging.getLogger("x").info("id=%s", FORGED)

    assert json.loads(formatter.format(caplog.records[0]))["message"] == f"id={FORGED}"
