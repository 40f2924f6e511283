"""The dashboard's own rules, run where Node is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).with_name("model.test.mjs")


def test_dashboard_searches_filters_sorts_and_groups() -> None:
    """A page that hides an instance from whoever looks for it is worse than none."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("not run: dashboard model: node is not installed")

    result = subprocess.run(
        [node, "--test", str(TESTS)], capture_output=True, text=True, check=False, timeout=60
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert "pass 8" in result.stdout
