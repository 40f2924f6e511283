"""What is asked of the API server; most of it is tried on a real one (`tests/kube/operator`)."""

from __future__ import annotations

import pytest

from eureka_operator.core.kinds import CERTIFICATE
from eureka_operator.shell.client import ApiError, Client
from eureka_operator.shell.kube import Kube
from support.apiserver import ApiServer

GROUP = "/apis/cert-manager.io/v1"
LIST = f"{GROUP}/certificates"


@pytest.mark.parametrize(("status", "expected"), [(0, True), (403, False), (404, False)])
async def test_kind_that_may_not_be_listed_is_as_good_as_none(
    status: int, *, expected: bool
) -> None:
    """Rights to it are given only where people want it."""
    api = ApiServer()
    await api.put(GROUP, {"resources": [{"name": "certificates"}]})
    await api.put(LIST, {"items": []})
    if status:
        api.refused[LIST] = status
    async with api.serving() as way, Client(way) as client:
        assert await Kube(client).shows(CERTIFICATE, None) is expected


async def test_kind_that_is_not_there_is_not_asked_for() -> None:
    """An API server that does not answer is another matter."""
    api = ApiServer()
    async with api.serving() as way, Client(way) as client:
        assert not await Kube(client).shows(CERTIFICATE, "shop")
        api.refused[GROUP] = 503
        with pytest.raises(ApiError):
            await Kube(client).shows(CERTIFICATE, "shop")
