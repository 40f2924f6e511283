"""Token buckets for fetches (Netflix `RateLimitingFilter`), and for lines of the log."""

from __future__ import annotations

from eureka_registry.core.limits import MAX_NOTICED, NOTICES_A_MINUTE


class TokenBucket:
    """Allows `burst` at once and `per_second` in the long run."""

    def __init__(self, burst: int, per_second: float, now_ms: int) -> None:
        self._burst = burst
        self._per_ms = per_second / 1000
        self._tokens = float(burst)
        self._at_ms = now_ms

    def take(self, now_ms: int) -> bool:
        """Take one token; false when there is none."""
        gained = max(0, now_ms - self._at_ms) * self._per_ms
        self._tokens = min(float(self._burst), self._tokens + gained)
        self._at_ms = now_ms
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Notices:
    """Decides whether to log a warning: once per topic, and only so many a minute in all."""

    def __init__(self) -> None:
        self._bucket = TokenBucket(NOTICES_A_MINUTE, NOTICES_A_MINUTE / 60, 0)
        self._told: set[str] = set()

    def take(self, about: str, now_ms: int) -> bool:
        """Whether to log a warning about this topic now; if so, it counts as logged."""
        if about in self._told or not self._bucket.take(now_ms):
            return False
        if len(self._told) >= MAX_NOTICED:
            self._told.clear()
        self._told.add(about)
        return True
