"""Log lines for people or for machines, one line for each event."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Final

_TEXT: Final = "%(asctime)s %(levelname)-7s %(message)s"


class _JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def set_up(level: str, form: str) -> None:
    """Write the program's log to standard error; `form` is `text` or `json`."""
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonFormatter() if form == "json" else logging.Formatter(_TEXT))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    if level != "debug":  # each of its watches tells of each attempt; we tell of it once
        logging.getLogger("kopf").setLevel(logging.CRITICAL)
    logging.getLogger("aiohttp.server").setLevel(logging.ERROR)
