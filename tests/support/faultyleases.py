"""The sidecar's state machine with its real sockets, many leases at once, under a faulty proxy.

Each lease has a schedule of faults for some of its requests. Between the steps of their lives a
caller can ask the server what it shows.
"""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from eureka_sidecar.core import urls
from eureka_sidecar.core.configuration import Check, Credentials, Instance
from eureka_sidecar.core.document import Content
from eureka_sidecar.core.lease import Lease
from eureka_sidecar.core.metrics import Counters
from eureka_sidecar.records import replace
from eureka_sidecar.shell.connection import Server
from eureka_sidecar.shell.credentials import CredentialFiles
from eureka_sidecar.shell.keeper import keep
from eureka_sidecar.shell.loop import Event, Loop, Task
from eureka_sidecar.shell.resolve import Resolver
from support.faultproxy import Fault, FaultProxy, app_of
from support.looped import result

Schedule = tuple[Fault, ...]
Wish = Callable[[Lease], None]

FAULTS: Final = (
    Fault.FORGET,
    Fault.ERROR,
    Fault.CLOSE_BEFORE,
    Fault.CLOSE_AFTER,
    Fault.DELAY,
)
"""Besides `Fault.PASS`. A registration has nothing to be forgotten: it is answered 404."""

MOST_FAULTS: Final = 2
FIRST: Final = 5
"""Requests of a life that may be hurt: to register, be UP, pause, and to read back or renew."""
LIFT: Final = 2
"""Requests of the end of a pause that may be hurt."""
LAST: Final = 3
"""Requests of a removal that may be hurt, or of a life that is over as soon as it has begun."""

_PATIENCE_MS: Final = 150_000


def schedules(length: int) -> Iterator[Schedule]:
    """All schedules of so many requests with at most `MOST_FAULTS` faults."""
    for count in range(MOST_FAULTS + 1):
        for places in itertools.combinations(range(length), count):
            for faults in itertools.product(FAULTS, repeat=count):
                hurt = dict(zip(places, faults, strict=True))
                yield tuple(hurt.get(place, Fault.PASS) for place in range(length))


class Leases:
    """Leases of one server on loopback, from the beginning of the block to its end.

    Each is of an application of its own, and has one of the schedules: `lives` for their first
    requests, for those from the end of their first pause, or for those of their removal. The
    `early` are removed while their first request is under way.
    """

    def __init__(self, upstream: int) -> None:
        self.loop = Loop()
        self.lives: dict[str, _Member] = {}
        self.early: dict[str, _Member] = {}
        self._proxy = FaultProxy(upstream, self._choose)
        self._resolver = Resolver()

    def __enter__(self) -> Leases:
        """Begin all of them at once; those that are removed at once are so when it returns."""
        self._proxy.__enter__()
        lives = [(each, "register") for each in schedules(FIRST)]
        lives += [(each, "lift") for each in schedules(LIFT)]
        lives += [(each, "remove") for each in schedules(LAST)]
        for number, (schedule, first) in enumerate(lives):
            self.lives[f"L{number}"] = self._start(f"L{number}", schedule, first)
        for number, schedule in enumerate(schedules(LAST)):
            self.early[f"E{number}"] = self._start(f"E{number}", schedule, "register")
        self._settle(self.early, [self._end])
        return self

    def __exit__(self, *_: object) -> None:
        """Close what is open."""
        for member in self._members.values():
            member.task.cancel()
            member.server.close()
        self._proxy.__exit__()

    @property
    def _members(self) -> dict[str, _Member]:
        return {**self.lives, **self.early}

    def _start(self, app: str, schedule: Schedule, first: str) -> _Member:
        instance = Instance(
            app=app,
            id=f"{app}-1",
            host_name="10.0.0.1",
            ip="10.0.0.1",
            port=8080,
            check=Check("tcp", 8080),
            renewal_s=1,
            duration_s=120,  # none of them is gone because its lease has ended
        )
        url = urls.parse(self._proxy.url)
        lease = Lease(instance, [url.path], Content("STARTING"), random.random, Counters())
        files = CredentialFiles(Credentials())
        server = Server(self.loop, replace(url, path=""), files, self._resolver)
        return _Member(self.loop, lease, server, schedule, first)

    def _choose(self, method: str, target: str) -> Fault:
        """The next fault of the schedule of the application in the path."""
        app = app_of(target)
        member = self.lives.get(app) or self.early[app]
        fault = member.next_fault(method, target)
        return Fault.NOT_FOUND if fault is Fault.FORGET and method == "POST" else fault

    life: Sequence[Wish] = (
        lambda _: None,
        lambda lease: lease.set_content(Content("UP")),
        lambda lease: lease.pause(),
        lambda lease: lease.resume(),
        lambda lease: lease.pause(),
    )
    """What is wished of a lease; at first it is STARTING, in the end paused."""

    def settle(self, *wishes: Wish) -> None:
        """Wish this of each life, one after the other as soon as its server holds the last.

        `AssertionError`: one does not, in a time that is several times what all faults take.
        """
        self._settle(self.lives, wishes)

    def close(self) -> None:
        """Remove all leases, and wait until all are."""
        self.settle(self._end)

    def _end(self, lease: Lease) -> None:
        lease.close(self.loop.now_ms())

    def _settle(self, members: Mapping[str, _Member], wishes: Sequence[Wish]) -> None:
        end_ms = self.loop.now_ms() + _PATIENCE_MS
        tasks = [
            self.loop.start(self._wait_until_settled(app, member, wishes, end_ms))
            for app, member in members.items()
        ]
        result(self.loop, self._finished(tasks))

    async def _wait_until_settled(
        self, app: str, member: _Member, wishes: Sequence[Wish], end_ms: int
    ) -> None:
        for wish in wishes:
            wish(member.lease)
            member.wished.happen()
            while not member.lease.settled:
                came = await self.loop.wait_for_event(member.changed, end_ms)
                assert came or member.lease.settled, f"{app} does not settle: {member.history()}"

    async def _finished(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            if not task.done:
                await self.loop.wait_for_event(task.finished)

    def broken(self) -> list[str]:
        """Leases that asked for anything but their removal after that had begun."""
        asked = defaultdict(list)
        for each in self._proxy.seen:
            asked[app_of(each.target)].append(_kind(each.method, each.target))
        return [
            f"{app}: {methods}, {self._members[app].history()}"
            for app, methods in asked.items()
            if set(methods[methods.index("remove") :]) != {"remove"}
        ]

    def summary(self) -> str:
        """How many schedules came to their last fault: a removal may be over before."""
        members = self._members.values()
        met = sum(
            all(fault is Fault.PASS for fault in member.schedule[member.number :])
            for member in members
        )
        requests = len(self._proxy.seen)
        return f"{len(members)}, {met} of them to their last fault, in {requests} requests"


class _Member:
    """A lease, and the schedule that it meets from the `first` request of a kind."""

    def __init__(
        self, loop: Loop, lease: Lease, server: Server, schedule: Schedule, first: str
    ) -> None:
        self.lease = lease
        self.server = server
        self.schedule = schedule
        self.number = 0
        self.wished = Event()
        self.changed = Event()
        self._first = first
        self._is_begun = False
        self._asked: list[str] = []
        self.task = loop.start(keep(loop, lease, [server], self.wished, self.changed.happen))

    def next_fault(self, method: str, target: str) -> Fault:
        """The fault of the request that has come."""
        self._asked.append(f"{method} {target}")
        self._is_begun |= _kind(method, target) == self._first
        if not self._is_begun or self.number >= len(self.schedule):
            return Fault.PASS
        self.number += 1
        return self.schedule[self.number - 1]

    def history(self) -> str:
        """What happened to it, for a failed test."""
        faults = [fault.name for fault in self.schedule]
        return f"{faults}, {self._asked[-12:]}, {self.lease.problem}"


def _kind(method: str, target: str) -> str:
    if method == "DELETE":
        return "lift" if "/status" in target else "remove"
    return "register" if method == "POST" else method
