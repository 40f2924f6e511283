"""How a clock follows another: slowly, and never back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from eureka_registry.core.clock import SLOWNESS, correction_ms

HOUR_MS = 3_600_000


def test_an_hour_of_suspension_is_made_up_for_in_eight() -> None:
    """Leases last an eighth shorter meanwhile, and none ends at once."""
    ahead_ms, looks = HOUR_MS, 0
    while ahead_ms:
        ahead_ms -= correction_ms(ahead_ms, 1000)
        looks += 1

    assert looks == 8 * 3600


@given(st.integers(-(10**13), 10**13), st.integers(-(10**6), 10**9))
def test_a_correction_is_slow_and_goes_the_right_way(ahead_ms: int, elapsed_ms: int) -> None:
    """Whatever anybody sets the machine's clock to."""
    correction = correction_ms(ahead_ms, elapsed_ms)

    assert abs(correction) <= max(0, elapsed_ms) / SLOWNESS
    assert abs(ahead_ms - correction) <= abs(ahead_ms)
