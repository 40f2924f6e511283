"""What the Tab key gives; as processes, because argcomplete opens a descriptor by its number."""

from __future__ import annotations

import subprocess
import sys

import pytest

from unit.kubectl.files import Program


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["unin"], ["uninject"]),
        (["ls", "--st"], ["--status"]),
        (["completion", ""], ["bash", "fish", "zsh"]),
        (["get", ""], []),
    ],
)
def test_kubectl_gets_commands_flags_and_choices(words: list[str], wanted: list[str]) -> None:
    """The words behind `kubectl eureka`, the last one unfinished; no files where none are meant."""
    program = [sys.executable, "-m", "kubectl_eureka.completing", *words]
    done = subprocess.run(program, capture_output=True, text=True, check=True)

    *found, directive = done.stdout.split()
    assert sorted(found) == wanted
    assert directive == ":4"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(program: Program, shell: str) -> None:
    """It names the program."""
    done = program("completion", shell)

    assert done.code == 0
    assert "kubectl-eureka" in done.out
