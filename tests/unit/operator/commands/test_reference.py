"""The page of annotations and reasons."""

from __future__ import annotations

import re
from pathlib import Path

from eureka_operator.commands.reference import page
from eureka_operator.core.injection.reasons import REASONS

PAGE = Path(__file__).parents[4] / "docs" / "injection-reference.md"


def test_page_is_that_of_the_tables() -> None:
    """`make docs` mends it."""
    assert PAGE.read_text() == page()


def test_page_has_every_reason_once() -> None:
    """Tables are by outcome: one that is new would be in none of them."""
    found = re.findall(r"^\| `([a-z_]+)` \| [A-Z]", page().partition("## Reasons")[2], re.MULTILINE)

    assert sorted(found) == sorted(REASONS)


def test_rows_have_as_many_columns_as_their_tables() -> None:
    """A `|` in a sentence would end its column."""
    rows = [line for line in page().splitlines() if line.startswith("| `")]

    assert {line.count("|") for line in rows} == {4, 5}
    assert sum(line.count("|") == 5 for line in rows) == 2  # labels
