"""Limits how often a registry gets requests: renewals, retries, and a limit for all of them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Chance = Callable[[], float]
    """Gives a number in [0, 1) by chance."""

_FIRST_RETRY_MS = 1_000
_LAST_RETRY_MS = 1_000
_BURST = 4.0
_EXTRA_A_MINUTE = 2.0
_RENEWALS = 1.2


def renewal_pause_ms(interval_ms: int, chance: Chance) -> int:
    """The time between two renewals: a little less than the interval, and never the same.

    Java's client has no jitter: instances that started together renew together for ever.
    """
    return round(interval_ms * (0.9 + 0.1 * chance()))


def retry_pause_ms(rounds: int, interval_ms: int, chance: Chance) -> int:
    """The time to wait after all servers have failed so many times in a row to register.

    It begins with full jitter below a ceiling that doubles. When the ceiling reaches the interval
    between renewals, the last of these pauses is anywhere in that interval, and from then on the
    registry is asked at the pace of renewals, as by those whose renewal fails: whenever it
    returns, it has everybody back within one interval, and no more requests a second than ever.
    """
    ceiling_ms = _FIRST_RETRY_MS << min(rounds - 1, 20)
    if ceiling_ms < 2 * interval_ms:
        return round(min(ceiling_ms, interval_ms) * chance())
    return renewal_pause_ms(interval_ms, chance)


def last_retry_pause_ms(chance: Chance) -> int:
    """The time between attempts to remove a lease: the process is about to end."""
    return round(_LAST_RETRY_MS * chance())


class Pace:
    """The bound: in any minute at most 1.2 times the renewals that are due, and six requests more.

    Four can follow each other at once. What never reached a server is not counted, nor is what
    somebody waits for, a pause or its end.
    """

    def __init__(self, interval_ms: int) -> None:
        self._a_ms = (_RENEWALS / interval_ms) + _EXTRA_A_MINUTE / 60_000
        self._room = _BURST
        self._at_ms: int | None = None

    def free_ms(self, now_ms: int) -> int:
        """When the next request may be sent."""
        self._fill(now_ms)
        if self._room >= 1.0:
            return now_ms
        return now_ms + int((1.0 - self._room) / self._a_ms) + 1

    def take(self, now_ms: int) -> None:
        """Count a request."""
        self._fill(now_ms)
        self._room -= 1.0

    def give_back(self) -> None:
        """Take back the count of a request that did not reach a server."""
        self._room = min(_BURST, self._room + 1.0)

    def _fill(self, now_ms: int) -> None:
        if self._at_ms is not None:
            self._room = min(_BURST, self._room + (now_ms - self._at_ms) * self._a_ms)
        self._at_ms = now_ms
