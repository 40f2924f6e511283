"""Decides whether lists may be read: only from a complete registry, and not too often."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final

from eureka_registry.config.settings import Settings
from eureka_registry.core.ratelimit import TokenBucket
from eureka_registry.http.messages import Answer, Call
from eureka_registry.peers.client import SERVER_IDENTITY

STANDARD_CLIENTS: Final = frozenset({"DefaultClient", SERVER_IDENTITY})
"""Identities that are not limited (Netflix `RateLimitingFilter`)."""

NOT_COPIED: Final = "the registry has not been copied from a peer yet"


class Stage(Enum):
    """The state of a peer."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"


class Gate:
    """Decides which look-ups are refused, and why. Writes are never refused."""

    def __init__(self, settings: Settings, now_ms: int) -> None:
        self.stage = Stage.STARTING
        self.why_not_ready = NOT_COPIED
        self.limited = 0
        self.incomplete: str | None = None
        """Why the registry may lack what some peer holds, although the start is over."""
        self._settings = settings
        self._closed_until_ms = 0
        self._fetches, self._full_fetches = _buckets(settings, now_ms)

    def is_stopping(self) -> bool:
        """Whether this peer was told to stop."""
        return self.stage is Stage.STOPPING

    @property
    def region_fallback(self) -> bool:
        """Whether clients that name no region are shown other regions' instances."""
        return self._settings.remote_region_fallback

    def adopt(self, settings: Settings, now_ms: int) -> None:
        """Take over other settings; a new burst begins only if the rate is another one."""
        before, self._settings = self._settings, settings
        if _rates(before) != _rates(settings):
            self._fetches, self._full_fetches = _buckets(settings, now_ms)

    def open(self, now_ms: int, *, copied: bool) -> None:
        """Become ready. Without a copy, reads may have to wait (`waitTimeInMsWhenSyncEmpty`)."""
        self.stage = Stage.READY
        if not copied:
            self._closed_until_ms = now_ms + int(self._settings.wait_when_sync_empty_s * 1000)

    def why_not_serving(self, now_ms: int) -> str | None:
        """Why this peer should not be asked for lists; else `None`."""
        if self.stage is not Stage.READY:
            return self.why_not_ready
        if now_ms < self._closed_until_ms:
            wait_s = (self._closed_until_ms - now_ms) // 1000
            return f"no peer had a copy; lists open in {wait_s} s (wait_when_sync_empty_s)"
        return None

    def lookup_refusal(self, call: Call) -> Answer | None:
        """The answer to a look-up while the registry is not complete, else `None`."""
        if self.stage is Stage.STARTING:
            return Answer(503, headers=(("Retry-After", "1"),))
        return Answer(403) if call.now_ms < self._closed_until_ms else None

    def list_refusal(self, call: Call, *, full: bool = False) -> Answer | None:
        """The answer to a fetch that may not be served now, or not so often, else `None`.

        Of lists all but those of addresses are limited, as in Java
        (`docs/protocol/http.md#rate-limit`).
        """
        shut = self.lookup_refusal(call)
        if shut is not None:
            return shut
        if self._settings.rate_limit and not self._admit(call, full=full):
            self.limited += 1
            return Answer(503)
        return None

    def delta_refusal(self, call: Call) -> Answer | None:
        """The same for the delta, which may be switched off."""
        return Answer(403) if self._settings.disable_delta else self.list_refusal(call)

    def regions_refusal(self, ready: Iterable[bool]) -> Answer | None:
        """The answer to a look-up that names a region that was never fetched; else `None`."""
        return None if all(ready) else Answer(403)

    def _admit(self, call: Call, *, full: bool) -> bool:
        identity = call.headers.get("DiscoveryIdentity-Name", "")
        privileged = (
            identity in STANDARD_CLIENTS or identity in self._settings.rate_limit_privileged
        )
        if privileged and not self._settings.rate_limit_standard_clients:
            return True
        if not self._fetches.take(call.now_ms):
            return False
        return not full or self._full_fetches.take(call.now_ms)


def _rates(settings: Settings) -> tuple[int, int, int]:
    """Fetches at once, fetches a second, and full fetches a second."""
    return (
        settings.rate_limit_burst,
        settings.rate_limit_fetches_per_s,
        settings.rate_limit_full_fetches_per_s,
    )


def _buckets(settings: Settings, now_ms: int) -> tuple[TokenBucket, TokenBucket]:
    burst, fetches, full_fetches = _rates(settings)
    return TokenBucket(burst, fetches, now_ms), TokenBucket(burst, full_fetches, now_ms)
