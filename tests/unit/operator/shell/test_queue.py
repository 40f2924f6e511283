"""Which cluster is reconciled when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from eureka_operator.shell.client import RefusedError, UnavailableError
from eureka_operator.shell.metrics import Metrics
from eureka_operator.shell.queue import Key, Queue, Schedule

ONE, OTHER = Key("prod", "one"), Key("prod", "other")


def test_key_is_due_when_it_was_asked_for_and_once_however_often() -> None:
    """A storm of events is one pass."""
    schedule = Schedule()
    for _ in range(10_000):
        schedule.add(ONE, 5.0)

    assert schedule.take(4.9) is None
    assert schedule.take(5.0) == ONE
    schedule.note_success(ONE)
    assert schedule.take(100.0) is None


def test_sooner_time_counts() -> None:
    """An event does not wait for a look that was planned for later, nor puts one off."""
    schedule = Schedule()
    schedule.add(ONE, 9.0)
    schedule.add(ONE, 2.0)
    schedule.add(ONE, 5.0)

    assert schedule.next_s() == 2.0


def test_key_that_is_due_the_longest_is_next() -> None:
    """So none is put off for ever."""
    schedule = Schedule()
    schedule.add(ONE, 2.0)
    schedule.add(OTHER, 1.0)

    assert [schedule.take(3.0), schedule.take(3.0)] == [OTHER, ONE]


def test_key_at_work_is_not_taken_again_until_it_is_done() -> None:
    """Two workers on one cluster would undo each other; what came meanwhile is not lost."""
    schedule = Schedule()
    schedule.add(ONE, 1.0)
    schedule.take(1.0)
    schedule.add(ONE, 2.0)

    assert schedule.take(9.0) is None
    assert schedule.next_s() is None
    schedule.note_success(ONE)
    assert schedule.next_s() == 2.0
    assert schedule.take(9.0) == ONE


def test_pauses_after_failures_double_up_to_a_minute() -> None:
    """An object that is refused costs a request a minute, not a loop."""
    schedule = Schedule()

    pauses = [schedule.note_failure(ONE, 0.0, chance=0.0) for _ in range(12)]

    assert pauses[:4] == [0.2, 0.4, 0.8, 1.6]
    assert pauses[-3:] == [60.0, 60.0, 60.0]


def test_pauses_of_keys_that_failed_together_differ() -> None:
    """Fifty clusters do not come back at once when the API server does."""
    schedule = Schedule()

    assert schedule.note_failure(ONE, 0.0, chance=1.0) == pytest.approx(0.16)
    assert schedule.note_failure(OTHER, 0.0, chance=0.5) == pytest.approx(0.18)


def test_success_ends_the_pauses() -> None:
    """The next failure is a first one."""
    schedule = Schedule()
    for _ in range(5):
        schedule.note_failure(ONE, 0.0, chance=0.0)
    schedule.take(100.0)

    schedule.note_success(ONE)

    assert schedule.note_failure(ONE, 0.0, chance=0.0) == 0.2


def test_event_ends_a_long_pause() -> None:
    """Somebody has mended the object."""
    schedule = Schedule()
    for _ in range(12):
        schedule.note_failure(ONE, 0.0, chance=0.0)

    schedule.add(ONE, 0.5)

    assert schedule.take(0.5) == ONE


class Work:
    """A queue with workers, whose passes the test ends; `chance` and debounce are none."""

    def __init__(self, workers: int = 2) -> None:
        self.metrics = Metrics()
        self.queue = Queue(self.metrics, chance=lambda: 1.0)
        self.begun = asyncio.Queue[Key]()
        self.results = asyncio.Queue[float | Exception | None]()
        self.tasks = [asyncio.create_task(self.queue.work(self.reconcile)) for _ in range(workers)]

    async def reconcile(self, key: Key) -> float | None:
        """A pass that comes to what the test says."""
        self.begun.put_nowait(key)
        result = await self.results.get()
        if isinstance(result, Exception):
            raise result
        return result

    async def end(self) -> None:
        """Cancel the workers."""
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)


@pytest.fixture
async def work() -> AsyncIterator[Work]:
    """Two workers."""
    made = Work()
    yield made
    await made.end()


async def test_clusters_are_worked_on_side_by_side(work: Work) -> None:
    """One that waits holds up no other."""
    work.queue.add(ONE)
    work.queue.add(OTHER)

    assert {await work.begun.get(), await work.begun.get()} == {ONE, OTHER}


async def test_cluster_is_looked_at_again_when_its_pass_says_so(work: Work) -> None:
    """Peers come to agree without an event."""
    work.queue.add(ONE)
    await work.begun.get()

    work.results.put_nowait(0.0)

    assert await work.begun.get() == ONE


@pytest.mark.parametrize(
    ("failure", "result"),
    [
        (UnavailableError("away"), "unavailable"),
        (UnavailableError("slow down", 503), "unavailable"),
        (RefusedError("no", 422), "refused"),
        (ValueError("a fault of ours"), "error"),
    ],
)
async def test_failed_pass_is_counted_and_tried_again(
    work: Work, failure: Exception, result: str
) -> None:
    """Whatever it was; the workers live on."""
    work.queue.add(ONE)
    await work.begun.get()

    work.results.put_nowait(failure)

    assert await work.begun.get() == ONE
    line = f'eureka_operator_reconciles_total{{result="{result}"}} 1.0'
    assert line in work.metrics.exposition().decode()


async def test_drained_queue_finishes_what_it_is_at_and_begins_nothing(work: Work) -> None:
    """What is half done would be found half done by the next leader."""
    work.queue.add(ONE)
    await work.begun.get()
    draining = asyncio.create_task(work.queue.drain(60.0))
    await asyncio.sleep(0)
    work.queue.add(OTHER)

    work.results.put_nowait(None)

    assert await draining
    await asyncio.wait(work.tasks)
    assert work.begun.empty()


async def test_drain_has_an_end(work: Work) -> None:
    """A pass may wait for a peer that does not answer."""
    work.queue.add(ONE)
    await work.begun.get()

    assert not await work.queue.drain(0.0)
