"""What is said of instances that peers tell of and that are not taken."""

from __future__ import annotations

from eureka_registry.core.limits import NOTICES_A_MINUTE
from eureka_registry.core.refusals import Refusals


def test_each_is_told_once_and_all_are_counted() -> None:
    """A peer tells of the same one with every renewal."""
    refusals = Refusals()
    for _ in range(3):
        refusals.note("APP", "i", "no room")

    assert refusals.take(1_000) == ["'APP' 'i': no room"]
    refusals.note("APP", "i", "no room")
    assert refusals.take(2_000) == []
    assert refusals.total == 4


def test_names_are_quoted_and_cut() -> None:
    """They come from whoever registered there, and end in a log."""
    refusals = Refusals()
    refusals.note("A\nB", "i" * 1_000_000, "too long")

    (sentence,) = refusals.take(0)
    assert "\n" not in sentence
    assert len(sentence) < 200


def test_a_flood_writes_a_few_lines_a_minute() -> None:
    """Disks are finite."""
    refusals, lines = Refusals(), 0
    for second in range(60):
        for number in range(1_000):
            refusals.note("APP", f"{second}-{number}", "no room")
        lines += len(refusals.take(second * 1_000))

    assert lines <= 2 * NOTICES_A_MINUTE
    assert refusals.total == 60_000


def test_of_many_at_once_the_last_are_told() -> None:
    """No more are kept than may be logged, whatever a peer sends."""
    refusals = Refusals()
    for number in range(1_000):
        refusals.note("APP", str(number), "no room")

    told = range(1_000 - NOTICES_A_MINUTE, 1_000)
    assert refusals.take(0) == [f"'APP' '{number}': no room" for number in told]
