"""The status of an `EurekaRegistration`: one condition, `Synced`, and what is registered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from eureka_operator.core.events import NORMAL, WARNING, Event
from eureka_operator.core.kinds import Object
from eureka_operator.core.registrations.wanted import UP, Finding

SYNCED: Final = "Synced"
REFRESH: Final = timedelta(minutes=10)
"""How often the time of the last renewal is written when nothing else changes. Each write is one
of etcd and an event for every watch, so renewals themselves are not told."""
LEAST_BETWEEN: Final = timedelta(seconds=2)
"""Between two writes of one status: endpoints that come and go by the dozen are one change."""

_MOST_APPS: Final = 3


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """An instance as its registry has confirmed it; the status is empty if it has not.

    `settled`: the registry holds what is wanted. `problem` is why not, if something is known to be
    wrong.
    """

    app: str
    status: str
    settled: bool
    renewed: datetime | None = None
    problem: Finding | None = None


def status(
    generation: int,
    leases: Sequence[Lease],
    findings: Sequence[Finding],
    before: Object,
    now: datetime,
) -> Object:
    """The whole status; what did not change since `before` has the time that it had."""
    held = [each for each in leases if each.status]
    renewed = max((each.renewed for each in held if each.renewed is not None), default=None)
    found: Object = {
        "observedGeneration": generation,
        "instances": len(held),
        "up": sum(each.status == UP for each in held),
        "conditions": [_condition(generation, _sync_condition(leases, findings), before, now)],
    }
    if apps := _apps(held):
        found["app"] = apps
    if renewed is not None:
        found["lastRenewal"] = _text(renewed)
    elif "lastRenewal" in before:
        found["lastRenewal"] = before["lastRenewal"]
    return found


def is_due(before: Object, after: Object) -> bool:
    """Whether a status should be written: it differs, or its last renewal is too old."""
    if _without_renewal(before) != _without_renewal(after):
        return True
    old, new = before.get("lastRenewal"), after.get("lastRenewal")
    if new is None or old == new:
        return False
    return old is None or _time(new) - _time(old) >= REFRESH


def change(before: Object, after: Object) -> Event | None:
    """The event for a change of the condition; progress alone makes none."""
    old, new = condition(before), condition(after)
    if new["reason"] in ("Registering", old.get("reason")):
        return None
    return Event(NORMAL if new["status"] == "True" else WARNING, new["reason"], new["message"])


def condition(before: Object) -> Object:
    """The condition; empty in a status that nobody has written yet."""
    conditions: list[dict[str, Any]] = before.get("conditions") or []
    return next((each for each in conditions if each.get("type") == SYNCED), {})


def _sync_condition(leases: Sequence[Lease], findings: Sequence[Finding]) -> tuple[str, Finding]:
    if findings:
        message = "; ".join(dict.fromkeys(each.message for each in findings))
        return "False", Finding(findings[0].reason, message[:1024])
    problem = next((each.problem for each in leases if each.problem is not None), None)
    if problem is not None:
        return "False", problem
    missing = sum(not each.settled for each in leases)
    if missing:
        message = f"{missing} of {len(leases)} instances are not as wanted yet"
        return "False", Finding("Registering", message)
    return "True", Finding(SYNCED, "the registry holds what is wanted")


def _condition(generation: int, sync: tuple[str, Finding], before: Object, now: datetime) -> Object:
    holds, finding = sync
    old = condition(before)
    since = old.get("lastTransitionTime") if old.get("status") == holds else None
    return {
        "type": SYNCED,
        "status": holds,
        "observedGeneration": generation,
        "lastTransitionTime": since or _text(now),
        "reason": finding.reason,
        "message": finding.message,
    }


def _apps(leases: Iterable[Lease]) -> str:
    apps = sorted({each.app for each in leases})
    more = [f"{len(apps) - _MOST_APPS} more"] if len(apps) > _MOST_APPS else []
    return ", ".join([*apps[:_MOST_APPS], *more])


def _without_renewal(found: Object) -> Object:
    return {key: value for key, value in found.items() if key != "lastRenewal"}


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
