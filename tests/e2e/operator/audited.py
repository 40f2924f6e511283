"""What the operator asked of the API server, and which of its replicas: by the audit log."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from cluster import audit
from cluster.audit import Entry, Permission
from cluster.plan import CONTROL, Plan

LEASES: Final = "leases"
SETTLING_S: Final = 500.0
"""Within it there is a quiet minute: a peer on a busy machine may miss a probe now and then, which
is written into the status."""
_REFUSED: Final = 400


class Requests:
    """The requests of a ServiceAccount since this was made."""

    def __init__(self, plan: Plan, namespace: str, name: str) -> None:
        self._log = plan.log(CONTROL, audit.LOG)
        self._user = audit.account(namespace, name)
        self._position = self._log.stat().st_size
        self._found: list[Entry] = []

    @property
    def all(self) -> list[Entry]:
        """All of them, in the order in which they were received."""
        with self._log.open("rb") as log:
            log.seek(self._position)
            whole, newline, _ = log.read().rpartition(b"\n")
        self._position += len(whole + newline)
        # A hundred lines are of others for each of the operator's: they are not worth reading.
        lines = (line for line in whole.decode().splitlines() if f'"{self._user}"' in line)
        text = "".join(f"{line}\n" for line in lines)
        self._found += (entry for entry in audit.parsed(text) if entry.user == self._user)
        self._found.sort(key=lambda entry: entry.at)
        return [*self._found]

    @property
    def writes(self) -> list[Entry]:
        """Those that ask for a change of anything but the Lease."""
        return [entry for entry in self.all if entry.writes and entry.resource != LEASES]

    def since_last_write(self, least_s: float) -> list[Entry]:
        """What was asked since the last write; empty if that is less than `least_s` ago."""
        found = self.all
        last = max((each.at for each in self.writes), default=found[0].at if found else None)
        if last is None or datetime.now(last.tzinfo) - last < timedelta(seconds=least_s):
            return []
        return [each for each in found if each.at > last]

    @property
    def permissions(self) -> set[Permission]:
        """What had to be granted for them."""
        return audit.used(self.all, self._user)


def takeover_time(found: Iterable[Entry], pod: str) -> datetime | None:
    """When another replica than `pod` first wrote the Lease; None if none has."""
    return next((each.at for each in found if takes(each) and each.pod != pod), None)


def unauthorized(found: Iterable[Entry]) -> list[Entry]:
    """Writes of a replica that was not the last one to write the Lease.

    Requests before the Lease was first written are left out: who had it is not known.
    """
    holder = ""
    wrong = []
    for each in found:
        if takes(each):
            holder = each.pod
        elif each.writes and each.resource != LEASES and holder not in ("", each.pod):
            wrong.append(each)
    return wrong


def takes(entry: Entry) -> bool:
    """Whether it made or renewed the Lease; a standby that is not let in only reads it."""
    return entry.resource == LEASES and entry.writes and entry.code < _REFUSED
