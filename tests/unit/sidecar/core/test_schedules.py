"""The five promises of the lease's state machine, under every schedule of faults.

1. Once it is closing, nothing but a removal is sent.
2. One request is under way at a time (`schedules.run` asserts it).
3. `lastDirtyTimestamp` grows with every registration.
4. When the faults are over, the registry holds what is wished within two intervals (four if base
   paths had to be tried), and a closed lease is gone within the grace.
5. In no minute are more requests sent than 1.2 times the renewals that are due, and six; and one
   for each pause and resume.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

import pytest

from eureka_sidecar.core.document import UNKNOWN, Content
from eureka_sidecar.core.lease import Lease
from eureka_sidecar.core.operations import Operation
from unit.sidecar.core.schedules import FAULTS, INTERVAL_MS, Change, Run, run, schedules

Record = Callable[[str, object], None]

MINUTE_MS: Final = 60_000
MOST_A_MINUTE: Final = 1.2 * MINUTE_MS / INTERVAL_MS + 6


def _up(lease: Lease, _: int) -> None:
    lease.set_content(Content("UP"))


def _pause(lease: Lease, _: int) -> None:
    lease.pause()


def _resume(lease: Lease, _: int) -> None:
    lease.resume()


def _close(lease: Lease, now_ms: int) -> None:
    lease.close(now_ms)


UP: Final = Change(1, under_way=True, make=_up)
PAUSE: Final = Change(2, under_way=False, make=_pause)
SCENARIOS: Final = {
    "registers": (6, [UP]),
    "pauses": (4, [UP, PAUSE]),
    "pauses and resumes": (4, [UP, PAUSE, Change(3, under_way=True, make=_resume)]),
    "closes under way": (5, [UP, Change(2, under_way=True, make=_close)]),
    **{
        f"closes at request {number}{' under way' if under_way else ''}": (
            4,
            [UP, Change(number, under_way=under_way, make=_close)],
        )
        for number in range(5)
        for under_way in (False, True)
    },
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_promises_hold_under_every_schedule(name: str, record_property: Record) -> None:
    """Retries without any pause, and with the longest ones where there is time for both."""
    length, wishes = SCENARIOS[name]
    number = 0
    for extreme in (0.0, 0.999) if length < 6 else (0.0,):
        for faults in schedules(length):
            _check(faults, run(faults, wishes, lambda extreme=extreme: extreme))  # type: ignore[misc] # mypy does not see the default
            number += 1
    record_property(f"schedules, {name}, {len(FAULTS)} outcomes of {length} requests", number)


def test_promises_hold_under_long_schedules_by_chance() -> None:
    """Twelve faults in a row, several wishes at once."""
    chance = random.Random(12)  # noqa: S311 - phases, not secrets
    for _ in range(2_000):
        faults = chance.choices(FAULTS, k=12)
        makes = (_up, _pause, _resume, _close)
        wishes = [
            Change(chance.randrange(12), under_way=chance.random() < 0.5, make=chance.choice(makes))
            for _ in range(4)
        ]
        _check(faults, run(faults, wishes, chance.random))


def _check(faults: Sequence[str], done: Run) -> None:
    lease, record = done.lease, done.model.record
    what = f"under {faults}"
    assert not any(closing for _, _, _, closing in done.sent), f"1 {what}"
    assert all(older < newer for older, newer in pairwise(done.model.stamps)), f"3 {what}"
    switches = sum(wish.make in (_pause, _resume) for wish in done.made)
    assert _most_a_minute(done) <= MOST_A_MINUTE + switches, f"5 {what}"
    if lease.closing:
        assert record is None, f"4 {what}"
        return
    assert record is not None, f"4 {what}"
    assert lease.held == lease.desired, f"4 {what}"
    assert record.status == lease.desired.status, f"4 {what}"
    assert (record.override != UNKNOWN) == lease.paused, f"4 {what}"


def _most_a_minute(done: Run) -> int:
    """The most requests that reached the registry in any minute, without removals at the end."""
    times = [
        at_ms
        for at_ms, operation, sent, _ in done.sent
        if sent and operation is not Operation.REMOVE
    ]
    return max(
        (sum(begin <= each < begin + MINUTE_MS for each in times) for begin in times), default=0
    )
