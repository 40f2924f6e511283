"""What code and pages cite is in the repository: pages, their sections, files, numbered cases."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from unit.docs.pages import DOCS, ROOT, anchors, name_of, pages, sources

_PAGE: Final = re.compile(r"(?<![\w/.:*{-])([\w.-]+(?:/[\w.-]+)*\.md)(?:#([\w-]+))?(?![\w/])")
"""A page, and a section of it; no part of a URL."""
_FOLDER: Final = r"(?:registry|operator|sidecar|tests|bench|charts|crds|examples|docs)/"
_FILE: Final = re.compile(
    rf"`({_FOLDER}[\w./-]+)`|(?<![\w/.{{-])({_FOLDER}[\w./-]+\.(?:py|md|yaml|txt|sh))\b"
)
"""A path from the root: any in backticks, elsewhere one with a name that ends as files do."""
_BARE: Final = re.compile(r"`(\w+\.(?:py|txt))`")
_FUNCTIONS: Final = re.compile(r"`([\w/]+\.py)`((?:,? (?:\| )?`[A-Za-z_][\w.]*`(?!\w))+)")
"""A file and what it defines: "`a/b.py` `one`, `Two.three`", or the same in two cells of a row."""
_CASES: Final = re.compile(r"\b[Cc]ases? ((?:D?\d+(?:, | and | to | or )?)+)")
_FUNCTION_NODES: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
_CITE_CASES: Final = ("tests/contract", "tests/unit/registry", "tests/conformance", "docs/protocol")
_NOT_HELD_TO_IT: Final = frozenset({"tests/unit/docs/test_citations.py", "CHANGELOG.md"})
"""This file, which names a page that is not there, and what tells of the past."""
_MADE_UP: Final = frozenset(
    {
        "tests/unit/kubectl/shell/test_bundle.py",
        "tests/unit/support/test_secondattempt.py",
        "tests/unit/test_layout.py",
    }
)
"""Tests with paths that are not to be there."""


def test_pages_that_are_cited_are_there() -> None:
    """A reader of the project has nothing but the project."""
    missing = [
        f"{name_of(source)}: {path}#{section}".rstrip("#")
        for source in sources()
        if name_of(source) not in _NOT_HELD_TO_IT
        for path, section in _cited(source)
        if not _leads_somewhere(source, path, section)
    ]

    assert not missing


def test_citation_that_leads_nowhere_is_found() -> None:
    """A page that is not here, and a section that its page does not have."""
    here = DOCS / "protocol.md"

    assert not _leads_somewhere(here, "eureka-protocol.md", "")
    assert not _leads_somewhere(here, "docs/protocol/leases.md", "no-such-rule")
    assert _leads_somewhere(here, "docs/protocol/leases.md", "renewal")


def test_files_that_are_cited_are_there() -> None:
    """In code, pages, charts and tests, by their path from the root."""
    missing = [
        (name_of(source), path)
        for source in sources()
        if name_of(source) not in _NOT_HELD_TO_IT | _MADE_UP
        for path in _files(source)
        if not _is_there(path)
    ]

    assert not missing


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_files_that_a_page_names_are_there(page: Path) -> None:
    """By their name alone, where the page has named the folder before."""
    assert [name for name in _BARE.findall(page.read_text()) if name not in _names()] == []


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_functions_that_a_page_names_are_in_their_file(page: Path) -> None:
    """The paths through the files in `docs/architecture.md` are of use only while they are true."""
    cited = list(_functions(page))

    assert [each for each in cited if not _is_defined(*each)] == []
    assert page.name != "architecture.md" or len(cited) > 50


def test_function_that_its_file_does_not_define_is_found() -> None:
    """A file that is not there, a function of another file, a method of another class."""
    assert _is_defined("eureka_registry/core/registry.py", "Registry.register")
    assert _is_defined("core/registry.py", "register")
    assert not _is_defined("core/no_such_file.py", "register")
    assert not _is_defined("eureka_registry/core/lease.py", "register")
    assert not _is_defined("core/registry.py", "Renewal.register")


def test_cases_that_are_cited_have_a_row() -> None:
    """`case 46` is a row of docs/protocol/cases.md."""
    cited = {
        (name_of(source), number)
        for source in sources()
        if name_of(source).startswith(_CITE_CASES)
        for found in _CASES.findall(source.read_text())
        for number in re.findall(r"D?\d+", found)
    }

    assert len(cited) > 100
    assert {each for each in cited if each[1] not in _rows()} == set()


def _cited(source: Path) -> Iterator[tuple[str, str]]:
    text = re.sub(r"https?://\S+", "", source.read_text())
    yield from ((found[1], found[2] or "") for found in _PAGE.finditer(text))


def _files(source: Path) -> Iterator[str]:
    text = re.sub(r"https?://\S+", "", source.read_text())
    yield from (quoted or plain for quoted, plain in _FILE.findall(text))


def _leads_somewhere(source: Path, path: str, section: str) -> bool:
    """From the root, from the folder of what cites it, or by a page's name alone."""
    for folder in (ROOT, source.parent, DOCS, DOCS / "protocol"):
        target = folder / path
        if target.is_file():
            return not section or section in _anchors(target.resolve())
    return False


@cache
def _anchors(page: Path) -> set[str]:
    return anchors(page)


def _is_there(path: str) -> bool:
    return (ROOT / path).exists() or (ROOT / f"{path}.py").exists()


def _functions(page: Path) -> Iterator[tuple[str, str]]:
    for file, names in _FUNCTIONS.findall(page.read_text()):
        found: list[str] = re.findall(r"`([\w.]+)`", names)
        yield from ((file, name) for name in found if not name.endswith(".py"))


def _is_defined(file: str, name: str) -> bool:
    """Whether a file whose path ends so defines it; a method with its class or without."""
    return any(name in _definitions(path) for path in sources() if _ends_with(path, file))


def _ends_with(path: Path, file: str) -> bool:
    return f"/{name_of(path)}".endswith(f"/{file}")


@cache
def _definitions(path: Path) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef):
            methods = {each.name for each in node.body if isinstance(each, _FUNCTION_NODES)}
            found |= {node.name, *methods, *(f"{node.name}.{each}" for each in methods)}
        elif isinstance(node, _FUNCTION_NODES):
            found.add(node.name)
    return frozenset(found)


@cache
def _names() -> frozenset[str]:
    return frozenset(path.name for path in sources())


@cache
def _rows() -> frozenset[str]:
    text = (DOCS / "protocol" / "cases.md").read_text()
    return frozenset(re.findall(r"^\| (D?\d+) \|", text, re.MULTILINE))
