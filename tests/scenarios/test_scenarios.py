"""Stories of several peers, told in text files whose output is checked line by line.

`EUREKUBE_REWRITE=1 pytest tests/scenarios` writes what happens now into the files, to be read as a
difference; `README.md` has the commands.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scenarios.runner.story import rerun

STORIES = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_story(path: Path) -> None:
    """Whoever knows Eureka can read the story; whoever changes it must mean to."""
    told = path.read_text(encoding="utf-8")
    happened = rerun(told)
    if os.environ.get("EUREKUBE_REWRITE"):
        path.write_text(happened, encoding="utf-8")
        return

    assert happened.splitlines() == told.splitlines()


def test_there_are_stories() -> None:
    """A folder that was moved must not pass for a folder that is well."""
    assert STORIES


def test_output_that_changed_is_noticed() -> None:
    """Or the stories would be prose."""
    story = "> peers 1\n> hash peer1\nUP_7_\n"

    assert rerun(story) == "> peers 1\n> hash peer1\npeer1  empty\n"


def test_unknown_command_fails() -> None:
    """A misspelt command must not look like one without output."""
    with pytest.raises(ValueError, match="unknown command"):
        rerun("> explode peer1\n")
