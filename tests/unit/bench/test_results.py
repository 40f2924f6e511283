"""Whether a budget is kept, and the page that says so."""

from __future__ import annotations

import pytest
from bench.results import Better, Goal, Row, page, verdict


@pytest.mark.parametrize(
    ("ours", "said"),
    [(100.0, "kept, aim reached"), (50.0, "kept"), (30.0, "**NOT KEPT**, 1.50 times instead of 2")],
)
def test_a_budget_may_be_so_many_times_javas(ours: float, said: str) -> None:
    """Where more is better."""
    row = Row("beats", "1/s", Better.MORE, [ours], [20.0], Goal(2, 4, times_java=True))

    assert verdict(row) == said


def test_less_of_java_is_so_many_times_better() -> None:
    """Two milliseconds are fifty times as good as a hundred."""
    row = Row("change", "ms", Better.LESS, [2.0], [100.0], Goal(50, 100, times_java=True))

    assert row.advantage == 50
    assert verdict(row) == "kept"


def test_a_budget_may_be_a_bound_of_its_own() -> None:
    """Java or not."""
    row = Row("start", "s", Better.LESS, [1.5, 1.2, 1.3], goal=Goal(1, 0.4))

    assert verdict(row) == "**NOT KEPT**, 1.30 instead of 1 s"


def test_without_java_nothing_is_said_of_its_multiple() -> None:
    """Neither kept nor missed."""
    row = Row("beats", "1/s", Better.MORE, [1.0], goal=Goal(2, times_java=True))

    assert verdict(row) == "Java was not measured"


def test_the_page_has_a_line_for_each_row() -> None:
    """With the median, the least and the greatest."""
    row = Row("beats", "1/s", Better.MORE, [200.0, 100.0, 300.0], [50.0], Goal(2, times_java=True))

    text = page([("Lone", [row])], ["Measured."])

    assert "## Lone" in text
    assert (
        "| beats | 1/s | 200 (100 to 300) | 50.0 | 4.00 times as good | 2 times |  | kept |  |"
        in text
    )
