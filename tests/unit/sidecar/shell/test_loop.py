from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from eureka_sidecar.shell.loop import READABLE, Cancelled, Event, Loop, Task, Wait
from support.looped import result

NEVER_MS = 60_000
"""A test that fails waits so long."""


@pytest.fixture
def loop() -> Loop:
    """A loop for one test."""
    return Loop()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a connection: what is sent at the first arrives at the second."""
    left, right = socket.socketpair()
    with left, right:
        left.settimeout(0)
        right.settimeout(0)
        yield left, right


Pair = tuple[socket.socket, socket.socket]


async def turn(loop: Loop, rounds: int = 1) -> None:
    """Let the others run until they wait."""
    for _ in range(rounds):
        await loop.sleep(loop.now_ms())


def test_tasks_run_in_the_order_of_their_start(loop: Loop) -> None:
    """What the process starts first, its socket, is there when the rest runs."""
    journal: list[str] = []

    async def say(name: str) -> None:
        journal.append(name)
        await turn(loop)
        journal.append(name.upper())

    async def main() -> None:
        journal.append("main")
        for name in "abc":
            loop.start(say(name))
        journal.append("started")
        await turn(loop, 3)

    result(loop, main())

    assert journal == ["main", "started", "a", "b", "c", "A", "B", "C"]


def test_times_are_kept_in_their_order(loop: Loop) -> None:
    """Those that are over at once go by their times, not by chance."""
    journal: list[int] = []

    async def sleep(offset_ms: int) -> None:
        await loop.sleep(begin_ms + offset_ms)
        journal.append(offset_ms)

    async def main() -> None:
        tasks = [loop.start(sleep(offset)) for offset in (-1, -5, -3, 2, -5, 0)]
        while not all(each.done for each in tasks):
            await turn(loop)

    begin_ms = loop.now_ms()
    result(loop, main())

    assert journal == [-5, -5, -3, -1, 0, 2]


def test_wait_says_whether_it_came_or_the_time_was_up(loop: Loop, pair: Pair) -> None:
    """A peer that says nothing must not hold a task."""
    left, right = pair

    async def main() -> list[bool]:
        early = await loop.readable(right.fileno(), loop.now_ms() + 1)
        left.send(b"x")
        late = await loop.readable(right.fileno(), loop.now_ms() + NEVER_MS)
        return [early, late, await loop.writable(right.fileno(), loop.now_ms() + NEVER_MS)]

    assert result(loop, main()) == [False, True, True]


def test_what_is_there_counts_though_the_time_is_up(loop: Loop, pair: Pair) -> None:
    """After a pause of the whole process an answer that came in time is not thrown away."""
    left, right = pair
    left.send(b"x")

    async def main() -> bool:
        return await loop.readable(right.fileno(), loop.now_ms() - 1_000)

    assert result(loop, main())


def test_the_other_end_closing_counts_as_readable(loop: Loop, pair: Pair) -> None:
    """Reading then says so; else it would be noticed at the deadline only."""
    left, right = pair
    left.close()

    async def main() -> bool:
        return await loop.readable(right.fileno(), loop.now_ms() + NEVER_MS)

    assert result(loop, main())


def test_event_lets_all_go_on_that_wait_at_that_moment(loop: Loop) -> None:
    """One wish is for the leases at all registries; who comes later waits for the next one."""
    event = Event()
    journal: list[str] = []

    async def wait(name: str) -> None:
        came = await loop.wait_for_event(event, loop.now_ms() + NEVER_MS)
        journal.append(f"{name} {came}")

    async def main() -> None:
        tasks = [loop.start(wait(name)) for name in "abc"]
        await turn(loop)
        event.happen()
        late = loop.start(wait("late"))
        await turn(loop, 2)
        assert all(each.done for each in tasks)
        assert not late.done
        event.happen()
        await turn(loop)

    result(loop, main())

    assert journal == ["a True", "b True", "c True", "late True"]


def test_event_that_does_not_happen_is_waited_for_until_the_time(loop: Loop) -> None:
    """And it is forgotten then: when it happens later, the task is not disturbed."""
    event = Event()

    async def main() -> list[bool]:
        first = await loop.wait_for_event(event, loop.now_ms() + 1)
        event.happen()
        return [first, await loop.wait_for_event(Event(), loop.now_ms() + 1)]

    assert result(loop, main()) == [False, False]


@pytest.mark.parametrize("by", ["fd", "event", "both"])
def test_wait_for_either_ends_once(loop: Loop, pair: Pair, by: str) -> None:
    """A drain shortens the time of an exchange that waits for its answer."""
    left, right = pair
    event = Event()
    journal: list[bool] = []

    async def either() -> None:
        until_ms = loop.now_ms() + NEVER_MS
        journal.append(await Wait(right.fileno(), READABLE, event, until_ms))
        journal.append(await loop.wait_for_event(Event(), loop.now_ms() + 1))

    async def main() -> None:
        task = loop.start(either())
        await turn(loop)
        if by in ("fd", "both"):
            left.send(b"x")
        if by in ("event", "both"):
            event.happen()
        event.happen()
        while not task.done:
            await turn(loop)

    result(loop, main())

    assert journal == [True, False]


async def _cleaned(wait: Wait, journal: list[str]) -> None:
    try:
        await wait
        journal.append("came")
    except Cancelled:
        journal.append("cancelled")
        raise
    finally:
        journal.append("cleaned")


def test_cancel_is_raised_where_the_task_waits_for_all_at_once(loop: Loop, pair: Pair) -> None:
    """And neither the descriptor, the event nor the time of it wakes anything later."""
    left, right = pair
    event, journal = Event(), list[str]()

    async def main() -> Task:
        wait = Wait(right.fileno(), READABLE, event, loop.now_ms() + 1)
        task = loop.start(_cleaned(wait, journal))
        await turn(loop)
        task.cancel()
        assert task.done
        left.send(b"x")
        event.happen()
        await loop.sleep(loop.now_ms() + 2)
        task.cancel()
        assert await loop.readable(right.fileno(), loop.now_ms() + NEVER_MS)  # it is free
        return task

    assert result(loop, main()).done
    assert journal == ["cancelled", "cleaned"]


def test_task_that_is_cancelled_before_its_start_does_nothing(loop: Loop) -> None:
    """It does not even begin; a coroutine that is never run would be a warning."""
    journal: list[str] = []

    async def main() -> bool:
        task = loop.start(_cleaned(Wait(until_ms=0), journal))
        task.cancel()
        await turn(loop, 2)
        return task.done

    assert result(loop, main())
    assert journal == []


def test_task_that_is_ready_can_be_cancelled_by_one_that_runs_before_it(loop: Loop) -> None:
    """Both became ready in the same round."""
    event, journal = Event(), list[str]()
    tasks: list[Task] = []

    async def cancel() -> None:
        await loop.wait_for_event(event)
        tasks[0].cancel()

    async def main() -> None:
        loop.start(cancel())
        tasks.append(loop.start(_cleaned(Wait(event=event), journal)))
        await turn(loop)
        event.happen()
        await turn(loop, 2)

    result(loop, main())

    assert journal == ["cancelled", "cleaned"]


def test_task_may_wait_while_it_ends(loop: Loop, pair: Pair) -> None:
    """What it waited for before does not end that wait, though it came in the same round."""
    left, right = pair
    event, journal = Event(), list[object]()
    tasks: list[Task] = []

    async def cancel() -> None:
        await loop.wait_for_event(event)
        tasks[0].cancel()

    async def end_slowly() -> None:
        try:
            await loop.wait_for_event(event)
        finally:
            journal.append(await loop.readable(right.fileno(), loop.now_ms() + NEVER_MS))
            journal.append(right.recv(10))

    async def main() -> None:
        loop.start(cancel())
        tasks.append(loop.start(end_slowly()))
        await turn(loop)
        event.happen()
        await turn(loop, 3)
        assert not tasks[0].done
        left.send(b"x")
        await loop.wait_for_event(tasks[0].finished, loop.now_ms() + NEVER_MS)

    result(loop, main())

    assert journal == [True, b"x"]


def test_end_of_a_task_can_be_waited_for(loop: Loop) -> None:
    """However it ends."""

    async def work(ms: int) -> None:
        await loop.sleep(loop.now_ms() + ms)

    async def main() -> list[bool]:
        first, second = loop.start(work(1)), loop.start(work(NEVER_MS))
        ended = [await loop.wait_for_event(first.finished, loop.now_ms() + NEVER_MS)]

        async def cancel() -> None:
            second.cancel()

        loop.start(cancel())
        return [*ended, await loop.wait_for_event(second.finished, loop.now_ms() + NEVER_MS)]

    assert result(loop, main()) == [True, True]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_exception_of_a_task_comes_out_of_run(loop: Loop, error: type[BaseException]) -> None:
    """A part that has failed ends the process: half a sidecar would be worse than none."""

    async def fail() -> None:
        await turn(loop)
        raise error

    task = loop.start(fail())
    with pytest.raises(error):
        loop.run()

    assert task.done


def test_exception_while_a_task_is_cancelled_reaches_who_cancels(loop: Loop) -> None:
    """It is not lost."""

    async def fail() -> None:
        try:
            await loop.wait_for_event(Event())
        finally:
            raise ValueError("while it ended")

    async def main() -> None:
        task = loop.start(fail())
        await turn(loop)
        task.cancel()

    with pytest.raises(ValueError, match="while it ended"):
        result(loop, main())


def test_two_tasks_cannot_wait_for_one_descriptor(loop: Loop, pair: Pair) -> None:
    """The first would never go on."""
    _, right = pair

    async def wait() -> None:
        await loop.readable(right.fileno(), loop.now_ms() + NEVER_MS)

    loop.start(wait())
    loop.start(wait())
    with pytest.raises(RuntimeError, match="two tasks wait for the file descriptor"):
        loop.run()


def test_socket_of_a_cancelled_task_can_be_closed_and_its_number_used_again(loop: Loop) -> None:
    """A new connection gets the smallest number that is free, so often the same one."""

    async def wait(fd: int) -> None:
        await loop.readable(fd, loop.now_ms() + NEVER_MS)

    async def main() -> int:
        same = 0
        last = -1
        for _ in range(3):
            left, right = socket.socketpair()
            same += right.fileno() == last
            last = right.fileno()
            with left, right:
                task = loop.start(wait(last))
                await turn(loop)
                task.cancel()
                left.send(b"x")
                assert await loop.readable(last, loop.now_ms() + NEVER_MS)
        return same

    assert result(loop, main()) == 2


def test_socket_that_is_closed_under_a_task_lets_it_go_on(loop: Loop) -> None:
    """It then sees that when it reads, instead of waiting for ever."""

    async def wait(fd: int) -> bool:
        return await loop.readable(fd, loop.now_ms() + NEVER_MS)

    async def main() -> bool:
        left, right = socket.socketpair()
        with left:

            async def close() -> None:
                right.close()

            loop.start(close())
            return await wait(right.fileno())

    assert result(loop, main())


def test_many_tasks_talk_at_once(loop: Loop) -> None:
    """More than one process will ever have: none is lost, none is mixed up."""
    received: dict[int, int] = {}

    async def send(end: socket.socket, number: int) -> None:
        await loop.writable(end.fileno(), loop.now_ms() + NEVER_MS)
        end.send(bytes([number]))

    async def receive(end: socket.socket, number: int) -> None:
        await loop.readable(end.fileno(), loop.now_ms() + NEVER_MS)
        received[number] = end.recv(1)[0]

    async def main() -> None:
        pairs = [socket.socketpair() for _ in range(100)]
        tasks = [loop.start(receive(right, number)) for number, (_, right) in enumerate(pairs)]
        for number, (left, _) in enumerate(pairs):
            loop.start(send(left, number))
        while not all(each.done for each in tasks):
            await turn(loop)
        for left, right in pairs:
            left.close()
            right.close()

    result(loop, main())

    assert received == {number: number for number in range(100)}


def test_time_far_away_can_be_waited_for(loop: Loop) -> None:
    """A probe may have a period of 2^31 s; `poll` takes 2^31 ms at most."""

    async def wait() -> None:
        await loop.sleep(loop.now_ms() + 2**40)

    async def main() -> None:
        task = loop.start(wait())
        await turn(loop)
        left, right = socket.socketpair()
        with left, right:
            left.send(b"x")
            assert await loop.readable(right.fileno())  # without an end of its own
        task.cancel()

    result(loop, main())


def test_stop_lets_those_run_that_are_ready(loop: Loop) -> None:
    """And `run` can be called again, which goes on."""
    journal: list[str] = []

    async def stop() -> None:
        loop.stop()

    async def say() -> None:
        journal.append("a")
        await turn(loop)
        journal.append("b")
        loop.stop()

    loop.start(stop())
    loop.start(say())
    loop.run()
    assert journal == ["a"]

    loop.run()
    assert journal == ["a", "b"]
