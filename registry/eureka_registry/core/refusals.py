"""Instances that the registry did not accept from peers, and what the log says of them.

Peers differ while such instances are refused, so the log must say why; but their sender must not be
able to fill the log.
"""

from __future__ import annotations

from collections import deque

from eureka_registry.core.limits import NOTICES_A_MINUTE
from eureka_registry.core.ratelimit import Notices
from eureka_registry.core.validation import display_text


class Refusals:
    """Refused instances: how many since the start, and sentences about those not logged yet."""

    def __init__(self) -> None:
        self.total = 0
        self._waiting: deque[str] = deque(maxlen=NOTICES_A_MINUTE)
        self._notices = Notices()

    def note(self, app: str | None, instance_id: str | None, reason: str) -> None:
        """Remember that an instance was refused; its name is quoted and cut."""
        self.total += 1
        self._waiting.append(f"{display_text(app)} {display_text(instance_id)}: {reason}")

    def take(self, now_ms: int) -> list[str]:
        """Give the sentences to log now: each once, and only so many a minute."""
        waiting = list(dict.fromkeys(self._waiting))
        self._waiting.clear()
        return [sentence for sentence in waiting if self._notices.take(sentence, now_ms)]
