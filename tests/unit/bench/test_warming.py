"""A server is warm when its rate has stopped rising, and not before."""

from __future__ import annotations

import asyncio

import pytest
from bench.warming import are_steady, warm_up


@pytest.mark.parametrize(
    ("windows", "steady"),
    [
        ([], False),
        ([100.0, 100.0], False),
        ([100.0, 96.0, 98.0], True),
        ([100.0, 94.0, 98.0], False),
        ([50.0, 100.0, 97.0, 99.0], True),
        ([100.0, 99.0, 98.0, 110.0], False),
    ],
)
def test_three_windows_in_a_row_must_agree(windows: list[float], *, steady: bool) -> None:
    """The last three, within a twentieth."""
    assert are_steady(windows) is steady


def test_it_ends_when_the_rate_stops_rising() -> None:
    """With all that was seen, so that it can be shown."""
    rates = iter([10.0, 20.0, 40.0, 80.0, 81.0, 80.0, 5.0])

    async def window() -> float:
        return next(rates)

    warmth = asyncio.run(warm_up(window, 60.0))

    assert warmth.windows == [10.0, 20.0, 40.0, 80.0, 81.0, 80.0]
    assert warmth.is_steady
    assert warmth.text == "warm after 0 s"


def test_what_never_settles_is_said() -> None:
    """The figure counts all the same, with the note beside it."""
    rates = iter(float(10 * 2**n) for n in range(10))

    async def window() -> float:
        return next(rates)

    warmth = asyncio.run(warm_up(window, 0.0))

    assert len(warmth.windows) == 1
    assert warmth.text == "not steady within 0 s"
