"""A runc for a root that lacks capabilities, run by a shell with a stand-in for runc."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from cluster.kind.capabilities import lacking, runc_without

ALL = "CapBnd:\t000001ffffffffff\n"
NO_RESOURCE = "Name:\tsh\nCapEff:\t0000000000000000\nCapBnd:\t000001fffeffffff\n"
GONE = ["CAP_SYS_RESOURCE", "CAP_BPF"]


def test_missing_capabilities_are_named_by_their_bits() -> None:
    """The bound counts: root may raise what is in it, and nothing else."""
    assert lacking(NO_RESOURCE) == ["CAP_SYS_RESOURCE"]
    assert lacking(ALL) == []


@pytest.mark.parametrize(
    "words", [("create", "--bundle", "."), ("run", "--bundle", "."), ("exec",)]
)
def test_runc_is_not_asked_for_what_nobody_has(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A bundle's configuration at a start, the file of `--process` at an `exec`; wherever it is."""
    asked = {"bounding": ["CAP_BPF", "CAP_CHOWN", "CAP_SYS_RESOURCE"], "ambient": ["CAP_BPF"]}
    name = "process.json" if words[0] == "exec" else "config.json"
    (tmp_path / name).write_text(json.dumps({"capabilities": asked}))
    more = ("--process", "process.json") if words[0] == "exec" else ()

    said = _run(tmp_path, runc_without(GONE), (*words, *more, "name of a container"))

    assert said.splitlines() == [*words, *more, "name of a container"]
    left = json.loads((tmp_path / name).read_text())["capabilities"]
    assert left == {"bounding": ["CAP_CHOWN"], "ambient": []}


def test_other_commands_and_a_root_that_may_all_change_nothing(tmp_path: Path) -> None:
    """`runc state` has no file."""
    assert _run(tmp_path, runc_without(GONE), ("state", "one")) == "state\none\n"
    assert _run(tmp_path, runc_without([]), ("state", "one")) == "state\none\n"


def _run(folder: Path, script: str, words: tuple[str, ...]) -> str:
    """What the stand-in for runc is given, a word each line."""
    runc = folder / "bin" / "runc"
    runc.parent.mkdir(exist_ok=True)
    runc.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    runc.chmod(0o755)
    paths = {"PATH": f"{runc.parent}:{os.environ['PATH']}"}
    run = subprocess.run(
        ["sh", "-c", script, "sh", *words],
        cwd=folder,
        env=paths,
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout
