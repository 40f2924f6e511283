"""A thousand sidecars and one registry that comes back, in virtual time."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from eureka_sidecar.core.configuration import Check, Instance
from eureka_sidecar.core.document import Content
from eureka_sidecar.core.lease import Lease
from eureka_sidecar.core.metrics import Counters
from eureka_sidecar.core.operations import Answer, Operation, Request

Record = Callable[[str, object], None]

CROWD: Final = 1_000
INTERVAL_S: Final = 10
EVEN: Final = CROWD / (0.95 * INTERVAL_S)
"""Renewals come after 0.9 to 1.0 intervals."""
WAVE: Final = 1.2
SEEDS: Final = range(3)
_ROUND_TRIP_MS: Final = 2


@pytest.mark.parametrize(
    ("away_from_s", "away_for_s"),
    [pytest.param(60, 1, id="restarted"), pytest.param(60, 600, id="away for ten minutes"),
     pytest.param(0, 60, id="absent when all started")],
)  # fmt: skip
def test_registry_that_comes_back_empty_meets_no_wave(
    away_from_s: int, away_for_s: int, record_property: Record
) -> None:
    """Registrations come at the pace of renewals, and everybody is back within an interval.

    Of each second after its return the mean over three runs is judged: a thousand phases by chance
    alone make some second of a single run 1.2 times as full as it should be.
    """
    begin_s = away_from_s + away_for_s
    waves: Counter[int] = Counter()
    for seed in SEEDS:
        registered = dict(_registrations(seed, away_from_s * 1_000, begin_s * 1_000))
        assert len(registered) == CROWD
        seconds = Counter((at_ms // 1_000) - begin_s for at_ms in registered.values())
        assert max(seconds) <= INTERVAL_S
        record_property(f"fullest second, seed {seed}", max(seconds.values()))
        waves.update(seconds)

    assert max(waves.values()) / len(SEEDS) <= WAVE * EVEN


def _registrations(seed: int, away_ms: int, back_ms: int) -> Iterator[tuple[int, int]]:
    """Who registered when at the registry that is back; it had lost all leases."""
    chance = random.Random(seed)  # noqa: S311 - phases, not secrets
    leases = [_lease(number, chance.random) for number in range(CROWD)]
    # All start within a second, as a Deployment's pods do.
    due = [(chance.randrange(1_000), number) for number in range(CROWD)]
    heapq.heapify(due)
    held: set[int] = set()
    lost = False
    while due and due[0][0] < back_ms + (INTERVAL_S + 1) * 1_000:
        now_ms, number = heapq.heappop(due)
        lease = leases[number]
        request = lease.next_request(now_ms, 1_700_000_000_000 + now_ms)
        if request is None:
            wake_ms = lease.wake_ms(now_ms)
            assert wake_ms is not None
            heapq.heappush(due, (max(wake_ms, now_ms + 1), number))
            continue
        if now_ms >= back_ms and not lost:
            lost = True
            held.clear()
        is_away = away_ms <= now_ms < back_ms
        answer = Answer(0, sent=False) if is_away else _answer(request, number, held)
        if lost and request.operation is Operation.REGISTER:
            yield number, now_ms
        lease.receive(answer, now_ms + _ROUND_TRIP_MS)
        heapq.heappush(due, (now_ms + _ROUND_TRIP_MS, number))


def _answer(request: Request, number: int, held: set[int]) -> Answer:
    if request.operation is Operation.REGISTER:
        held.add(number)
        return Answer(204)
    return Answer(200 if number in held else 404)


def _lease(number: int, chance: Callable[[], float]) -> Lease:
    instance = Instance(
        "crowd",
        f"crowd-{number}",
        "10.0.0.1",
        "10.0.0.1",
        8080,
        Check("tcp", 8080),
        renewal_s=INTERVAL_S,
        duration_s=3 * INTERVAL_S,
    )
    return Lease(instance, ["/eureka/"], Content("UP"), chance, Counters())
