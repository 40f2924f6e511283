"""Pages name only modules, files and headings that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = tuple(ROOT / part / f"eureka_{part}" for part in ("registry", "operator", "sidecar"))
PROGRAMS = (*PACKAGES, ROOT / "operator" / "kubectl_eureka")
PAGES = sorted((ROOT / "docs").rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_module_that_a_page_names_is_there(page: Path) -> None:
    """A map with places that are gone is worse than none."""
    named = re.findall(
        r"`(?:tests/)?((?:core|wire|peers|http|local|config|api|shell|commands|verbs)/[\w./]+)`",
        page.read_text(),
    )

    missing = [name for name in named if not _is_there(name)]

    assert not missing


def _is_there(name: str) -> bool:
    paths = [package / name.rstrip("/") for package in PROGRAMS]
    return any(path.exists() or path.with_suffix(".py").exists() for path in paths)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    """To a file, and to a heading in it, as a reader's browser has them."""
    links = re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text())

    missing = [link for link in links if not _leads_somewhere(page, link)]

    assert not missing


def _leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    return target.exists() and (not anchor or anchor in _anchors(target))


def _anchors(page: Path) -> set[str]:
    """What GitHub makes of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
