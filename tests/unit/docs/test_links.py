"""Pages name only modules, files and headings that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from unit.docs.pages import DOCS, ROOT, anchors, name_of, pages

PACKAGES = tuple(ROOT / part / f"eureka_{part}" for part in ("registry", "operator", "sidecar"))
PROGRAMS = (*PACKAGES, ROOT / "operator" / "kubectl_eureka")


@pytest.mark.parametrize("page", pages(), ids=name_of)
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


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    """To a file, and to a heading in it, as a reader's browser has them."""
    links = re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text())

    missing = [link for link in links if not _leads_somewhere(page, link)]

    assert not missing


def _leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    return target.exists() and (not anchor or anchor in anchors(target))


def test_index_has_every_page() -> None:
    """A page that no index names is found by nobody."""
    index = (DOCS / "README.md").read_text() + (DOCS / "protocol.md").read_text()
    listed = set(re.findall(r"\]\(([\w/.-]+\.md)\)", index))
    there = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}

    assert {path for path in there if not path.startswith("decisions/")} <= listed | {"README.md"}
