"""Copies of clusters' CAs, made before an API server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from eureka_operator.core import names
from eureka_operator.core.kinds import Object
from eureka_operator.core.pods import Pod
from eureka_operator.shell import trust as module
from eureka_operator.shell.client import Client
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.trust import Trust
from support.apiserver import ApiServer
from unit.operator.shell.eventually import eventually

NAME = "eurekube-ca-prod-eureka"
ORIGINAL = f"/api/v1/namespaces/prod/configmaps/{NAME}"
COPY = f"/api/v1/namespaces/shop/configmaps/{NAME}"
POD = "/api/v1/namespaces/shop/pods/orders"


def original(text: str) -> Object:
    """The ConfigMap beside the registry."""
    owner = {"kind": "EurekaCluster", "uid": "u", "name": "eureka", "controller": True}
    labels = names.trust_labels("prod", "eureka")
    return {"metadata": {"labels": labels, "ownerReferences": [owner]}, "data": {"ca.crt": text}}


@pytest.fixture
async def api(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ApiServer]:
    """The loop runs before it, with one pod of another namespace."""
    monkeypatch.setattr(module, "PERIOD_S", 0.01)
    found = ApiServer()
    pods = [Pod(uid="u", namespace="shop", name="orders", phase="Running", trusts=(NAME,))]
    await found.put(POD, {})
    async with found.serving() as way, Client(way) as client:
        task = asyncio.create_task(Trust(Kube(client), (), lambda: pods).run(client))
        yield found
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def text(api: ApiServer) -> str:
    """What the copy holds; empty without one."""
    return str(api.objects.get(COPY, {}).get("data", {}).get("ca.crt", ""))


async def becomes(what: Callable[[], object], expected: object) -> None:
    """Wait until it is so."""

    async def look() -> object:
        return what()

    await eventually(look, expected)


async def test_copy_follows_the_original(api: ApiServer) -> None:
    """And the pod that began without it is told."""
    await api.put(ORIGINAL, original("CA\n"))
    await becomes(lambda: text(api), "CA\n")
    await becomes(lambda: "annotations" in api.objects[POD]["metadata"], expected=True)

    await api.put(ORIGINAL, original("NEW\n"))
    await becomes(lambda: text(api), "NEW\n")
    assert [verb for verb, path, _ in api.writes if path == POD] == ["PATCH"]


async def test_configmap_of_somebody_else_is_left_alone(
    api: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once."""
    await api.put(COPY, {"data": {"ca.crt": "THEIRS"}})
    await api.put(ORIGINAL, original("CA\n"))

    await becomes(lambda: len(caplog.messages), 1)
    assert text(api) == "THEIRS"
    assert caplog.messages == [
        f"ConfigMap shop/{NAME} is somebody else's: pods there cannot verify peers"
    ]
