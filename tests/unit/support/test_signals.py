"""Which signals the programs that tests start heed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
SHOW = "import signal, conftest; print(*(signal.getsignal(n) for n in (1, 2, 3)))"


@pytest.mark.parametrize("trap", ["", "trap '' HUP INT QUIT;"])
def test_programs_heed_signals_whoever_started_the_tests(trap: str) -> None:
    """A shell's background job ignores INT and QUIT, one of `nohup` HUP, and so do its children."""
    command = ["sh", "-c", f'{trap} exec "$0" -c "$1"', sys.executable, SHOW]
    shown = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, check=True).stdout

    assert "SIG_IGN" not in shown
    assert "default_int_handler" in shown
