"""The pages and the sources of the project, as the tests of documentation read them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
DOCS: Final = ROOT / "docs"

_FOLDERS: Final = (
    *("registry", "operator", "sidecar", "tests", "bench"),
    *("docs", "charts", "crds", "examples"),
)
_TEXTS: Final = frozenset(
    {".py", ".md", ".yaml", ".yml", ".sh", ".txt", ".go", ".js", ".mjs", ".java", ".tpl", ".toml"}
)
_NOT_OURS: Final = frozenset({"node_modules", "__pycache__", "target", "chromium"})


def sources() -> list[Path]:
    """All files that people write and read, pages among them."""
    found = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in _FOLDERS:
        found += (ROOT / folder).rglob("*")
    return sorted(
        path
        for path in found
        if (path.suffix in _TEXTS or path.name in ("Makefile", "Dockerfile"))
        and _NOT_OURS.isdisjoint(path.relative_to(ROOT).parts)
        and path.is_file()
    )


def pages() -> list[Path]:
    """All pages; results of benchmarks and the change log tell of the past."""
    return [
        path
        for path in sources()
        if path.suffix == ".md" and name_of(path) not in ("bench/RESULTS.md", "CHANGELOG.md")
    ]


def name_of(path: Path) -> str:
    """A path as people write it."""
    return path.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    """What GitHub makes of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
