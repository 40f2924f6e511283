"""A peer's clock beside a machine's clock that is suspended, and set forward and back."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eureka_registry.http.clock import Clock

START_MS = 1_700_000_000_000
HOUR_S = 3600


class Machine:
    """Two clocks: one that nobody sets, and the one that says which day it is."""

    def __init__(self) -> None:
        self.steady_ms = 5_000_000
        self.wall_ms = START_MS
        self.clock = Clock(lambda: self.steady_ms * 1_000_000, lambda: self.wall_ms * 1_000_000)

    def pass_s(self, seconds: int) -> None:
        """Let time pass, looking each second as a peer does."""
        for _ in range(seconds):
            self.steady_ms += 1000
            self.wall_ms += 1000
            self.clock.follow()

    @property
    def behind_ms(self) -> int:
        """How far the clock is behind the machine's."""
        return self.wall_ms - self.clock.now_ms()


def test_a_machine_that_was_suspended_is_caught_up_with() -> None:
    """Wall time at the start plus monotonic time stays wrong for ever."""
    machine = Machine()
    machine.wall_ms += HOUR_S * 1000
    seen = []
    for _ in range(9):
        seen.append(machine.behind_ms // 1000)
        machine.pass_s(HOUR_S)

    assert seen == [HOUR_S - 450 * hours for hours in range(9)]
    assert machine.behind_ms == 0


def test_a_clock_that_was_set_back_is_waited_for() -> None:
    """Ours goes slower until it agrees, and never back."""
    machine = Machine()
    machine.pass_s(10)
    machine.wall_ms -= 60_000
    machine.pass_s(1)
    before = machine.clock.now_ms()
    machine.pass_s(80)

    assert machine.clock.now_ms() - before == 70_000
    machine.pass_s(400)
    assert machine.behind_ms == 0


@given(st.lists(st.tuples(st.integers(0, 20_000), st.integers(-(10**9), 10**9), st.booleans())))
def test_time_never_goes_back(steps: list[tuple[int, int, bool]]) -> None:
    """Nor faster than nine eighths, whatever happens to the machine's clock."""
    machine = Machine()
    last = machine.clock.now_ms()
    first, began = last, machine.steady_ms
    for passed_ms, set_ms, looks in steps:
        machine.steady_ms += passed_ms
        machine.wall_ms += passed_ms + set_ms
        if looks:
            machine.clock.follow()
        assert machine.clock.now_ms() >= last
        last = machine.clock.now_ms()

    assert 8 * (last - first) <= 9 * (machine.steady_ms - began)


def test_a_suspension_is_told_and_given_to_who_judges_leases(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Once, in one line; small corrections of NTP are nobody's business."""
    machine = Machine()
    machine.wall_ms += 50
    with caplog.at_level(logging.WARNING):
        small = machine.clock.follow()
        machine.wall_ms += HOUR_S * 1000
        jumped = machine.clock.follow()
        machine.pass_s(100)

    assert (small, jumped) == (50, HOUR_S * 1000)
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "the machine's clock jumped seconds=+3600"
    ]
