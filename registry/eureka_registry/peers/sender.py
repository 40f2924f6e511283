"""Sends the outbox of one peer, and handles the peer's answer to each item.

A refused batch is sent again in parts, down to one item. Only a single item that the peer refuses
is dropped, and the log names it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from eureka_registry.core.limits import BATCH_BYTES, RENEWALS_AT_ONCE
from eureka_registry.core.model import PeerAction
from eureka_registry.core.outbox import Key, Outbox, Task
from eureka_registry.core.pace import Delivered, Interrupted, Refused
from eureka_registry.peers.client import Answer, PeerClient
from eureka_registry.peers.packing import Packed, Room, pack
from eureka_registry.wire.replication import Reply

_log = logging.getLogger(__name__)

_WIDEST_SPREAD: Final = 0.2
"""A pause is longer by at most this share of it."""

_TOO_LARGE: Final = 413
_PERHAPS_ONE_ITEM: Final = frozenset({400, 413, 422, 500})
"""Statuses by which a server may refuse a whole batch for one item of it."""

_NOT_SHORT: Final = frozenset({404, 405, 415, 501})
"""Statuses of a server that takes no renewals in their short form."""


class Hooks(NamedTuple):
    """The callbacks of a sender.

    `encode` gives a task's item as it must be sent now, and `renewal` a renewal's short form;
    `None` if its lease is gone and nothing has to be sent. `on_reply` gets each reply that is not a
    2xx: the owner answers a renewal's 404 with a Register and adopts the document of a 409.
    """

    encode: Callable[[Task], bytes | None]
    renewal: Callable[[Task], bytes | None]
    on_reply: Callable[[Task, Reply], None]


class Sender:
    """One peer's outbox, its connection, and the task that sends from one to the other.

    `now_ms` reads the clock that the outbox's moments are of.
    """

    def __init__(
        self, client: PeerClient, outbox: Outbox, hooks: Hooks, now_ms: Callable[[], int]
    ) -> None:
        self.outbox = outbox
        self.mismatches = 0
        """Answers whose number of replies was not that of the items, and which were ignored."""
        self.refused: str | None = None
        """The last change that the peer refused for good, in words."""
        self.peer_stops = False
        """Whether the peer said that it was told to stop."""
        self._is_self = False
        self._client = client
        self._hooks = hooks
        self._now_ms = now_ms
        self._wake = asyncio.Event()
        self._sending = asyncio.Lock()
        self._speaks_to: str | None = None
        self._short = False
        self._room_bytes = BATCH_BYTES
        self._most_items: int | None = None

    @property
    def is_self(self) -> bool:
        """Whether the peer is this process itself; then nothing is sent to it."""
        return self._is_self

    def mark_as_self(self) -> None:
        """Send nothing more: the peer is this process itself."""
        if not self._is_self:
            _log.info("peer is this process peer=%s", self._client.url)
        self._is_self = True
        self._wake.set()

    def takes_renewals(self, node: str, *, takes: bool) -> None:
        """Note whether the process behind the URL takes short renewals.

        For a known process nothing changes: it may have refused them.
        """
        if node != self._speaks_to:
            self._speaks_to = node
            self._short = takes
            self._room_bytes = BATCH_BYTES

    def add(self, action: PeerAction, app: str, instance_id: str, max_age_ms: int) -> None:
        """Queue a change; it leaves at once unless a batch is under way or the peer is failing."""
        if not self._is_self:
            self.outbox.add(action, app, instance_id, self._now_ms(), max_age_ms)
            self._wake.set()

    def add_renewals(self, tasks: Mapping[Key, Task]) -> None:
        """The same for renewals; all peers may share the tasks."""
        if not self._is_self:
            self.outbox.add_renewals(tasks, self._now_ms())
            self._wake.set()

    def retry_now(self) -> None:
        """Try a failing peer now instead of after the pause: it has just answered something."""
        if self.outbox.failing_since_ms is None:
            return
        self.outbox.retry_now()
        self._log_turn(self._now_ms(), was_failing=True)
        self._wake.set()

    async def run(self) -> None:
        """Send tasks as they come, for ever; returns only if the peer is this process itself.

        A batch under way when this is cancelled goes back into the outbox, so that `flush` can
        send it again.
        """
        while not self._is_self:
            async with self._sending:
                await self._send_next()
            await self._pause()

    async def flush(self, timeout_s: float) -> bool:
        """Send until nothing waits any more, for a clean stop, whether `run` still runs or not.

        Ends after `timeout_s`, or sooner if the peer counts as dead, or is stopping, too, and does
        not answer any more. Returns whether everything was sent or needed no sending.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._send_all()
        waits = self.outbox.backlog or self.outbox.in_flight
        return self._is_self or self.peer_stops or not waits

    async def _send_all(self) -> None:
        while not self._is_self:
            async with self._sending:  # also waits for a batch of `run`
                await self._send_next()
                wait_ms = self.outbox.wait_ms(self._now_ms())
            if wait_ms is None or self.outbox.is_open:
                return
            if self.peer_stops and self.outbox.failing_since_ms is not None:
                return
            await asyncio.sleep(wait_ms / 1_000)

    async def _pause(self) -> None:
        self._wake.clear()
        wait_ms = self.outbox.wait_ms(self._now_ms())
        if wait_ms == 0 or self._is_self:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(None if wait_ms is None else wait_ms / 1_000):
                await self._wake.wait()

    async def _send_next(self) -> None:
        packed = self._pack()
        if not packed.tasks:
            return
        answer = await self._post(packed)
        self.peer_stops = answer.stops or (self.peer_stops and answer.node is None)
        if answer.is_self:
            self.mark_as_self()
            self.outbox.settle(Interrupted(), self._now_ms())
        elif not self._sends_otherwise(packed, answer):
            self._settle(packed, answer)
        self._wake.set()

    def _pack(self) -> Packed:
        """The next batch: tasks that must still be sent and have room; the rest waits again."""
        renewals = RENEWALS_AT_ONCE if self._short else None
        taken = self.outbox.take(self._now_ms(), renewals=renewals)
        short_from = len(taken) - (self.outbox.renewals_taken if self._short else 0)
        room = Room(self._room_bytes, self._most_items or len(taken))
        packed = pack(taken, short_from, room, self._hooks.encode, self._hooks.renewal)
        if len(packed.tasks) < len(taken):
            self.outbox.retain(packed.tasks, packed.later)
        return packed

    async def _post(self, packed: Packed) -> Answer:
        try:
            if packed.renewals:
                return await self._client.post_renewals(packed.body())
            return await self._client.post_batch(packed.body())
        except asyncio.CancelledError:
            self.outbox.settle(Interrupted(), self._now_ms())
            raise

    def _sends_otherwise(self, packed: Packed, answer: Answer) -> bool:
        """Whether a refused batch has to be sent in another form, or in smaller parts.

        One item may be the reason, and no other must be lost because of it.
        """
        match answer.outcome:
            case Refused(status) if packed.renewals and status in _NOT_SHORT:
                self._short = False
            case Refused(status) if status == _TOO_LARGE and len(packed.tasks) > 1:
                self._room_bytes = max(1, packed.size // 2)
            case Refused(status) if status in _PERHAPS_ONE_ITEM and len(packed.tasks) > 1:
                self._most_items = (len(packed.tasks) + 1) // 2
            case _:
                return False
        self.outbox.settle(Interrupted(), self._now_ms())
        return True

    def _settle(self, packed: Packed, answer: Answer) -> None:
        """Record the outcome, and hand on the replies that are no plain 200."""
        now_ms = self._now_ms()
        outcomes = packed.read(answer, now_ms)
        was_failing = self.outbox.failing_since_ms is not None
        spread = _WIDEST_SPREAD * random.random()  # noqa: S311 - spreads retries, hides nothing
        self.outbox.settle(outcomes.outcome, now_ms, spread)
        self._log_turn(now_ms, was_failing=was_failing)
        match outcomes.outcome:
            case Delivered() if self._most_items is not None:
                self._most_items *= 2
                if self._most_items > RENEWALS_AT_ONCE:
                    self._most_items = None
            case Refused(status) if len(packed.tasks) == 1:
                self._log_refusal(packed.tasks[0], packed.size, status)
        if outcomes.mismatch:
            self.mismatches += 1
        for task, reply in outcomes.others:
            self._hooks.on_reply(task, reply)

    def _log_refusal(self, task: Task, size: int, status: int) -> None:
        what = f"{task.action.value} of {task.app}/{task.id} ({size} bytes)"
        self.refused = f"{what}: refused with status {status}"
        if status in _PERHAPS_ONE_ITEM:
            _log.warning(
                "change refused peer=%s change=%s status=%d", self._client.url, what, status
            )

    def _log_turn(self, now_ms: int, *, was_failing: bool) -> None:
        """Log one line when the peer begins to fail and one when it is back."""
        reason = self.outbox.reason(now_ms)
        if reason is not None and not was_failing:
            _log.warning("peer unavailable peer=%s reason=%s", self._client.url, reason)
        if reason is None and was_failing:
            _log.info("peer available again peer=%s", self._client.url)
