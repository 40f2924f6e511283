"""The Java server's jar, for all that compare with it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from conformance.java.server import server_jar
from conformance.realclient import not_run
from support.builds import NotBuiltError

TIER: Final = "all that is compared with Java servers"


@pytest.fixture(scope="session")
def java_jar() -> Path:
    """A Spring Cloud Eureka Server, built."""
    try:
        return server_jar()
    except NotBuiltError as error:
        not_run(TIER, str(error))
