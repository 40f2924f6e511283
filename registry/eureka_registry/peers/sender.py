"""Tells one peer what its outbox holds, and hands back what the peer says of each item."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from eureka_registry.core.model import PeerAction
from eureka_registry.core.outbox import Delivered, Interrupted, Outbox, Outcome, Task, Unreachable
from eureka_registry.peers.client import Answer, PeerClient
from eureka_registry.wire.fields import BadDocument
from eureka_registry.wire.replication import Reply, decode_replies, encode_batch

_log = logging.getLogger(__name__)

_WIDEST_SPREAD: Final = 0.2
"""A pause is longer by at most this share of it."""


class Hooks(NamedTuple):
    """What the sender asks and tells its owner.

    `encode` gives a task's item as it is to be sent now, or `None` if its lease is gone and the
    peer need not hear of it. `on_reply` gets each reply that is not a 2xx: the owner answers a
    renewal's 404 with a Register and adopts the document of a 409. `on_self` is called once if
    the peer turns out to be this very process.
    """

    encode: Callable[[Task], bytes | None]
    on_reply: Callable[[Task, Reply], None]
    on_self: Callable[[], None]


class Sender:
    """One peer's outbox, its connection, and the task that carries from one to the other.

    `now_ms` reads the clock that the outbox's moments are of.
    """

    def __init__(
        self, client: PeerClient, outbox: Outbox, hooks: Hooks, now_ms: Callable[[], int]
    ) -> None:
        self.outbox = outbox
        self.is_self = False
        """Whether the peer is this very process; nothing is sent to it any more."""
        self.mismatches = 0
        """Answers whose number of replies was not that of the items, and which were ignored."""
        self._client = client
        self._hooks = hooks
        self._now_ms = now_ms
        self._wake = asyncio.Event()
        self._sending = asyncio.Lock()

    def add(self, action: PeerAction, app: str, instance_id: str, max_age_ms: int) -> None:
        """Queue a change; it leaves at once unless a batch is under way or the peer is failing."""
        if self.is_self:
            return
        had_backlog = self.outbox.backlog > 0
        self.outbox.add(action, app, instance_id, self._now_ms(), max_age_ms)
        if not had_backlog:  # otherwise `run` is sending or has set its alarm
            self._wake.set()

    def hurry(self) -> None:
        """Try a failing peer now and not only after the pause: it has just answered something."""
        if self.outbox.failing_since_ms is None:
            return
        self.outbox.hurry()
        self._log_turn(self._now_ms(), was_failing=True)
        self._wake.set()

    async def run(self) -> None:
        """Send what comes, for ever; returns only if the peer is this very process.

        A batch under way when this is cancelled goes back into the outbox, so that `flush` can
        send it again.
        """
        while not self.is_self:
            async with self._sending:
                await self._send_next()
            await self._pause()

    async def flush(self, timeout_s: float) -> bool:
        """Send until nothing waits any more, for a clean stop, whether `run` still runs or not.

        Gives up after `timeout_s`, or sooner if the peer is taken for dead. Says whether
        everything was sent or needed no sending.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._send_all()
        return self.is_self or not (self.outbox.backlog or self.outbox.in_flight)

    async def _send_all(self) -> None:
        while not self.is_self:
            async with self._sending:  # also waits for a batch of `run`
                await self._send_next()
                wait_ms = self.outbox.wait_ms(self._now_ms())
            if wait_ms is None or self.outbox.is_open:
                return
            await asyncio.sleep(wait_ms / 1_000)

    async def _pause(self) -> None:
        wait_ms = self.outbox.wait_ms(self._now_ms())
        if wait_ms == 0 or self.is_self:
            return
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(None if wait_ms is None else wait_ms / 1_000):
                await self._wake.wait()

    async def _send_next(self) -> None:
        tasks, items = self._encoded(self.outbox.take(self._now_ms()))
        if not tasks:
            return
        answer = await self._post(encode_batch(items))
        if answer.node == self._client.node.id:
            self._stop_at_self()
            return
        self._tell_replies(tasks, self._settle(answer))

    def _encoded(self, taken: Sequence[Task]) -> tuple[list[Task], list[bytes]]:
        """The tasks still worth sending, which stay under way, and their items."""
        tasks, items = [], []
        for task in taken:
            item = self._hooks.encode(task)
            if item is not None:
                tasks.append(task)
                items.append(item)
        if len(tasks) < len(taken):
            self.outbox.retain(tasks)
        return tasks, items

    async def _post(self, body: bytes) -> Answer:
        try:
            return await self._client.post_batch(body)
        except asyncio.CancelledError:
            self.outbox.settle(Interrupted(), self._now_ms())
            raise

    def _stop_at_self(self) -> None:
        self.is_self = True
        self.outbox.settle(Interrupted(), self._now_ms())
        self._wake.set()
        _log.info("peer is this process peer=%s", self._client.url)
        self._hooks.on_self()

    def _settle(self, answer: Answer) -> list[Reply] | None:
        """Record the outcome; the replies to the items, or `None` if there are none to read."""
        now_ms = self._now_ms()
        outcome, replies = answer.outcome, None
        if answer.body is not None:
            outcome, replies = _replies_of(answer.body, now_ms)
        was_failing = self.outbox.failing_since_ms is not None
        spread = _WIDEST_SPREAD * random.random()  # noqa: S311 - spreads retries, hides nothing
        self.outbox.settle(outcome, now_ms, spread)
        self._wake.set()
        self._log_turn(now_ms, was_failing=was_failing)
        return replies

    def _log_turn(self, now_ms: int, *, was_failing: bool) -> None:
        """One line when the peer begins to fail and one when it is back, however long it lasts."""
        reason = self.outbox.reason(now_ms)
        if reason is not None and not was_failing:
            _log.warning("peer unavailable peer=%s reason=%s", self._client.url, reason)
        if reason is None and was_failing:
            _log.info("peer available again peer=%s", self._client.url)

    def _tell_replies(self, tasks: Sequence[Task], replies: Sequence[Reply] | None) -> None:
        if replies is None:
            return
        if len(replies) != len(tasks):  # as Java does: nobody knows which reply is whose
            self.mismatches += 1
            return
        for task, reply in zip(tasks, replies, strict=True):
            if not 200 <= reply.status < 300:  # noqa: PLR2004 - HTTP's own numbers
                self._hooks.on_reply(task, reply)


def _replies_of(body: bytes, now_ms: int) -> tuple[Outcome, list[Reply] | None]:
    """What an answer means: one that cannot be read is retried, as in Java (5.5)."""
    try:
        return Delivered(), decode_replies(body, now_ms)
    except BadDocument:
        return Unreachable("answer is no replication answer"), None
