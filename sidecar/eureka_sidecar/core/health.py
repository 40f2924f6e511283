"""Turns the results of the application's checks into a status of Eureka."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from .configuration import Check

    Status = Literal["STARTING", "UP", "DOWN"]

SOON_MS = 1_000
"""How long an application that may be about to become UP waits for its next check, at most."""


class Health:
    """The status of one application, from the checks in a row.

    `STARTING` until `check.rise` checks in a row succeeded, then `UP`; `check.fall` failures in a
    row make it `DOWN`, `rise` successes `UP` again. An application that was never `UP` does not
    become `DOWN`: it stays `STARTING`. As the kubelet's `successThreshold` and `failureThreshold`.

    All times are those of one clock that never jumps.
    """

    def __init__(self, check: Check, now_ms: int) -> None:
        self.status: Status = "STARTING"
        self.reason = "it has not been checked yet"
        """What the last check said, and what is missing for another status."""
        self.since_ms = now_ms
        """When the status was taken."""
        self.next_check_ms = now_ms
        """When the check is due: after its period, or sooner where it may become UP.

        Failures are not counted faster: the kubelet's threshold is one of periods.
        """
        self._check = check
        self._against = 0  # checks in a row that speak against the status

    def observe(self, now_ms: int, reason: str, *, ok: bool) -> None:
        """Take in the result of a check, and its `reason`."""
        self._against = self._against + 1 if ok != (self.status == "UP") else 0
        needed = self._check.rise if ok else self._check.fall
        if self._against >= needed:
            self._set_status("UP" if ok else "DOWN", now_ms)
        self.reason = f"{reason}{self._progress_text(needed)}"
        self.next_check_ms = now_ms + self._wait_ms()

    def _set_status(self, status: Status, now_ms: int) -> None:
        self.status = status
        self.since_ms = now_ms
        self._against = 0

    def _progress_text(self, threshold: int) -> str:
        if not self._against:
            return ""
        kind = "failures that make it DOWN" if self.status == "UP" else "successes that make it UP"
        return f" ({self._against} of {threshold} {kind})"

    def _wait_ms(self) -> int:
        soon = self.status == "STARTING" or (self.status == "DOWN" and self._against > 0)
        return min(self._check.period_ms, SOON_MS) if soon else self._check.period_ms


def is_success(http_status: int) -> bool:
    """Whether an HTTP check succeeded: redirections do, as for the kubelet's probes."""
    return 200 <= http_status < 400
