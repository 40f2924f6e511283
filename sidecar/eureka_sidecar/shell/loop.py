"""An event loop in one thread: coroutines that wait for file descriptors, events and times.

It has the functions of `asyncio` that the sidecar needs; `asyncio` itself costs 10 MiB in each pod.
If a task fails, `Loop.run` raises its exception, and the process ends.
"""

from __future__ import annotations

import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from typing import Any

READABLE = select.POLLIN
WRITABLE = select.POLLOUT
_LONGEST_MS = 3_600_000
"""`poll` takes no more than a C int has."""


class Cancelled(BaseException):
    """Raised in a task that is cancelled, where it waits."""


class Wait:
    """What a task waits for; `await` says whether it was in time."""

    def __init__(
        self, fd: int = -1, mask: int = 0, event: Event | None = None, until_ms: int | None = None
    ) -> None:
        self.fd = fd
        self.mask = mask
        self.event = event
        self.until_ms = until_ms

    def __await__(self) -> Generator[Wait, bool, bool]:
        """Give the loop the wait; it sends the result."""
        return (yield self)


class Event:
    """Something that happens: each task that waits for it at that moment goes on."""

    def __init__(self) -> None:
        self._waiting: list[Task] = []

    def happen(self) -> None:
        """Wake up all tasks that wait."""
        waiting, self._waiting = self._waiting, []
        for task in waiting:
            task.resume(in_time=True)

    def add(self, task: Task) -> None:
        """For the loop: add a waiting task."""
        self._waiting.append(task)

    def discard(self, task: Task) -> None:
        """For the loop: remove a waiting task."""
        if task in self._waiting:
            self._waiting.remove(task)


class Task:
    """A coroutine that the loop runs."""

    def __init__(self, loop: Loop, coroutine: Coroutine[Wait, bool, Any]) -> None:
        self.done = False
        self.finished = Event()
        """Happens once, so look at `done` before you wait for it."""
        self.wait: Wait | None = None
        self._loop = loop
        self._coroutine = coroutine

    def resume(self, *, in_time: bool) -> None:
        """Let the loop run it next, with the result of what it waits for."""
        self._loop.schedule(self, in_time)

    def cancel(self) -> None:
        """Raise `Cancelled` where it waits. Nothing happens if it is done."""
        if self.done:
            return
        self._loop.forget(self)
        self._run(lambda: self._coroutine.throw(Cancelled()))

    def step(self, *, in_time: bool) -> None:
        """For the loop: run it until it waits again."""
        self._run(lambda: self._coroutine.send(in_time if self.wait else None))  # type: ignore[arg-type] # the first value must be None

    def _run(self, go: Callable[[], Wait]) -> None:
        try:
            self.wait = go()
        except (StopIteration, Cancelled):
            self._end()
        except BaseException:
            self._end()
            raise
        else:
            self._loop.wait_for(self)

    def _end(self) -> None:
        self.done = True
        self.finished.happen()


class Loop:
    """Runs tasks until told to stop."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._by_fd: dict[int, Task] = {}
        self._waiting: dict[Task, None] = {}  # for their order
        self._ready: dict[Task, bool] = {}
        self._running = False

    def now_ms(self) -> int:
        """The time in milliseconds, by a monotonic clock."""
        return time.monotonic_ns() // 1_000_000

    def start(self, coroutine: Coroutine[Wait, bool, Any]) -> Task:
        """Run a coroutine beside the others."""
        task = Task(self, coroutine)
        self._ready[task] = True
        return task

    def run(self) -> None:
        """Run all tasks until `stop` is called."""
        self._running = True
        while self._running:
            for fd, _ in self._poll.poll(self._timeout_ms()):
                if fd in self._by_fd:
                    self.schedule(self._by_fd[fd], in_time=True)
            for task in self._late(self.now_ms()):
                self.schedule(task, in_time=False)
            # Those that become ready meanwhile are run in the next round, after a look at the rest.
            for task in tuple(self._ready):
                if task in self._ready:  # it was not cancelled by one before it
                    task.step(in_time=self._ready.pop(task))

    def stop(self) -> None:
        """Let `run` return when the tasks that are ready have been run."""
        self._running = False

    async def readable(self, fd: int, until_ms: int | None = None) -> bool:
        """Wait until it can be read, or was closed; `False`: the time is up."""
        return await Wait(fd, READABLE, until_ms=until_ms)

    async def writable(self, fd: int, until_ms: int | None = None) -> bool:
        """Wait until it can be written; `False`: the time is up."""
        return await Wait(fd, WRITABLE, until_ms=until_ms)

    async def wait_for_event(self, event: Event, until_ms: int | None = None) -> bool:
        """Wait until it happens the next time; `False`: the time is up."""
        return await Wait(event=event, until_ms=until_ms)

    async def sleep(self, until_ms: int) -> None:
        """Wait for a time."""
        await Wait(until_ms=until_ms)

    def schedule(self, task: Task, in_time: bool) -> None:  # noqa: FBT001 - the result of a wait
        """For tasks and events: run the task next. Its other waits are forgotten."""
        self.forget(task)
        self._ready[task] = in_time

    def forget(self, task: Task) -> None:
        """For tasks: remove the task's waits."""
        wait = task.wait
        self._waiting.pop(task, None)
        self._ready.pop(task, None)
        if wait is None:
            return
        if wait.event:
            wait.event.discard(task)
        if self._by_fd.get(wait.fd) is task:
            del self._by_fd[wait.fd]
            self._poll.unregister(wait.fd)

    def wait_for(self, task: Task) -> None:
        """For tasks: add the wait `task.wait`.

        Raises:
            RuntimeError: another task waits for its file descriptor, and would never go on.
        """
        wait = task.wait
        assert wait  # noqa: S101 - it has just been set
        if wait.fd in self._by_fd:
            raise RuntimeError(f"two tasks wait for the file descriptor {wait.fd}")
        self._waiting[task] = None
        if wait.event:
            wait.event.add(task)
        if wait.fd >= 0:
            self._by_fd[wait.fd] = task
            self._poll.register(wait.fd, wait.mask)

    def _timeout_ms(self) -> int | None:
        if self._ready:
            return 0
        ends = [each.wait.until_ms for each in self._waiting if each.wait]
        first = min((end for end in ends if end is not None), default=None)
        return None if first is None else min(max(0, first - self.now_ms()), _LONGEST_MS)

    def _late(self, now_ms: int) -> list[Task]:
        """The tasks whose time is up, the earliest first."""
        ends = [(each.wait.until_ms, each) for each in self._waiting if each.wait]
        late = [(end, each) for end, each in ends if end is not None and end <= now_ms]
        return [each for _, each in sorted(late, key=lambda pair: pair[0])]
