"""Token buckets for fetches (Netflix `RateLimitingFilter`, `eureka-protocol.md` 7.6)."""

from __future__ import annotations


class TokenBucket:
    """Lets `burst` through at once and `per_second` in the long run."""

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
