"""The cluster of the run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.clusters import Target, foreign, own


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config) -> Iterator[Target]:
    """The cluster of `--kubeconfig` or `KUBECONFIG`, else one made here."""
    given = pytestconfig.getoption("--kubeconfig") or os.environ.get("KUBECONFIG")
    if given:
        yield foreign(Path(given), pytestconfig.getoption("--image-prefix"))
        return
    with own(pytestconfig) as target:
        yield target
