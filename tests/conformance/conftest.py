"""The Java server's jar, for all that compare with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from conformance.java.server import server_jar
from conformance.realclient import not_run
from processes.secured import Secured, secured
from support.builds import NotBuiltError

TIER: Final = "all that is compared with Java servers"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A registry with TLS, for which one needs a password or a token."""
    with secured(tmp_path_factory.mktemp("closed")) as found:
        yield found


@pytest.fixture(scope="session")
def java_jar() -> Path:
    """A Spring Cloud Eureka Server, built."""
    try:
        return server_jar()
    except NotBuiltError as error:
        not_run(TIER, str(error))
