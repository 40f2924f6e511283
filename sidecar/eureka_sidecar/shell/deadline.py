"""The end of a wait, which can become earlier during the wait, as in a drain."""

from __future__ import annotations

from .loop import READABLE, WRITABLE, Wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .loop import Event, Loop


class Deadline:
    """When to give something up.

    `end_ms` gives the time of `Loop.now_ms`; it is asked before each wait, and again whenever
    `change_event` happens.
    """

    def __init__(
        self, loop: Loop, end_ms: Callable[[], int], change_event: Event | None = None
    ) -> None:
        self.end_ms = end_ms
        self._loop = loop
        self._changed = change_event

    def remaining_ms(self) -> int:
        """The time that is left; 0: it is over."""
        return max(0, self.end_ms() - self._loop.now_ms())

    def within(self, limit_ms: int) -> Deadline:
        """The same, but at most so long from now."""
        latest_ms = self._loop.now_ms() + limit_ms
        return Deadline(self._loop, lambda: min(self.end_ms(), latest_ms), self._changed)

    async def readable(self, fd: int) -> bool:
        """Wait until it may be readable: try, and wait again if not. `False`: the time is up."""
        return await self.ready(fd, READABLE)

    async def writable(self, fd: int) -> bool:
        """Wait until it may be writable: try, and wait again if not. `False`: the time is up."""
        return await self.ready(fd, WRITABLE)

    async def ready(self, fd: int, mask: int) -> bool:
        """Wait for one of these or the other."""
        if not self.remaining_ms():
            return False
        return await Wait(fd, mask, event=self._changed, until_ms=self.end_ms())
