"""The map of the code names only what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = tuple(ROOT / part / f"eureka_{part}" for part in ("registry", "operator", "sidecar"))
PAGES = sorted((ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_that_a_page_names_is_there(page: Path) -> None:
    """A map with places that are gone is worse than none."""
    named = re.findall(
        r"`(?:tests/)?((?:core|wire|peers|http|local|config|api|shell|commands)/[\w./]+)`",
        page.read_text(),
    )

    missing = [name for name in named if not _is_there(name)]

    assert not missing


def _is_there(name: str) -> bool:
    paths = [package / name.rstrip("/") for package in PACKAGES]
    return any(path.exists() or path.with_suffix(".py").exists() for path in paths)
