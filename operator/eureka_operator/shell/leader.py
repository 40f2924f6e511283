"""Leader election: the replica whose name is in the Lease acts.

The rules are client-go's (`tools/leaderelection`). The clocks of two machines are never compared: a
holder counts as dead when its record has not changed for a lease duration by the own clock.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from eureka_operator.core.kinds import Kind, Object
from eureka_operator.shell.client import ApiError, Client, path_of
from eureka_operator.shell.options import LeaseTimes

LEASE: Final = Kind("coordination.k8s.io/v1", "Lease", "leases")
"""Kept in etcd by the API server: one object, of which one writer wins."""

_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_RELEASED_S: Final = 1

_log = logging.getLogger(__name__)


class LostError(Exception):
    """This process was the leader and is not any more; it has to end."""


class Record(NamedTuple):
    """The contents of a Lease. Times are texts in UTC; `holder` is empty after a release."""

    holder: str
    duration_s: int
    acquired: str
    renewed: str
    transitions: int


@dataclass
class Observation:
    """The record as we saw it last, and when by our clock it last changed."""

    record: Record | None = None
    changed_s: float = 0.0

    def observe(self, record: Record, now_s: float) -> None:
        """Take in a newly read record."""
        if record != self.record:
            self.record = record
            self.changed_s = now_s

    def expires_s(self, me: str) -> float:
        """When the Lease expires by our clock, if its holder does not renew it before."""
        record = self.record
        if record is None or record.holder in ("", me):
            return self.changed_s
        return self.changed_s + record.duration_s


def after_renewal(record: Record | None, me: str, duration_s: int, now: str) -> Record:
    """The record after we took or renewed the Lease; `None`: there was none."""
    if record is None:
        return Record(me, duration_s, now, now, 0)
    if record.holder == me:
        return record._replace(duration_s=duration_s, renewed=now)
    return Record(me, duration_s, now, now, record.transitions + 1)


def after_release(record: Record, now: str) -> Record:
    """The record after we released the Lease: nobody has to wait until it expires."""
    return record._replace(holder="", duration_s=_RELEASED_S, acquired=now, renewed=now)


def record_of(lease: Object) -> Record:
    """The record of a Lease; a field that is absent is empty or 0."""
    spec = lease.get("spec") or {}
    return Record(
        spec.get("holderIdentity") or "",
        spec.get("leaseDurationSeconds") or 0,
        spec.get("acquireTime") or "",
        spec.get("renewTime") or "",
        spec.get("leaseTransitions") or 0,
    )


class Elector:
    """Takes the Lease when it may, and renews it.

    `client` is its own, with half the renew deadline for a request: other work of the operator does
    not delay it. `last_turn_s` is when its last turn began, by the clock; a turn is at most two
    requests and a pause, and `longest_turn_s` is twice that. `problem` says in words why the API
    server cannot be asked; `None`: it can.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        me: str,
        times: LeaseTimes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.held = asyncio.Event()
        self.last_turn_s = clock()
        self.longest_turn_s = 2 * (times.renew_deadline_s + times.retry_period_s)
        self.problem: str | None = "the API server was not asked yet"
        self._client = client
        self._namespace = namespace
        self._me = me
        self._times = times
        self._clock = clock
        self._observation = Observation()
        self._lease: Object | None = None
        self._status: int | None = None
        self._last_renewal_s = 0.0

    @property
    def leading(self) -> bool:
        """Whether this process may write: it held the Lease, and could renew it not long ago."""
        recent = self._clock() < self._last_renewal_s + self._times.renew_deadline_s
        return self.held.is_set() and recent

    async def run(self) -> None:
        """Try to lead, for ever; no failure of the API server ends it.

        Raises:
            LostError: The Lease was held and could not be renewed, or is another's.
        """
        while True:
            await self._turn()
            self.last_turn_s = self._clock()
            if self.held.is_set() and not self.leading:
                limit_s = self._times.renew_deadline_s
                raise LostError(f"the Lease could not be renewed within {limit_s:g} s")
            await asyncio.sleep(self._pause_s())

    async def release(self) -> None:
        """Release the Lease, if it is held, so that the other replica need not wait.

        `run` must have ended, or it would take it again.
        """
        if not self.held.is_set():
            return
        self.held.clear()
        try:
            lease = await self._read()
            if lease is not None and record_of(lease).holder == self._me:
                await self._write(lease, after_release(record_of(lease), _utc_now()))
                _log.info("the Lease is released")
        except ApiError as error:
            _log.warning("the Lease was not released: %s", error)

    def _pause_s(self) -> float:
        """The pause until the next turn; a standby looks twice as often, to be there at expiry."""
        if self.held.is_set():
            return self._times.retry_period_s
        left_s = self._observation.expires_s(self._me) - self._clock()
        pause_s = self._times.retry_period_s / 2
        return min(pause_s, left_s) if left_s > 0 else pause_s

    async def _turn(self) -> None:
        start_s = self._clock()
        try:
            await self._take_or_renew(start_s)
        except ApiError as error:
            self._lease = None  # whatever it is by now, it is read again
            if error.status != _CONFLICT:
                self._note(error)
        else:
            self.problem = self._status = None

    async def _take_or_renew(self, start_s: float) -> None:
        lease = self._lease if self.held.is_set() else None
        if lease is None:
            lease = await self._read()
        record = None if lease is None else record_of(lease)
        if record is not None:
            self._observation.observe(record, self._clock())
            if self.held.is_set() and record.holder != self._me:
                raise LostError(f"the Lease is held by {record.holder or 'nobody'}")
            if self._observation.expires_s(self._me) > self._clock():
                return
        await self._write(
            lease, after_renewal(record, self._me, self._times.duration_s, _utc_now())
        )
        self._last_renewal_s = start_s
        if not self.held.is_set():
            _log.info("leading: the Lease is held by %s", self._me)
            self.held.set()

    async def _read(self) -> Object | None:
        try:
            return await self._client.send("get", path_of(LEASE, self._namespace, self._times.name))
        except ApiError as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    async def _write(self, lease: Object | None, record: Record) -> None:
        """Create or replace the Lease; its `resourceVersion` lets one writer of several win."""
        body = {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": {"namespace": self._namespace, "name": self._times.name}
            if lease is None
            else lease["metadata"],
            "spec": {
                "holderIdentity": record.holder,
                "leaseDurationSeconds": record.duration_s,
                "acquireTime": record.acquired,
                "renewTime": record.renewed,
                "leaseTransitions": record.transitions,
            },
        }
        if lease is None:
            self._lease = await self._client.send("post", path_of(LEASE, self._namespace), body)
        else:
            path = path_of(LEASE, self._namespace, self._times.name)
            self._lease = await self._client.send("put", path, body)
        self._observation.observe(record_of(self._lease), self._clock())

    def _note(self, error: ApiError) -> None:
        """Log a problem once, though an absent API server fails in several ways."""
        if error.status != self._status:
            _log.warning("the Lease: %s", error)
        self.problem, self._status = str(error), error.status


def _utc_now() -> str:
    """A `MicroTime`: always six digits, or the API server refuses it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
