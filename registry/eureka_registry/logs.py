"""Log lines for people or for machines: first the event, then its facts.

Lines show what strangers send: ids, names, hosts. So each is one line whatever is in it, has a
bounded length, and one place of the program can only write so many.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Final

from eureka_registry.config.settings import LogFormat, Settings

MAX_MESSAGE: Final = 2_000
"""Characters of a message, and of one line of a traceback; longer ones are cut."""

MAX_TRACEBACK: Final = 16_000
"""Characters of a traceback; its end says what happened, so the beginning goes."""

BURST: Final = 200
PER_SECOND: Final = 1.0
"""Lines that one place of the program may write at once, and in the long run: 15 MB a day."""

_TEXT: Final = "%(asctime)s %(levelname)-7s %(message)s"
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""What moves a terminal's cursor, ends a line, turns the direction of text, or is no character."""


def escape(text: str) -> str:
    """`text` as it may stand in a line: characters that would break the line are escaped."""
    return _UNSAFE.sub(_escape, text)


def cut(text: str, most: int = MAX_MESSAGE) -> str:
    """`text`, or its beginning and how much was left out."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text) - most} more characters)"


class _TextFormatter(logging.Formatter):
    """A line for people; a traceback follows it, indented."""

    def __init__(self) -> None:
        super().__init__(_TEXT)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        record.message = escape(cut(record.message))
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:  # noqa: N802
        lines = super().formatException(ei)[-MAX_TRACEBACK:].splitlines()  # type: ignore[arg-type]
        return "\n".join(f"    {escape(cut(line))}" for line in lines)


class _JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, peer: str) -> None:
        super().__init__()
        self._peer = peer

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "peer": self._peer,
            "logger": record.name,
            "message": cut(record.getMessage()),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)[-MAX_TRACEBACK:]
        return json.dumps(line)


class _Allowance:
    """How many lines a place in the code may still write, and how many were left out."""

    def __init__(self, now_s: float) -> None:
        self._left = float(BURST)
        self._at_s = now_s
        self.left_out = 0

    def take(self, now_s: float) -> bool:
        self._left = min(BURST, self._left + max(0.0, now_s - self._at_s) * PER_SECOND)
        self._at_s = now_s
        if self._left < 1:
            self.left_out += 1
            return False
        self._left -= 1
        return True


class Flood(logging.Filter):
    """Leaves out lines of a place in the code that writes too many; its next line says how many."""

    def __init__(self) -> None:
        super().__init__()
        self._places: dict[tuple[str, int], _Allowance] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is written."""
        place = (record.pathname, record.lineno)
        allowance = self._places.setdefault(place, _Allowance(record.created))
        if not allowance.take(record.created):
            return False
        if allowance.left_out:
            record.msg = f"{cut(record.getMessage())} (and {allowance.left_out} more like this)"
            record.args = None
            allowance.left_out = 0
        return True


def set_up(settings: Settings) -> None:
    """Write the program's log to standard error, in the form of the settings."""
    handler = logging.StreamHandler()
    handler.addFilter(Flood())
    if settings.log_format is LogFormat.JSON:
        handler.setFormatter(_JsonFormatter(settings.name))
    else:
        handler.setFormatter(_TextFormatter())
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    # aiohttp logs every request that breaks off; that is the client's business.
    logging.getLogger("aiohttp.server").setLevel(logging.ERROR)


def _escape(character: re.Match[str]) -> str:
    return character[0].encode("unicode_escape").decode("ascii")
