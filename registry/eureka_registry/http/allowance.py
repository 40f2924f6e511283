"""Limits the processor time of a page that anybody may request at any time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from eureka_registry.core.limits import PAGE_BURST_S, PAGE_SHARE


class Allowance:
    """A share of the processor's time, and some of it at once; beyond it the last page is shown."""

    def __init__(self) -> None:
        self._left_s = PAGE_BURST_S
        self._at_s = time.monotonic()

    @property
    def is_left(self) -> bool:
        """Whether the page may be made anew now."""
        now_s = time.monotonic()
        self._left_s = min(PAGE_BURST_S, self._left_s + (now_s - self._at_s) * PAGE_SHARE)
        self._at_s = now_s
        return self._left_s > 0

    @contextmanager
    def account(self) -> Iterator[None]:
        """Count the time that a piece of work takes."""
        began_s = time.monotonic()
        try:
            yield
        finally:
            self._left_s -= time.monotonic() - began_s
