"""Writes the status of EurekaRegistrations, and an event for each change of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from eureka_operator.api.registration import InvalidRegistration, Registration
from eureka_operator.core.kinds import REGISTRATION, Object
from eureka_operator.core.registrations import status
from eureka_operator.core.registrations.wanted import Finding
from eureka_operator.shell.client import ApiError
from eureka_operator.shell.kube import Kube

_log = logging.getLogger(__name__)


class Statuses:
    """What was written last of each object, by its uid; `may_act` says whether we still lead."""

    def __init__(self, kube: Kube, may_act: Callable[[], bool]) -> None:
        self._kube = kube
        self._may_act = may_act
        self._written: dict[str, tuple[Object, datetime]] = {}
        self._problem = ""

    def forget_others(self, uids: Iterable[str]) -> None:
        """Forget what was written of other objects."""
        kept = set(uids)
        self._written = {uid: each for uid, each in self._written.items() if uid in kept}

    async def write(
        self,
        registration: Registration | InvalidRegistration,
        leases: Sequence[status.Lease],
        findings: Sequence[Finding],
        now: datetime,
    ) -> bool:
        """Write the status, if it is due; `False`: it has to wait a moment."""
        before, at = self._written.get(registration.uid, (registration.status, None))
        if at is not None and now - at >= status.LEAST_BETWEEN:
            before = registration.status
        after = status.status(registration.generation, leases, findings, before, now)
        if not status.is_due(before, after):
            return True
        if (at is not None and now - at < status.LEAST_BETWEEN) or not self._may_act():
            return False
        self._written[registration.uid] = after, now
        try:
            await self._write(registration, after)
        except ApiError as error:
            self._note(f"{registration}: its status was not written: {error}")
            return False
        event = status.change(before, after)
        if event is not None:
            about = _about(registration)
            await self._kube.post_event(about, event.type, event.reason, event.message)
        return True

    async def _write(
        self, registration: Registration | InvalidRegistration, condition: Object
    ) -> None:
        await self._kube.apply_status(_about(registration) | {"status": condition})
        self._problem = ""

    def _note(self, problem: str) -> None:
        """Log a problem once, not on every turn."""
        if problem != self._problem:
            _log.warning("%s", problem)
        self._problem = problem


def _about(registration: Registration | InvalidRegistration) -> Object:
    metadata = {
        "namespace": registration.namespace,
        "name": registration.name,
        "uid": registration.uid,
    }
    return {"apiVersion": REGISTRATION.api_version, "kind": REGISTRATION.kind, "metadata": metadata}
