"""Runs the benchmark: register, renew, read, change, and always remove.

Nothing that was sent is abandoned: whoever wants to stop sets an event, requests under way are
waited for, and then what was registered is removed. A cancellation that overtook its registration
would leave an instance behind.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from functools import partial
from http import HTTPStatus
from typing import Final

from eureka_registry.local.background import in_background
from eureka_registry.local.bench.figures import Phase, Samples, Tally
from eureka_registry.local.bench.leases import ALL, DELTA, Leases, Operation
from eureka_registry.local.bench.pace import Pace, pause
from eureka_registry.local.bench.plan import SILENCE_S, Plan
from eureka_registry.local.bench.report import Freshness, Sight
from eureka_registry.local.bench.server import Answer, NoEurekaError, Server

_AGAIN_S: Final = 0.1
"""Pause of a connection that got no answer, as clients make one, too."""
_LOOK_EVERY_S: Final = 1.0
_FIRST_PAUSE_S: Final = 0.0003
_SLACK: Final = 20
"""Who waits for a change looks again after a twentieth of the time that has passed: often enough
to be exact to 5 %, and seldom enough not to be a load."""

OnPhase = Callable[[Tally], None]
"""Is told of each phase when it begins."""


class Run:
    """One run against servers of which the first is written to."""

    def __init__(
        self,
        plan: Plan,
        servers: Sequence[Server],
        leases: Leases,
        stop: asyncio.Event,
        on_phase: OnPhase,
    ) -> None:
        """Prepare; `stop` ends it early."""
        self.phases: list[Phase] = []
        self.freshness: Freshness | None = None
        self.sight: list[Sight] = []
        self.notes: list[str] = []
        self.gave_up: str | None = None
        self.why_left = ""
        self._plan = plan
        self._servers = servers
        self._leases = leases
        self._stop = stop
        self._on_phase = on_phase
        self._pace = Pace(plan.rate)
        self._share_s = plan.seconds / 6
        """Time for each of: renew, list, delta, application, change, sight."""
        self._last_answer_at = time.perf_counter()
        self._silent: set[Server] = set()
        """Servers that gave no answer in this round of the removal."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more should begin."""
        return self._stop.is_set() or self.gave_up is not None

    async def measure(self) -> None:
        """Do all but the removal; ends early when the server falls silent, or on `stop`.

        Raises:
            NoEurekaError: the server does not take a registration.
        """
        steps: Sequence[Callable[[], Awaitable[None]]] = (
            self._register,
            self._renew,
            self._read_all,
            self._read_delta,
            self._read_own,
            self._change,
            self._see,
        )
        kept = Tally("renew meanwhile", time.perf_counter(), time.process_time())
        async with in_background([self._keep(kept)]):
            for step in steps:
                if not self.is_over:
                    await step()
        if kept.done:
            self._end(kept)

    async def remove(self) -> None:
        """Remove what was registered, where it was or else at any other of the servers.

        Gives up when for `SILENCE_S` nothing could be removed.
        """
        if not self._leases.held_numbers:
            return
        tally = self._begin("cancel", len(self._leases.held_numbers))
        self._last_answer_at = time.perf_counter()
        while True:
            self._silent.clear()
            await self._together(partial(self._cancel, iter(self._leases.held_numbers), tally))
            if (
                not self._leases.held_numbers
                or time.perf_counter() - self._last_answer_at > SILENCE_S
            ):
                break
            await asyncio.sleep(_AGAIN_S)
        self._end(tally)

    # -- Phases

    async def _register(self) -> None:
        """Register all; the first one alone, to see whether it is allowed."""
        tally = self._begin("register", self._plan.instances)
        answer = await self._send(self._servers[0], self._leases.registration(0), tally)
        if tally.errors:
            raise NoEurekaError(_no_registration(self._servers[0].url, self._leases.app, answer))
        numbers = range(1, self._plan.instances)
        await self._drive(map(self._leases.registration, numbers), tally)
        self._end(tally)

    async def _renew(self) -> None:
        if held := self._leases.held_numbers:
            await self._for_a_share("renew", map(self._leases.renewal, itertools.cycle(held)))

    async def _read_all(self) -> None:
        await self._for_a_share("list", itertools.repeat(ALL))

    async def _read_delta(self) -> None:
        """Fetch deltas, unless the server gives none (`disableDelta` of Netflix's)."""
        answer = await self._servers[0].ask(DELTA)
        if answer.status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            self.notes.append(f"The server gives no delta: it answers {answer.status}.")
            return
        await self._for_a_share("delta", itertools.repeat(DELTA))

    async def _read_own(self) -> None:
        await self._for_a_share("application", itertools.repeat(self._leases.own_list))

    async def _change(self) -> None:
        """Change instances one by one, each time fetching lists until one shows it."""
        tally, times = self._begin("change, list", mixed=True), Samples()
        changes = at_once = 0
        for note, number in self._changes(tally.moment):
            began = await self._apply(number, note, tally)
            if began is None:
                continue
            changes += 1
            looks, after_s = await self._wait_until_visible(
                self._servers[0], ALL, note, tally, began
            )
            if after_s is None:
                changes -= self.is_over  # then nobody waited for it long enough
                break
            times.add(after_s)
            at_once += looks == 1
        self._end(tally)
        unseen = changes - len(times)
        self.freshness = Freshness(changes, at_once, unseen, times.latency())

    async def _see(self) -> None:
        """Change instances one by one, and look them up at every server until each shows it."""
        tally = self._begin("change, look-ups", mixed=True)
        times = [Samples() for _ in self._servers]
        unseen = [0] * len(self._servers)
        for note, number in self._changes(tally.moment):
            began = await self._apply(number, note, tally)
            if began is None:
                continue
            look_up = self._leases.look_up(number)
            seen = await asyncio.gather(
                *(
                    self._wait_until_visible(each, look_up, note, tally, began)
                    for each in self._servers
                )
            )
            if self.is_over and any(after_s is None for _, after_s in seen):
                break
            for place, (_, after_s) in enumerate(seen):
                if after_s is None:
                    unseen[place] += 1
                else:
                    times[place].add(after_s)
            if any(unseen):
                break  # each further one would take all the patience again
        self._end(tally)
        self.sight = [
            Sight(server.url, len(seen_after) + missed, missed, seen_after.latency())
            for server, seen_after, missed in zip(self._servers, times, unseen, strict=True)
        ]

    # -- Parts of phases

    def _begin(self, name: str, goal: int | None = None, *, mixed: bool = False) -> Tally:
        self._pace.restart()
        self._last_answer_at = time.perf_counter()
        tally = Tally(name, time.perf_counter(), time.process_time(), goal, mixed=mixed)
        self._on_phase(tally)
        return tally

    def _end(self, tally: Tally) -> None:
        self.phases.append(tally.phase(time.perf_counter(), time.process_time()))

    async def _for_a_share(self, name: str, operations: Iterator[Operation]) -> None:
        tally = self._begin(name)
        await self._drive(operations, tally, tally.moment + self._share_s)
        self._end(tally)

    async def _drive(
        self, operations: Iterator[Operation], tally: Tally, end: float = float("inf")
    ) -> None:
        """Send operations over all connections until none is left, or until `end`."""

        async def work() -> None:
            for operation in operations:
                due = await self._pace.turn(self._stop)
                if self.is_over or time.perf_counter() >= end:
                    return
                await self._send(self._servers[0], operation, tally, due)

        await self._together(work)

    async def _together(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self._plan.connections):
                group.create_task(work())

    async def _send(
        self, server: Server, operation: Operation, tally: Tally, began: float | None = None
    ) -> Answer:
        """Send one, count it, and pause if there was no answer; timed from `began`, if given."""
        sent_at = time.perf_counter()
        self._leases.note_request(operation, sent_at)
        answer = await server.ask(operation)
        now = time.perf_counter()
        self._leases.note_answer(operation, answer.status, sent_at)
        good = operation.is_good(answer.status)
        tally.add(answer.outcome, now - (began or sent_at), len(answer.body), good=good)
        if server is self._servers[0]:
            await self._note_silence(answer, now)
        return answer

    async def _note_silence(self, answer: Answer, now: float) -> None:
        """Note whether the first server still answers."""
        if answer.status:
            self._last_answer_at = now
        elif now - self._last_answer_at > SILENCE_S:
            self.gave_up = answer.trouble
        else:
            await pause(_AGAIN_S, self._stop)

    def _changes(self, began: float) -> Iterator[tuple[str, int]]:
        """Notes of changes and the instances to change: one at least, then for a share of time."""
        held = self._leases.held_numbers
        for count in itertools.count():
            late = time.perf_counter() - began > self._share_s
            if not held or self.is_over or (count and late):
                return
            yield f"{self._leases.app}-change-{time.perf_counter_ns()}", held[count % len(held)]

    async def _apply(self, number: int, note: str, tally: Tally) -> float | None:
        """Make a change; returns the moment before it, `None` if it was not accepted."""
        await self._pace.turn(self._stop)
        began = time.perf_counter()
        operation = self._leases.registration(number, note)
        answer = await self._send(self._servers[0], operation, tally)
        return began if operation.is_good(answer.status) else None

    async def _wait_until_visible(
        self, server: Server, look: Operation, note: str, tally: Tally, began: float
    ) -> tuple[int, float | None]:
        """Look until the note is visible; returns how often, and the seconds since `began`.

        The seconds are `None` if it is not visible within the patience, or when it is time to stop.
        """
        wanted = note.encode()
        for looks in itertools.count(1):
            self._pace.spend()
            answer = await self._send(server, look, tally)
            passed = time.perf_counter() - began
            if wanted in answer.text:
                return looks, passed
            if passed > self._plan.patience_s or self.is_over:
                return looks, None
            await pause(max(_FIRST_PAUSE_S, passed / _SLACK), self._stop)
        raise AssertionError  # the count never ends

    async def _keep(self, tally: Tally) -> None:
        """Renew leases that the phases have not renewed for an interval, until cancelled."""
        while True:
            for number in self._leases.due(time.perf_counter()):
                if self.is_over:
                    return
                self._pace.spend()
                await self._send(self._servers[0], self._leases.renewal(number), tally)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _cancel(self, numbers: Iterator[int], tally: Tally) -> None:
        """Cancel leases until none is left, or no server answers any more."""
        for number in numbers:
            for server in self._servers:
                if server not in self._silent:
                    await self._pace.turn()
                    if await self._cancel_at(server, number, tally):
                        break
            if len(self._silent) == len(self._servers):
                return

    async def _cancel_at(self, server: Server, number: int, tally: Tally) -> bool:
        """Cancel one lease at a server; returns whether it is gone.

        A 404 of another server than the first proves nothing: it may not have been told.
        """
        operation = self._leases.cancellation(number)
        began = time.perf_counter()
        answer = await server.ask(operation)
        now = time.perf_counter()
        gone = operation.is_good(answer.status) and (
            server is self._servers[0] or answer.status != HTTPStatus.NOT_FOUND
        )
        tally.add(answer.outcome, now - began, len(answer.body), good=gone)
        if gone:
            self._leases.note_answer(operation, answer.status, now)
            self._last_answer_at = now
        else:
            self.why_left = answer.outcome
        if not answer.status:
            self._silent.add(server)
        return gone


def _no_registration(url: str, app: str, answer: Answer) -> str:
    if not answer.status:
        return f"{url} gives its list, but does not answer a registration: {answer.trouble}"
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return (
            f"{url} refuses a registration of {app} with {answer.status}: give a user who may "
            f"register applications of that name, as in http://user:password@host:port/eureka/"
        )
    return f"{url} refuses a registration with {answer.status}: is it read-only, or no Eureka?"
