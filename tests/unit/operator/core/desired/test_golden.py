from __future__ import annotations

import ast
from pathlib import Path

import pytest

from unit.operator.core.desired import golden

_HERE = Path(__file__).parent


def _names() -> set[str]:
    """First arguments of `golden.check` in the tests of this folder."""
    calls = (
        node
        for file in _HERE.glob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "golden.check"
    )
    return {str(call.args[0].value) for call in calls if isinstance(call.args[0], ast.Constant)}


def test_every_file_is_compared_with_something() -> None:
    """A file that no test reads would look like a promise."""
    assert {file.stem for file in golden.FOLDER.glob("*.yaml")} == _names()


def test_difference_is_shown_with_the_command_that_renews_the_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever changed a child on purpose has to know nothing else."""
    monkeypatch.delenv("EUREKUBE_REWRITE", raising=False)
    absent = "absent"

    with pytest.raises(pytest.fail.Exception) as failure:
        golden.check(absent, {"kind": "Service"})

    assert "+kind: Service" in str(failure.value)
    assert golden.RENEW in str(failure.value)
