"""What is compared: a Java server, a peer of ours as it comes, and one made like Java."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from conformance.java.server import ALONE, LIVE, JavaServer
from conformance.oracle.cases import differences
from processes.cluster import Cluster

PATIENT: Final = {"eviction_interval_s": 60.0}
"""Nothing ends by itself."""


@pytest.fixture(scope="package")
def java(java_jar: Path) -> Iterator[int]:
    """The port of a Java server that shows at once what was written."""
    with JavaServer(java_jar, {**ALONE, **LIVE}) as server:
        server.start()
        server.ready()
        yield server.port


@pytest.fixture(scope="package")
def ours() -> Iterator[int]:
    """The port of a peer of ours as it comes."""
    with Cluster(size=1, **PATIENT) as cluster:
        yield cluster.start().peers[0].port


@pytest.fixture(scope="package")
def ours_as_java() -> Iterator[int]:
    """The port of a peer of ours with every setting that brings Java's way back."""
    settings = {
        name: value for each in differences().values() for name, value in each.setting.items()
    }
    with Cluster(size=1, **PATIENT, lease_expiry="java", **settings) as cluster:
        yield cluster.start().peers[0].port
