"""Decides when each EurekaCluster is reconciled: soon after an event, later after each failure.

`Schedule` is pure: seconds of a monotonic clock go in. `Queue` adds the waiting and the workers.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from eureka_operator.shell.client import ApiError
from eureka_operator.shell.metrics import Metrics

DEBOUNCE_S: Final = 0.2
"""How long events are gathered before a cluster is reconciled."""

_LEAST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 60.0
_JITTER: Final = 0.2
_MOST_DOUBLINGS: Final = 10

_log = logging.getLogger(__name__)


class Key(NamedTuple):
    """An EurekaCluster, whether it exists or not."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """The key as people write it."""
        return f"{self.namespace}/{self.name}"


Reconcile = Callable[[Key], Awaitable[float | None]]
"""Bring one cluster nearer to what is wanted; seconds until it must be looked at again, or `None`.

Raises:
    ApiError: It is tried again, later each time.
"""


class Schedule:
    """When each key is due. A key that is added while it is at work is due again afterwards."""

    def __init__(self) -> None:
        self._due: dict[Key, float] = {}
        self._at_work: set[Key] = set()
        self._failures: dict[Key, int] = {}

    def __len__(self) -> int:
        """How many keys wait, due or not."""
        return len(self._due)

    @property
    def at_work(self) -> int:
        """How many keys were taken and are not done."""
        return len(self._at_work)

    def add(self, key: Key, at_s: float) -> None:
        """Make the key due at that time, or sooner if it already is."""
        self._due[key] = min(at_s, self._due.get(key, at_s))

    def take(self, now_s: float) -> Key | None:
        """The key that is due the longest and not at work; `None` if there is none."""
        key = min(self._idle(), key=self._due.__getitem__, default=None)
        if key is None or self._due[key] > now_s:
            return None
        del self._due[key]
        self._at_work.add(key)
        return key

    def next_s(self) -> float | None:
        """When the next key is due; `None` if nothing waits but for those at work."""
        return min((self._due[key] for key in self._idle()), default=None)

    def note_success(self, key: Key) -> None:
        """Note that the key succeeded: its next failure counts as the first."""
        self._at_work.discard(key)
        self._failures.pop(key, None)

    def note_failure(self, key: Key, now_s: float, chance: float) -> float:
        """Make the key due again, later with each failure in a row; returns the pause.

        `chance` from 0 to 1 spreads keys that failed together.
        """
        self._at_work.discard(key)
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        pause_s = min(_LEAST_PAUSE_S * (1 << min(failures, _MOST_DOUBLINGS)), _LONGEST_PAUSE_S)
        pause_s *= 1 - _JITTER * chance
        self.add(key, now_s + pause_s)
        return pause_s

    def _idle(self) -> list[Key]:
        return [key for key in self._due if key not in self._at_work]


class Queue:
    """Keys for workers of one event loop."""

    def __init__(
        self,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._schedule = Schedule()
        self._metrics = metrics
        self._clock = clock
        self._chance = chance
        self._changed = asyncio.Event()
        self._closed = False
        metrics.queue_depth.set_function(lambda: len(self._schedule))

    def add(self, key: Key) -> None:
        """Reconcile soon: events of the next moment are covered by it."""
        self.add_after(key, DEBOUNCE_S)

    def add_after(self, key: Key, pause_s: float) -> None:
        """Reconcile after so many seconds at the latest."""
        self._schedule.add(key, self._clock() + pause_s)
        self._changed.set()

    async def work(self, reconcile: Reconcile) -> None:
        """Be one worker until the queue is closed."""
        while (key := await self._next()) is not None:
            with self._metrics.measure() as outcome:
                outcome.result = await self._reconcile(key, reconcile)

    async def drain(self, limit_s: float) -> bool:
        """Take no more keys; returns whether those at work were done within the time."""
        self._closed = True
        self._changed.set()
        try:
            async with asyncio.timeout(limit_s):
                while self._schedule.at_work:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def _next(self) -> Key | None:
        while not self._closed:
            now_s = self._clock()
            key = self._schedule.take(now_s)
            if key is not None:
                return key
            due_s = self._schedule.next_s()
            self._changed.clear()
            try:
                async with asyncio.timeout(None if due_s is None else due_s - now_s):
                    await self._changed.wait()
            except TimeoutError:
                continue
        return None

    async def _reconcile(self, key: Key, reconcile: Reconcile) -> str:
        try:
            again_s = await reconcile(key)
        except ApiError as error:
            self._note_failure(key, str(error))
            return "refused" if 400 <= error.status < 500 else "unavailable"  # noqa: PLR2004
        except Exception as error:  # noqa: BLE001 - a fault in one cluster stops no other
            _log.exception("%s: %s", key, error)
            self._note_failure(key, "an error of the operator's own, see the log above")
            return "error"
        except BaseException:
            self._schedule.note_success(key)
            raise
        self._schedule.note_success(key)
        if again_s is not None:
            self.add_after(key, again_s)
        self._changed.set()
        return "ok"

    def _note_failure(self, key: Key, why: str) -> None:
        pause_s = self._schedule.note_failure(key, self._clock(), self._chance())
        _log.warning("%s: %s; again in %.1f s", key, why, pause_s)
        self._changed.set()
