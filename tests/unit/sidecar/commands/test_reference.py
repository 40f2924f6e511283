"""The page of settings."""

from __future__ import annotations

from pathlib import Path

from eureka_sidecar.commands.reference import page

PAGE = Path(__file__).parents[4] / "docs" / "sidecar-settings.md"


def test_page_is_that_of_the_table() -> None:
    """`make docs` mends it."""
    assert PAGE.read_text() == page()
