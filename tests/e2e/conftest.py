"""The cluster of the run, and three peers on it for each file of tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.clusters import Target, foreign, own, running
from e2e.peers import Peers


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config) -> Iterator[Target]:
    """The cluster of `--cluster`, of `--kubeconfig` or of `KUBECONFIG`, else one made here."""
    name = pytestconfig.getoption("--cluster")
    if name:
        yield running(name)
        return
    given = pytestconfig.getoption("--kubeconfig") or os.environ.get("KUBECONFIG")
    if given:
        yield foreign(Path(given), pytestconfig.getoption("--image-prefix"))
        return
    with own(pytestconfig) as target:
        yield target


@pytest.fixture(scope="module")
def peers(target: Target) -> Iterator[Peers]:
    """Three peers that agree, in a namespace of their own; each test leaves them so."""
    with target.kubectl.in_a_namespace("peers") as kubectl:
        peers = Peers(target, kubectl)
        try:
            peers.start()
            yield peers
        except BaseException:
            peers.explain()
            raise
