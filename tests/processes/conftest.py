"""What tests of sidecars share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from processes.cluster import Cluster, PeerProcess
from support.sidecars import Application


@pytest.fixture(scope="module")
def registry() -> Iterator[PeerProcess]:
    """A registry that the tests of a file share which do not hurt it."""
    with Cluster(1) as cluster:
        yield cluster.start().peers[0]


@pytest.fixture
def application() -> Iterator[Application]:
    """Something to be registered."""
    with Application() as application:
        yield application
