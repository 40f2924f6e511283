"""Work shared out over turns of the event loop."""

from __future__ import annotations

import asyncio
from collections import Counter

from eureka_registry.http.loopshare import LoopShare


class Turns:
    """Counts the turns of the running loop."""

    def __init__(self) -> None:
        self.number = 0
        self._count()

    def _count(self) -> None:
        self.number += 1
        asyncio.get_running_loop().call_soon(self._count)


async def test_no_more_than_the_amount_passes_in_a_turn_in_the_order_of_asking() -> None:
    """However many ask at once, and although each asks for little."""
    share, turns = LoopShare(20), Turns()
    passed: list[tuple[int, int]] = []

    async def ask(place: int) -> None:
        await share.take(10)
        passed.append((place, turns.number))

    await asyncio.gather(*map(ask, range(9)))

    assert [place for place, _ in passed] == list(range(9))
    assert max(Counter(turn for _, turn in passed).values()) == 2


async def test_who_asks_alone_does_not_wait() -> None:
    """Most of the time nobody else reads or writes what is large."""
    share, turns = LoopShare(20), Turns()
    before = turns.number
    await share.take(20)
    assert turns.number == before

    await share.take(500)  # once more than a whole share is not refused

    assert turns.number > before


async def test_who_gave_up_holds_up_nobody() -> None:
    """A client may be gone before its turn comes."""
    share = LoopShare(1)
    await share.take(1)
    waiting = [asyncio.create_task(share.take(1)) for _ in range(3)]
    await asyncio.sleep(0)

    waiting[0].cancel()

    await asyncio.gather(*waiting[1:])
