"""The schedule of faults: what a seed says, and what never happens at once."""

from __future__ import annotations

from itertools import islice
from typing import Final

import pytest

from e2e.chaos.schedule import BESIDE, LONG, MOST, TAKES_PEERS, Kind, Step, kinds, steps

STEPS: Final = 500
SEEDS: Final = range(20)


@pytest.fixture(params=SEEDS)
def schedule(request: pytest.FixtureRequest) -> list[Step]:
    """The first steps of a seed, with all kinds of fault."""
    return list(islice(steps(request.param, list(Kind)), STEPS))


def test_seed_repeats_the_schedule() -> None:
    """What a run has found is looked for again by its seed."""
    one, same, other = (list(islice(steps(seed, list(Kind)), STEPS)) for seed in (7, 7, 8))

    assert one == same
    assert one != other


def test_each_kind_happens_before_any_happens_twice(schedule: list[Step]) -> None:
    """So half an hour has all of them, whatever the seed."""
    count = len(Kind)
    rounds = [schedule[at : at + count] for at in range(0, STEPS - count, count)]

    assert all({step.fault.kind for step in each} == set(Kind) for each in rounds)


def test_one_fault_at_most_takes_peers_away(schedule: list[Step]) -> None:
    """What is beside a fault takes away neither a peer nor its name."""
    beside = {step.beside.kind for step in schedule if step.beside is not None}

    assert beside == set(BESIDE)
    assert not beside & {*TAKES_PEERS, Kind.DRAIN, Kind.ROLL, Kind.SCALE, Kind.DRIFT}


def test_targets_are_peers_that_are_wanted(schedule: list[Step]) -> None:
    """Two at least: there is always another one that answers."""
    replicas = 3
    for step in schedule:
        named = [word for word in step.fault.target.split() if word.startswith("peer")]
        assert all(1 <= int(name.removeprefix("peer")) <= replicas for name in named)
        assert 2 <= step.replicas <= MOST
        assert (step.replicas != replicas) == (step.fault.kind is Kind.SCALE)
        replicas = step.replicas


def test_two_peers_that_are_parted_are_not_the_same(schedule: list[Step]) -> None:
    """Nor are they apart for as long as a lease lasts."""
    parted = [step.fault for step in schedule if step.fault.kind is Kind.APART]

    assert parted
    assert all(len(set(fault.target.split())) == 2 for fault in parted)
    assert all(fault.span_s < 60 for fault in parted)


def test_short_run_has_nothing_that_takes_minutes() -> None:
    """Five minutes would be over before they had happened."""
    assert not LONG & set(kinds(5))
    assert set(kinds(30)) >= LONG


def test_kinds_that_are_left_out_do_not_happen_beside_others_either() -> None:
    """A cluster that lacks what they need is spared them."""
    among = [kind for kind in Kind if kind is not Kind.API]
    found = [each for step in islice(steps(1, among), STEPS) for each in (step.fault, step.beside)]

    assert Kind.API not in {each.kind for each in found if each is not None}
