"""Turns, and from when they are timed."""

from __future__ import annotations

import asyncio

import pytest

from eureka_registry.local.bench.pace import Pace, pause

SOON_PAST = 1e8
"""A rate so high that every turn is late."""


async def test_who_is_late_gets_the_turn_that_was_due() -> None:
    """A server that stalls must answer for the requests that it kept waiting."""
    pace = Pace(SOON_PAST)

    turns = [await pace.turn() for _ in range(4)]

    assert turns[3] - turns[0] == pytest.approx(3 / SOON_PAST, rel=0.1)


async def test_a_turn_taken_ahead_delays_the_next() -> None:
    """Looks are not delayed, and all the same the rate holds."""
    pace = Pace(SOON_PAST)
    first = await pace.turn()
    pace.spend()

    assert await pace.turn() - first == pytest.approx(2 / SOON_PAST, rel=0.1)


async def test_a_wish_to_stop_ends_the_waiting() -> None:
    """At one operation a day Ctrl-C would have to wait for tomorrow."""
    stop = asyncio.Event()
    stop.set()
    pace = Pace(1 / 86_400)
    await pace.turn(stop)

    await pace.turn(stop)
    await pause(86_400.0, stop)
