"""The program, without a kubeconfig of whoever runs the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.kubectl.files import Program


@pytest.fixture
def program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Program:
    """Commands, and what they print."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return Program(tmp_path, capsys)
