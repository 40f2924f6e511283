"""Helm, each version that people have, without a cluster."""

from __future__ import annotations

import pytest

from support.helm import VERSIONS, Helm
from support.rendering import offline_helm


@pytest.fixture(scope="session", params=VERSIONS, ids="helm-{}".format)
def helm(request: pytest.FixtureRequest, pytestconfig: pytest.Config) -> Helm:
    """Built on the first use; needs Go."""
    return offline_helm(request.param, pytestconfig)
