"""The pages of the kinds' fields."""

from __future__ import annotations

import re

import pytest
from charts.reference import KINDS, page

from unit.docs.pages import DOCS


@pytest.mark.parametrize("kind", KINDS)
def test_page_is_that_of_the_crd(kind: str) -> None:
    """`make docs` makes it."""
    assert (DOCS / f"{kind.lower()}.md").read_text() == page(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_has_three_columns(kind: str) -> None:
    """A `|` in a description would end its column."""
    rows = [line for line in page(kind).splitlines() if line.startswith("| `")]

    assert len(rows) > 20
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {4}
    assert all(row.split("|")[3].strip() for row in rows)


def test_fields_of_lists_are_named_by_their_path() -> None:
    """As `kubectl explain` takes them, but for the brackets."""
    text = page("EurekaCluster")

    assert "### spec.topology\n" in text
    assert "| `zones[].name` | text of at most 12 characters | Required. Name of" in text
    assert "| `spec.replicas` | a whole number from 0 to 9; `3` if absent | Number of peers" in text
