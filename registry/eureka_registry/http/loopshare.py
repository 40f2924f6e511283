"""Divides large work over several turns of the event loop."""

from __future__ import annotations

import asyncio
from collections import deque


class LoopShare:
    """Work that all callers together may do in one turn of the loop; the rest waits in order.

    Without it many tasks that each do little in a turn make the turn long for everybody else.
    """

    def __init__(self, amount: int) -> None:
        """Allow this amount in each turn."""
        self._amount = self._left = amount
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()
        self._due = False

    async def take(self, amount: int) -> None:
        """Return in a turn that has some left; a single large request may exceed it."""
        if not self._due:
            self._schedule_next_turn()
        if self._left > 0 and not self._waiting:
            self._left -= amount
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, amount))
        await turn

    def _schedule_next_turn(self) -> None:
        self._due = True
        asyncio.get_running_loop().call_soon(self._begin_turn)

    def _begin_turn(self) -> None:
        self._due = False
        self._left = self._amount
        while self._waiting and self._left > 0:
            turn, amount = self._waiting.popleft()
            if not turn.done():  # a waiter cancelled meanwhile takes nothing
                self._left -= amount
                turn.set_result(None)
        if self._left < self._amount:
            self._schedule_next_turn()
