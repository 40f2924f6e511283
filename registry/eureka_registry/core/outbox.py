"""The changes that wait to be sent to one peer, and when each may be sent.

A task only says *that* an instance changed; its content is read when the batch is encoded. So a
waiting task always has the newest state, and most of them can be merged.

Order. At most one batch is under way, and an instance's tasks leave in the order in which they
wait, so the changes of one instance never overtake each other (Java's twenty workers per peer do
let them, `docs/protocol/replication.md#sender-batches`). A batch leaves as soon as none is under
way; what happens meanwhile gathers for the next one. Changes of different instances have no order.

Merging, of one instance's pending tasks, oldest first; at most three remain:

* Cancel removes everything pending.
* Register after a pending Cancel stays behind it: the Cancel also ends the override.
* Register removes a pending Heartbeat. Where a Register waits already, that one carries the new
  document, too; staying in its place it is still before an override that came after it.
* Heartbeat replaces a pending one, and adds nothing to a pending Register but time to live.
* StatusUpdate and DeleteStatusOverride replace each other and go behind a pending Register.

A batch that fails goes back to the front: what waited meanwhile is merged onto it by the same
rules, so that nothing superseded is sent again.

Renewals alone. A Heartbeat of an instance of which nothing else waits is kept apart. Changes leave
before such renewals. Beyond the limit they are dropped first: the next renewal brings what was
lost, and nothing brings a Cancel.

Age and number. A task that is not delivered in time is dropped (the caller sets the time: one
renewal interval for Register and Heartbeat, since the next renewal repairs them). Beyond the limit
the oldest is dropped. What the peer refuses for good is dropped, as in Java; the caller first
finds out which item of a batch it is.

Pacing. A failure is followed by a pause, 1 s after congestion and 100 ms otherwise, doubled with
every further failure in a row up to 30 s (Java: `TrafficShaper`, which does not double). Refusals
count as well: a peer that rejects our credentials must not get a request for every renewal.

Circuit. After `OPEN_AFTER` failures in a row the peer is taken for dead and must cost nothing.
*Renewals* are then not kept: they are nearly all of the traffic, they are out of date at the next
interval, and what they lead to (404, then Register) the first renewal after recovery leads to as
well. *Everything else* is kept, within age and limit: it is rare; a Java peer learns of a Cancel
or of an override in no other way (renewals with an equal timestamp carry no override, cancelled
instances have no renewals, digests exist only between our own peers); and a Cancel kept
without the Register behind it would take a living instance away. When the pause is over one batch
is tried (half open), made of what was kept, or else of the first renewal to come. Its success
closes the circuit, its failure begins the next pause. With nothing to try, an answer to anything
else closes it, too: a quiet registry would else call a peer unavailable until its next renewal.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import reduce
from itertools import islice
from types import MappingProxyType
from typing import Final

import msgspec

from eureka_registry.core.lease import Lease
from eureka_registry.core.model import PeerAction
from eureka_registry.core.pace import (
    Congested,
    Delivered,
    Failure,
    Interrupted,
    Outcome,
    Pace,
    Refused,
    Unreachable,
    span,
)

_OVERRIDES: Final = frozenset({PeerAction.STATUS_UPDATE, PeerAction.DELETE_STATUS_OVERRIDE})
_REPLACES: Final[Mapping[PeerAction, frozenset[PeerAction]]] = MappingProxyType(
    {
        PeerAction.REGISTER: frozenset({PeerAction.HEARTBEAT}),
        PeerAction.HEARTBEAT: frozenset({PeerAction.HEARTBEAT}),
        PeerAction.CANCEL: frozenset(PeerAction),
        PeerAction.STATUS_UPDATE: _OVERRIDES,
        PeerAction.DELETE_STATUS_OVERRIDE: _OVERRIDES,
    }
)


class Task(msgspec.Struct, frozen=True, gc=False):
    """One change of an instance to send to a peer; its contents are read when it is sent.

    `queued_at_ms` is the moment since which this peer has been behind on the instance: a task
    that joins or replaces waiting ones takes theirs over. At `expires_at_ms` it is too late.
    `lease` is the lease that was renewed, which saves a look-up for each peer; `None`: look it up.
    """

    action: PeerAction
    app: str
    id: str
    queued_at_ms: int
    expires_at_ms: int
    lease: Lease | None = None


class DropReason(StrEnum):
    """Why a task was dropped."""

    EXPIRED = "expired"
    OVERFLOW = "overflow"
    REFUSED = "refused"
    CIRCUIT_OPEN = "circuit_open"


Key = tuple[str, str]
"""Application and instance id."""


class Outbox:
    """One peer's pending tasks and the pace at which it gets them; rules: see the module.

    Needs the most tasks of a batch and the most tasks kept waiting, both at least 1; `ValueError`
    otherwise. Every `now_ms` is a moment of one clock that never goes back.
    """

    def __init__(self, batch_size: int, limit: int) -> None:
        self._changes: OrderedDict[Key, tuple[Task, ...]] = OrderedDict()
        """What waits, but for renewals of instances of which nothing else waits."""
        self._renewals: dict[Key, Task] = {}
        self._tasks = 0  # in `_changes`
        self._in_flight: list[Task] = []
        self._renewals_taken = 0
        self._pace = Pace()
        self._dropped: Counter[DropReason] = Counter()
        self._last_delivered_ms: int | None = None
        self.set_limits(batch_size, limit)

    def set_limits(self, batch_size: int, limit: int) -> None:
        """Set the largest number of tasks in a batch, and waiting; `ValueError`: see the class."""
        if batch_size < 1 or limit < 1:
            raise ValueError("batch size and limit must be at least 1")
        self._batch_size = batch_size
        self._limit = limit
        self._drop_beyond_limit()

    @property
    def backlog(self) -> int:
        """Tasks that wait, without those under way."""
        return self._tasks + len(self._renewals)

    @property
    def in_flight(self) -> int:
        """Tasks under way."""
        return len(self._in_flight)

    @property
    def dropped(self) -> Mapping[DropReason, int]:
        """Tasks given up so far, by reason; those merged into newer ones are not among them."""
        return MappingProxyType({reason: self._dropped[reason] for reason in DropReason})

    @property
    def last_delivered_ms(self) -> int | None:
        """When the peer last took a batch; `None`: never."""
        return self._last_delivered_ms

    @property
    def failing_since_ms(self) -> int | None:
        """When the present failures began; `None`: the last batch arrived, or there was none."""
        return self._pace.failing_since_ms

    @property
    def is_open(self) -> bool:
        """Whether the circuit is open: the peer counts as dead."""
        return self._pace.is_open

    def lag_ms(self, now_ms: int) -> int:
        """How long the peer has been behind: the age of its oldest task, 0 without one."""
        since_ms = [task.queued_at_ms for task in self._in_flight]
        since_ms += [tasks[0].queued_at_ms for tasks in self._changes.values()]
        if self._renewals:
            since_ms.append(next(iter(self._renewals.values())).queued_at_ms)
        return now_ms - min(since_ms, default=now_ms)

    def reason(self, now_ms: int) -> str | None:
        """Why the peer is not available, and when it is tried again; `None`: it is available."""
        since_ms = self._pace.failing_since_ms
        if since_ms is None:
            return None
        return f"{self._pace.trouble} for {span(now_ms - since_ms)}, {self._next_try(now_ms)}"

    def add(
        self, action: PeerAction, app: str, instance_id: str, now_ms: int, max_age_ms: int
    ) -> None:
        """Queue a change that is worth delivering for `max_age_ms`."""
        key = (app, instance_id)
        new = Task(action, app, instance_id, now_ms, now_ms + max_age_ms)
        if action is PeerAction.HEARTBEAT:
            self.add_renewals({key: new}, now_ms)
            return
        self._add_change(key, new)

    def add_renewals(self, tasks: Mapping[Key, Task], now_ms: int) -> None:
        """Queue Heartbeats, by application and instance id."""
        if self._pace.is_open and self._is_closed(now_ms):
            self._dropped[DropReason.CIRCUIT_OPEN] += len(tasks)
            return
        if not self.backlog:  # nearly always
            self._renewals = dict(tasks)
        else:
            for key, task in tasks.items():
                self._add_renewal(key, task)
        self._drop_beyond_limit()

    def _add_change(self, key: Key, new: Task) -> None:
        renewal = self._renewals.pop(key, None)
        pending = self._changes.get(key, () if renewal is None else (renewal,))
        before = 0 if renewal is not None else len(pending)
        merged = _merge(pending, new) if pending else (new,)
        self._changes[key] = merged
        self._tasks += len(merged) - before
        self._drop_beyond_limit()

    def take(self, now_ms: int, *, renewals: int | None = None) -> list[Task]:
        """Return the next batch, changes first, which is then under way until `settle`.

        Empty while one is under way, during a pause, and when nothing is worth sending. With
        `renewals` so many renewals may come on top of the most tasks of a batch.
        """
        if self.wait_ms(now_ms) != 0:
            return []
        kept_free = 0 if renewals is not None or not self._renewals else self._batch_size // 5
        batch = self._take_changes(self._batch_size - kept_free, now_ms)
        room = self._batch_size - len(batch) if renewals is None else renewals
        renewed = self._take_renewals(room, now_ms)
        self._renewals_taken = len(renewed)
        self._in_flight = [*batch, *renewed]
        return list(self._in_flight)

    @property
    def renewals_taken(self) -> int:
        """How many tasks at the end of the last batch are renewals alone."""
        return self._renewals_taken

    def wait_ms(self, now_ms: int) -> int | None:
        """Milliseconds after which `take` may return something.

        `None`: not before the next `add` or, with a batch under way, `settle`.
        """
        if self._in_flight or not (self._changes or self._renewals):
            return None
        return max(0, self._pace.next_try_ms - now_ms)

    def retry_now(self) -> None:
        """End a pause, because the peer has just answered something.

        If nothing waits that could be tried, it is available again, unless it refused the last
        batch: such a peer answers but takes nothing.
        """
        if not (self.backlog or self._in_flight or self._pace.is_refused):
            self._pace.note_success()
        self._pace.next_try_ms = 0

    def retain(self, tasks: Sequence[Task], later: Sequence[Task] = ()) -> None:
        """Keep only these of the tasks under way; the others need not be sent.

        Those for `later` wait again, in front. With none kept nothing is under way any more, and
        nothing is known of the peer.
        """
        self._in_flight = list(tasks)
        self._put_first(later)

    def settle(self, outcome: Outcome, now_ms: int, spread: float = 0.0) -> None:
        """Record the result of the batch under way.

        A pause that follows is longer by the share `spread` of it, so that peers who lost the
        same one do not come back to it together. `ValueError`: nothing is under way.
        """
        if not self._in_flight:
            raise ValueError("no batch is under way")
        tasks, self._in_flight = self._in_flight, []
        match outcome:
            case Delivered():
                self._pace.note_success()
                self._last_delivered_ms = now_ms
            case Interrupted():
                self._put_back(tasks, now_ms)
            case Refused():
                self._dropped[DropReason.REFUSED] += len(tasks)
                self._note_failure(outcome, now_ms, spread)
            case Congested() | Unreachable():
                self._put_back(tasks, now_ms)
                self._note_failure(outcome, now_ms, spread)

    def _note_failure(self, outcome: Failure, now_ms: int, spread: float) -> None:
        self._pace.note_failure(outcome, now_ms, spread)
        if self._pace.is_open:
            self._drop_renewals()

    def _is_closed(self, now_ms: int) -> bool:
        return bool(self._in_flight) or now_ms < self._pace.next_try_ms

    def _add_renewal(self, key: Key, new: Task) -> None:
        if key in self._changes:
            self._add_change(key, new)
            return
        held = self._renewals.get(key)
        since_ms = new.queued_at_ms if held is None else held.queued_at_ms
        self._renewals[key] = msgspec.structs.replace(new, queued_at_ms=since_ms)

    def _take_changes(self, most: int, now_ms: int) -> list[Task]:
        taken: list[Task] = []
        while self._changes and len(taken) < most:
            _, pending = self._changes.popitem(last=False)
            self._tasks -= len(pending)
            live = self._without_expired(pending, now_ms)
            room = most - len(taken)
            taken.extend(live[:room])
            self._put_first(live[room:])
        return taken

    def _take_renewals(self, most: int, now_ms: int) -> Sequence[Task]:
        if len(self._renewals) <= most:
            taken = [*self._renewals.values()]
            self._renewals.clear()
        else:
            taken = [self._renewals.pop(key) for key in [*islice(self._renewals, most)]]
        return self._without_expired(taken, now_ms)

    def _put_back(self, tasks: Sequence[Task], now_ms: int) -> None:
        self._put_first(self._without_expired(tasks, now_ms))
        self._drop_beyond_limit()

    def _put_first(self, tasks: Sequence[Task]) -> None:
        """Put tasks in front, in their order, merged with newer ones."""
        older: dict[Key, tuple[Task, ...]] = {}
        for task in tasks:
            key = (task.app, task.id)
            older[key] = (*older.get(key, ()), task)
        renewals: dict[Key, Task] = {}
        for key in reversed(older):
            merged = reduce(_merge, self._pop(key), older[key])
            if len(merged) == 1 and merged[0].action is PeerAction.HEARTBEAT:
                renewals[key] = merged[0]
            else:
                self._changes[key] = merged
                self._changes.move_to_end(key, last=False)
                self._tasks += len(merged)
        if renewals:
            self._renewals = {key: renewals[key] for key in reversed(renewals)} | self._renewals

    def _pop(self, key: Key) -> tuple[Task, ...]:
        renewal = self._renewals.pop(key, None)
        if renewal is not None:
            return (renewal,)
        tasks = self._changes.pop(key, ())
        self._tasks -= len(tasks)
        return tasks

    def _without_expired(self, tasks: Sequence[Task], now_ms: int) -> tuple[Task, ...]:
        live = tuple(task for task in tasks if task.expires_at_ms > now_ms)
        self._dropped[DropReason.EXPIRED] += len(tasks) - len(live)
        return live

    def _drop_beyond_limit(self) -> None:
        while (excess := self.backlog - self._limit) > 0:
            oldest = [*islice(self._renewals, excess)]
            if oldest:
                self._dropped[DropReason.OVERFLOW] += len(oldest)
                for key in oldest:
                    del self._renewals[key]
                continue
            self._dropped[DropReason.OVERFLOW] += 1
            _, pending = self._changes.popitem(last=False)
            self._tasks -= len(pending)
            self._put_first(pending[1:])

    def _drop_renewals(self) -> None:
        backlog = self.backlog
        self._renewals.clear()
        kept: OrderedDict[Key, tuple[Task, ...]] = OrderedDict()
        for key, pending in self._changes.items():
            rest = tuple(task for task in pending if task.action is not PeerAction.HEARTBEAT)
            if rest:
                kept[key] = rest
        self._changes, self._tasks = kept, sum(map(len, kept.values()))
        self._dropped[DropReason.CIRCUIT_OPEN] += backlog - self._tasks

    def _next_try(self, now_ms: int) -> str:
        if self._in_flight:
            return "trying now"
        wait_ms = self._pace.next_try_ms - now_ms
        if wait_ms > 0:
            return f"next try in {span(wait_ms)}"
        return "trying now" if self.backlog else "next try with the next change"


def _merge(pending: tuple[Task, ...], new: Task) -> tuple[Task, ...]:
    """Add a task to one instance's pending ones, at least one, by the rules on top."""
    if new.action in (PeerAction.REGISTER, PeerAction.HEARTBEAT) and _has_register(pending):
        return tuple(_extend_expiry(task, new) for task in pending)
    replaced = _REPLACES[new.action]
    kept = (task for task in pending if task.action not in replaced)
    return (*kept, msgspec.structs.replace(new, queued_at_ms=pending[0].queued_at_ms))


def _has_register(tasks: tuple[Task, ...]) -> bool:
    return any(task.action is PeerAction.REGISTER for task in tasks)


def _extend_expiry(task: Task, newer: Task) -> Task:
    """A Register expires with the newest change that it contains; other tasks are left alone."""
    if task.action is not PeerAction.REGISTER or task.expires_at_ms >= newer.expires_at_ms:
        return task
    return msgspec.structs.replace(task, expires_at_ms=newer.expires_at_ms)
