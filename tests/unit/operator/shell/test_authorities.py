"""Publishing CAs, before an API server that holds objects and tells of their changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from eureka_operator.core.kinds import Object
from eureka_operator.core.pods import Pod
from eureka_operator.shell.authorities import Authorities
from eureka_operator.shell.client import Client
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.mirror import Name
from eureka_operator.shell.view import View
from support.apiserver import ApiServer
from support.authority import Authority
from support.clusterobjects import document
from unit.operator.shell.eventually import eventually

NAME = "eurekube-ca-infra.eureka"
TRUST = "/api/v1/namespaces/infra/configmaps/eureka-ca"
EUREKA = "/apis/eurekube.io/v1alpha1/namespaces/infra/eurekaclusters/eureka"
PUBLISHED = f"/api/v1/namespaces/shop/configmaps/{NAME}"
POD = "/api/v1/namespaces/shop/pods/orders-1"
ORDERS = Pod(uid="1", namespace="shop", name="orders-1", authorities=(NAME,))


class Leader:
    """What publishes, with the pods that it is told of."""

    def __init__(self, api: ApiServer, client: Client, view: View, changed: asyncio.Event) -> None:
        self.api = api
        self.pods: list[Pod] | None = [ORDERS]
        kube = Kube(client)
        self._authorities = Authorities(kube, view, lambda: self.pods, changed)

    async def follow(self, client: Client) -> None:
        """Keep its view of ConfigMaps true."""
        await self._authorities._published.follow(client)

    async def known(self) -> None:
        """Wait until it has read them."""
        while not self._authorities._published.complete:
            await self._authorities._published.change()

    async def wait_until_current(self) -> None:
        """Wait until it has seen the ConfigMap as it is now."""
        name = Name("shop", NAME)
        while (found := self._authorities._published.objects.get(name)) is None or (
            found["data"] != self.api.objects[PUBLISHED]["data"]
        ):
            await self._authorities._published.change()

    async def turn(self) -> list[tuple[str, str]]:
        """Look once; what was written, by verb and path."""
        before = len(self.api.writes)
        await self._authorities.turn()
        return [(verb, path) for verb, path, _ in self.api.writes[before:]]


async def have_trust(api: ApiServer, text: str) -> None:
    """The ConfigMap that the operator keeps beside the registry."""
    await api.put(TRUST, {"data": {"ca.crt": text}})


@asynccontextmanager
async def leader(api: ApiServer) -> AsyncIterator[Leader]:
    """One that knows a registry with TLS, and a pod that reads its CAs."""
    await api.put(EUREKA, {"spec": document({"tls": {}})["spec"]})
    await api.put(POD, {"spec": {}})
    changed = asyncio.Event()
    async with api.serving() as way, Client(way) as client:
        view = View("cluster.local")
        found = Leader(api, client, view, changed)
        following = [
            asyncio.create_task(each) for each in (view.follow(client), found.follow(client))
        ]
        try:
            async with asyncio.timeout(20):
                await asyncio.gather(
                    found.known(), view._namespaces.change(), view._clusters.change()
                )
            yield found
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    """A CA."""
    return Path(Authority(tmp_path).path).read_text()


@pytest.fixture
def second(tmp_path: Path) -> str:
    """Another one."""
    return Path(Authority(tmp_path, "second").path).read_text()


async def test_namespace_of_a_pod_gets_the_cas_and_its_kubelet_hears_of_it(bundle: str) -> None:
    """Without the annotation a first pod would wait for up to a minute and a half."""
    api = ApiServer()
    await have_trust(api, bundle + "not for others")
    async with leader(api) as found:
        assert await found.turn() == [("PATCH", PUBLISHED), ("PATCH", POD)]

        assert api.objects[PUBLISHED]["data"] == {"ca.crt": bundle}
        assert "eurekube.io/config-hash" in api.objects[POD]["metadata"]["annotations"]
        await found.wait_until_current()
        assert await found.turn() == []


async def test_new_bundle_is_published_and_drift_mended(bundle: str, second: str) -> None:
    """With force: it is ours, whoever has changed it."""
    api = ApiServer()
    await have_trust(api, bundle)
    async with leader(api) as found:
        await found.turn()
        await found.wait_until_current()

        await have_trust(api, bundle + second)
        assert await found.turn() == [("PATCH", PUBLISHED), ("PATCH", POD)]
        assert api.objects[PUBLISHED]["data"] == {"ca.crt": bundle + second}

        await api.put(PUBLISHED, {**api.objects[PUBLISHED], "data": {"ca.crt": "forged"}})
        await found.wait_until_current()
        await found.turn()
        assert api.objects[PUBLISHED]["data"] == {"ca.crt": bundle + second}


async def test_config_map_of_somebody_else_is_not_overwritten(
    bundle: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once, and what to do."""
    api = ApiServer()
    await have_trust(api, bundle)
    await api.put(PUBLISHED, {"data": {"ca.crt": "somebody else's"}})
    async with leader(api) as found:
        assert await found.turn() == []
        assert await found.turn() == []

    assert api.objects[PUBLISHED]["data"] == {"ca.crt": "somebody else's"}
    told = [each.getMessage() for each in caplog.records if NAME in each.getMessage()]
    assert len(told) == 1
    assert "delete that ConfigMap if another program made it" in told[0]


async def test_what_no_pod_needs_any_more_goes(bundle: str) -> None:
    """Not before all pods are known: a watch that begins anew shows none."""
    api = ApiServer()
    await have_trust(api, bundle)
    async with leader(api) as found:
        await found.turn()
        await found.wait_until_current()
        found.pods = None
        assert await found.turn() == []

        found.pods = []
        assert await found.turn() == [("DELETE", PUBLISHED)]
        assert PUBLISHED not in api.objects


async def test_registry_that_is_gone_takes_its_cas_along(bundle: str) -> None:
    """Its pods keep what they have read."""
    api = ApiServer()
    await have_trust(api, bundle)
    async with leader(api) as found:
        await found.turn()
        await found.wait_until_current()
        await api.delete(EUREKA)

        async def gone() -> bool:
            await found.turn()
            return PUBLISHED not in api.objects

        await eventually(gone, expected=True)


@pytest.mark.parametrize("trust", [None, {"data": {}}, {"data": {"ca.crt": "no certificate"}}])
async def test_trust_without_cas_leaves_what_is_published(
    bundle: str, trust: Object | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Deleted, emptied or damaged: what runs keeps running."""
    api = ApiServer()
    await have_trust(api, bundle)
    async with leader(api) as found:
        await found.turn()
        await found.wait_until_current()
        await api.delete(TRUST)
        if trust is not None:
            await api.put(TRUST, trust)

        assert await found.turn() == []
        assert await found.turn() == []

    assert api.objects[PUBLISHED]["data"] == {"ca.crt": bundle}
    assert caplog.text.count("CAs of EurekaCluster infra/eureka: there are none") == 1
