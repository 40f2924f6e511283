from __future__ import annotations

import pytest

from eureka_sidecar.commands.help import show
from eureka_sidecar.core.settings import SETTINGS


@pytest.fixture
def text(capsys: pytest.CaptureFixture[str]) -> str:
    """What it prints."""
    assert show() == 0
    printed = capsys.readouterr()
    assert not printed.err
    return printed.out


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda each: each.field)
def test_each_setting_is_told_with_its_flag_and_its_name_in_json(
    text: str, setting: object
) -> None:
    """There is no other list of them in the image."""
    (row,) = [each for each in SETTINGS if each is setting]
    path = f"{row.section}.{row.field}".removeprefix(".")

    assert f"\n  {row.flag} {row.value} " in text
    assert f"[{path}]" in text
    assert row.value
    assert row.meaning.split()[-1] in text


def test_each_command_is_told(text: str) -> None:
    """Also the file, which is not a setting."""
    for each in ("[run]", "status", "drain [--hold SECONDS]", "pause | resume", "--config FILE"):
        assert each in text


def test_lines_fit_on_a_terminal(text: str) -> None:
    """`kubectl exec` has no pager."""
    assert max(len(line) for line in text.splitlines()) <= 100
