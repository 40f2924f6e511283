"""Log lines for people, or for machines: event first, facts after."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Final

from eureka_registry.config.settings import LogFormat, Settings

_TEXT: Final = "%(asctime)s %(levelname)-7s %(message)s"


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
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def set_up(settings: Settings) -> None:
    """Write the program's log to standard error, as the settings want it."""
    handler = logging.StreamHandler()
    if settings.log_format is LogFormat.JSON:
        handler.setFormatter(_JsonFormatter(settings.name))
    else:
        handler.setFormatter(logging.Formatter(_TEXT))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    # aiohttp logs every request that breaks off; that is the client's business.
    logging.getLogger("aiohttp.server").setLevel(logging.ERROR)
