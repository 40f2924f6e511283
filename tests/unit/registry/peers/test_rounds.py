"""Renewals leave together: each instance once a round, none lost, none held back for long."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from eureka_registry.core.limits import RENEWALS_EVERY_MS
from eureka_registry.core.outbox import Key
from eureka_registry.peers.rounds import Rounds


class Recorder:
    """What was handed out, and a way to wait for it."""

    def __init__(self) -> None:
        self.rounds: list[list[str]] = []
        self._came = asyncio.Event()

    def take(self, renewed: Iterable[Key]) -> None:
        """Keep the instances of a round."""
        self.rounds.append([instance_id for _, instance_id in renewed])
        self._came.set()

    async def next(self) -> list[str]:
        """The next round's."""
        await asyncio.wait_for(self._came.wait(), 10)
        self._came.clear()
        return self.rounds[-1]


async def test_an_instance_is_handed_out_once_a_round() -> None:
    """However often it was renewed."""
    handed = Recorder()
    rounds = Rounds(handed.take)

    for name in ("a", "b", "a"):
        rounds.add(("APP", name))

    assert await handed.next() == ["a", "b"]


async def test_the_first_renewal_after_a_quiet_time_does_not_wait() -> None:
    """Nobody else is near that it could wait for: the loop's next turn takes it along."""
    handed = Recorder()

    Rounds(handed.take).add(("APP", "a"))
    await _turns()

    assert handed.rounds == [["a"]]


async def test_renewals_soon_after_a_round_wait_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A busy peer would else send a request for each."""
    loop = asyncio.get_running_loop()
    moments_s = [loop.time()]
    monkeypatch.setattr(loop, "time", lambda: moments_s[-1])
    handed = Recorder()
    rounds = Rounds(handed.take)
    rounds.add(("APP", "a"))
    rounds.hand_out()

    rounds.add(("APP", "b"))
    await _turns()
    rounds.add(("APP", "c"))
    assert handed.rounds == [["a"]]

    moments_s.append(moments_s[0] + RENEWALS_EVERY_MS / 1_000)
    await _turns()
    assert handed.rounds == [["a"], ["b", "c"]]


async def test_a_round_that_ended_early_leaves_nothing_behind() -> None:
    """As at a clean stop; what comes later is handed out, too."""
    handed = Recorder()
    rounds = Rounds(handed.take)
    rounds.add(("APP", "a"))
    rounds.hand_out()
    await _turns()
    assert handed.rounds == [["a"]]
    await handed.next()

    rounds.add(("APP", "b"))

    assert await handed.next() == ["b"]


async def _turns() -> None:
    """Let the event loop do what is due."""
    for _ in range(3):
        await asyncio.sleep(0)
