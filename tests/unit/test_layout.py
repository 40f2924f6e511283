"""Where things lie in the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("folder", ["operator", "registry", "sidecar"])
def test_program_folders_are_no_packages(folder: str) -> None:
    """`operator/__init__.py` would hide the standard library's `operator` from everything."""
    assert (ROOT / "pyproject.toml").is_file()
    assert not list((ROOT / folder).glob("__init__.py*"))
