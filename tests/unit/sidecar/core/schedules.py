"""Every schedule of faults against a registry's rules, in virtual time.

The registry is a model of `AbstractInstanceRegistry`: a registration with an older
`lastDirtyTimestamp` is answered 204 and not taken, a renewal with a newer one is answered 404.
A lease that is not renewed ends.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from eureka_sidecar.core.configuration import Check, Instance
from eureka_sidecar.core.document import OUT_OF_SERVICE, UNKNOWN, Content
from eureka_sidecar.core.lease import Lease
from eureka_sidecar.core.metrics import Counters
from eureka_sidecar.core.operations import Answer, Operation, Request

FAULTS: Final = ("ok", "404", "500", "lost before", "lost after", "slow")
INTERVAL_MS: Final = 10_000
GRACE_MS: Final = 27_000
"""The kubelet's thirty seconds, less what the end of a process takes."""
_WALL_MS: Final = 1_700_000_000_000
_INSTANCE: Final = Instance(
    app="orders",
    id="orders-1",
    host_name="10.0.0.1",
    ip="10.0.0.1",
    port=8080,
    check=Check("tcp", 8080),
    renewal_s=INTERVAL_MS // 1000,
    duration_s=3 * INTERVAL_MS // 1000,
)
_ROUND_TRIP_MS: Final = 5
_TIMED_OUT_MS: Final = 5_000


@dataclass
class Record:
    """What the registry holds."""

    status: str
    override: str
    dirty_ms: int
    renewed_ms: int

    @property
    def visible_status(self) -> str:
        """The status that clients see."""
        return self.status if self.override == UNKNOWN else self.override


@dataclass
class Model:
    """A registry of one instance."""

    record: Record | None = None
    late: Request | None = None
    stamps: list[int] = field(default_factory=list)

    def answer(self, request: Request, fault: str, now_ms: int) -> tuple[Answer, int]:
        """The answer to a request under a fault, and how long it takes."""
        self._end(now_ms)
        self.settle(now_ms)
        if request.operation is Operation.REGISTER:
            self.stamps.append(_dirty_ms(request))
        match fault:
            case "404":  # to a registration: there is nothing below this path
                if request.operation is not Operation.REGISTER:
                    self.record = None
                return Answer(404), _ROUND_TRIP_MS
            case "500":
                return Answer(500), _ROUND_TRIP_MS
            case "lost before":
                return Answer(0, reason="refused", sent=False), _ROUND_TRIP_MS
            case "slow":
                self.late = request
                return Answer(0, reason="no answer"), _TIMED_OUT_MS
            case "lost after":
                self._apply(request, now_ms)
                return Answer(0, reason="broken off"), _ROUND_TRIP_MS
        return self._apply(request, now_ms), _ROUND_TRIP_MS

    def settle(self, now_ms: int) -> None:
        """What was slow has its effect at last."""
        if self.late:
            self._apply(self.late, now_ms)
            self.late = None

    def _end(self, now_ms: int) -> None:
        if self.record and now_ms - self.record.renewed_ms > 3 * INTERVAL_MS:
            self.record = None

    def _apply(self, request: Request, now_ms: int) -> Answer:
        if not request.target.startswith("/eureka/apps/"):
            return Answer(404)
        if request.operation is Operation.REGISTER:
            return self._register(request, now_ms)
        if self.record is None:
            return Answer(404)
        return self._change(self.record, request, now_ms)

    def _change(self, record: Record, request: Request, now_ms: int) -> Answer:
        match request.operation:
            case Operation.VERIFY:
                return Answer(200, _shown(record))
            case Operation.RENEW:
                return _renew(record, request, now_ms)
            case Operation.OVERRIDE:
                record.override = OUT_OF_SERVICE
            case Operation.LIFT:
                record.override = UNKNOWN
            case Operation.REMOVE:
                self.record = None
        return Answer(200)

    def _register(self, request: Request, now_ms: int) -> Answer:
        sent = json.loads(request.body)["instance"]
        dirty_ms = _dirty_ms(request)
        old = self.record
        if old and old.dirty_ms > dirty_ms:
            return Answer(204)
        override = old.override if old and old.override != UNKNOWN else sent["overriddenStatus"]
        self.record = Record(sent["status"], override, dirty_ms, now_ms)
        return Answer(204)


@dataclass(frozen=True)
class Change:
    """Something that is wished when a request of this number is `under_way` or is not yet sent."""

    number: int
    under_way: bool
    make: Callable[[Lease, int], None]


@dataclass
class Run:
    """One schedule, and what came of it."""

    lease: Lease
    model: Model
    now_ms: int = 0
    sent: list[tuple[int, Operation, bool, bool]] = field(default_factory=list)
    """Each request: when, what, whether it may have reached the server,
    whether it must not have been sent."""
    made: list[Change] = field(default_factory=list)
    changed_ms: int = 0
    """When the last fault or wish came."""
    paths_tried: bool = False


def schedules(length: int) -> Iterator[tuple[str, ...]]:
    """Every schedule of so many requests."""
    return itertools.product(FAULTS, repeat=length)


def run(faults: Sequence[str], wishes: Sequence[Change], chance: Callable[[], float]) -> Run:
    """Run a schedule until all is as wished, or two intervals after the last fault or wish."""
    here = Run(Lease(_INSTANCE, ["/eureka/"], Content("STARTING"), chance, Counters()), Model())
    number = 0
    while not here.lease.finished and here.now_ms <= _end_ms(here):
        _make(here, wishes, number, under_way=False)
        if number > len(faults) and here.lease.settled and not here.model.late:
            break  # what follows are renewals
        request = here.lease.next_request(here.now_ms, _WALL_MS + here.now_ms)
        if request is None:
            wake_ms = here.lease.wake_ms(here.now_ms)
            here.now_ms = here.now_ms + 1 if wake_ms is None else max(wake_ms, here.now_ms + 1)
            continue
        closing = here.lease.closing and request.operation is not Operation.REMOVE
        _make(here, wishes, number, under_way=True)
        fault = faults[number] if number < len(faults) else "ok"
        _exchange(here, request, fault, closing=closing)
        number += 1
    here.model.settle(here.now_ms)
    return here


def _make(here: Run, wishes: Sequence[Change], number: int, *, under_way: bool) -> None:
    for wish in wishes:
        if (wish.number, wish.under_way) == (number, under_way) and wish not in here.made:
            wish.make(here.lease, here.now_ms)
            here.made.append(wish)
            here.changed_ms = here.now_ms


def _exchange(here: Run, request: Request, fault: str, *, closing: bool) -> None:
    lease = here.lease
    answer, took_ms = here.model.answer(request, fault, here.now_ms)
    took_ms = min(took_ms, max(0, lease.deadline_ms - here.now_ms))
    here.sent.append((here.now_ms, request.operation, answer.sent, closing))
    here.now_ms += took_ms
    here.paths_tried |= not request.target.startswith("/eureka/apps/")
    if fault != "ok":
        here.changed_ms = here.now_ms
    assert lease.next_request(here.now_ms, _WALL_MS) is None  # one request at a time
    lease.receive(answer, here.now_ms)


def _end_ms(here: Run) -> int:
    if here.lease.closing:
        return here.changed_ms + GRACE_MS
    return here.changed_ms + INTERVAL_MS * (4 if here.paths_tried else 2)


def _renew(record: Record, request: Request, now_ms: int) -> Answer:
    if int(request.target.rpartition("=")[2]) > record.dirty_ms:
        return Answer(404)
    record.renewed_ms = now_ms
    return Answer(200)


def _shown(record: Record) -> bytes:
    instance = {
        "status": record.visible_status,
        "overriddenStatus": record.override,
        "ipAddr": _INSTANCE.ip,
        "port": {"$": _INSTANCE.port},
        "lastDirtyTimestamp": str(record.dirty_ms),
    }
    return json.dumps({"instance": instance}).encode()


def _dirty_ms(request: Request) -> int:
    return int(json.loads(request.body)["instance"]["lastDirtyTimestamp"])
