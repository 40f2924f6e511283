"""The Go clients' programs, built once."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from conformance.realclient import not_run
from support.builds import NotBuiltError, built

TIER: Final = "Go clients"
COMMAND: Final = ("go", "build", "-o", "bin/", "./fargo", "./gokit", "./prometheus")


@pytest.fixture(scope="package")
def programs() -> Path:
    """The folder of the programs, which are called as their folders are."""
    try:
        return built("go-clients", Path(__file__).parent, COMMAND) / "bin"
    except NotBuiltError as error:
        not_run(TIER, str(error))
