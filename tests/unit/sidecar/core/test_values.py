"""How values are shown in messages."""

from __future__ import annotations

from typing import Any

import pytest

from eureka_sidecar.core.values import display_text


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "'a'"), ("x" * 100, f"'{'x' * 59}..."), ("user:secret@host", "what was given")],
)
def test_value_is_cut_and_no_password_is_shown(value: str, text: str) -> None:
    """It goes into logs, events and annotations."""
    assert display_text(value) == text


def test_value_of_any_depth_can_be_shown() -> None:
    """A pod is a document of somebody else's."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    assert display_text(deep) == "what was given"
