"""The page of conditions, against what the operator writes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from unit.docs.pages import DOCS, ROOT

PAGE: Final = (DOCS / "conditions.md").read_text()
_SOURCES: Final = ROOT / "operator" / "eureka_operator"
_PLACES: Final = {"Condition": (0, 2), "Trouble": (0,), "Failure": (0,)}
"""Which arguments are the type of a condition, or a reason."""


def _reasons_in(source: str) -> Iterator[str]:
    """Yield the types and reasons that a file writes out, directly or by a constant of its own."""
    if not any(f"{name}(" in source for name in _PLACES):
        return
    tree = ast.parse(source)
    constants = {
        each.target.id: each.value.value
        for each in tree.body
        if isinstance(each, ast.AnnAssign)
        and isinstance(each.target, ast.Name)
        and isinstance(each.value, ast.Constant)
    }
    for call in (each for each in ast.walk(tree) if isinstance(each, ast.Call)):
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        for place in _PLACES.get(name, ()):
            argument = call.args[place] if place < len(call.args) else None
            if isinstance(argument, ast.Constant):
                yield str(argument.value)
            elif isinstance(argument, ast.Name) and argument.id in constants:
                yield str(constants[argument.id])


def _progress() -> set[str]:
    """Reasons of what is under way: pairs that `_ongoing_changes` and what it calls yield."""
    tree = ast.parse((_SOURCES / "core" / "status.py").read_text())
    pairs = (each.value for each in ast.walk(tree) if isinstance(each, ast.Yield))
    firsts = (pair.elts[0] for pair in pairs if isinstance(pair, ast.Tuple))
    return {str(each.value) for each in firsts if isinstance(each, ast.Constant)}


def test_page_has_every_condition_and_reason() -> None:
    """Whoever greps for one should find what it means."""
    told = {word for file in _SOURCES.rglob("*.py") for word in _reasons_in(file.read_text())}
    progress = _progress()
    listed = set(re.findall(r"`([A-Z][A-Za-z]+)`", PAGE))

    assert len(told) > 20
    assert len(progress) > 3
    assert told | progress <= listed | {"Synced"}


def test_page_names_no_condition_that_is_gone() -> None:
    """A condition that nobody sets is waited for in vain."""
    rows = re.findall(r"^\| `([A-Z][A-Za-z]+)` \|", PAGE.partition("Reasons why")[0], re.MULTILINE)
    text = "".join(file.read_text() for file in (_SOURCES / "core").glob("*.py"))

    assert len(rows) > 10
    assert [each for each in rows if f'"{each}"' not in text] == []
