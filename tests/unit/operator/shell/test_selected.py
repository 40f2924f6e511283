"""When the webhooks of chosen namespaces are written, and when they are left alone.

What the API server makes of them is in `tests/kube/injection/test_selected.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from eureka_operator.core.kinds import Object
from eureka_operator.shell.client import Client
from eureka_operator.shell.selected import SELECTION_MANAGER, SelectedNamespaces
from eureka_operator.shell.view import View
from support.apiserver import ApiServer
from support.clusterobjects import document

WEBHOOK: Final = (
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/eurekube-injector"
)
CLUSTERS: Final = "/apis/eurekube.io/v1alpha1/eurekaclusters"
EUREKA: Final = "/apis/eurekube.io/v1alpha1/namespaces/infra/eurekaclusters/eureka"
ADDED: Final = "eureka.infra.clusters.injector.eurekube.io"


def webhook(name: str = "namespace.injector.eurekube.io") -> Object:
    """A webhook as the API server has it."""
    return {"name": name, "clientConfig": {"caBundle": "Y2E="}, "failurePolicy": "Ignore"}


class Leader:
    """What keeps them, before an API server."""

    def __init__(self, api: ApiServer, turn: Callable[[], Awaitable[None]]) -> None:
        self.api = api
        self.turn = turn

    @property
    def writes(self) -> list[tuple[str, str]]:
        """What was written so far, and by which field manager."""
        return [(path.rpartition("/")[2], by) for _, path, by in self.api.writes]


@asynccontextmanager
async def leader(api: ApiServer) -> AsyncIterator[Leader]:
    """One that has looked at what there is."""
    async with api.serving() as way, Client(way) as client:
        changed = asyncio.Event()
        view = View("cluster.local", tell=changed.set)
        selected = SelectedNamespaces(client, "eurekube-injector", view, changed)
        following = [
            asyncio.create_task(each)
            for each in (view.follow(client), selected._configuration.follow(client))
        ]
        try:
            async with asyncio.timeout(20):
                mirrors = (view._namespaces, view._clusters, selected._configuration)
                await asyncio.gather(*(each.change() for each in mirrors))
            yield Leader(api, selected.turn)
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)


async def having(*webhooks: Object, eureka: bool = True) -> ApiServer:
    """An API server with these webhooks, and an EurekaCluster that chooses namespaces."""
    api = ApiServer()
    await api.put(WEBHOOK, {"webhooks": list(webhooks)})
    if eureka:
        spec = {"injection": {"default": True, "namespaceSelector": {"matchLabels": {"a": "b"}}}}
        await api.put(EUREKA, {"spec": document(spec)["spec"]})
    return api


async def test_what_is_missing_is_applied_by_a_manager_of_its_own() -> None:
    """The chart's webhooks stay the chart's."""
    async with leader(await having(webhook())) as found:
        await found.turn()

        assert found.writes == [("eurekube-injector", SELECTION_MANAGER)]


async def test_what_is_right_is_not_written_again() -> None:
    """In a quiet minute nothing is written."""
    labelled = {"key": "eurekube.io/inject", "operator": "DoesNotExist"}
    added = {
        **webhook(ADDED),
        "namespaceSelector": {"matchLabels": {"a": "b"}, "matchExpressions": [labelled]},
        "objectSelector": {"matchExpressions": [labelled]},
    }
    async with leader(await having(webhook(), added)) as found:
        await found.turn()

        assert found.writes == []


async def test_nothing_is_removed_while_eureka_clusters_cannot_be_read() -> None:
    """An API server that answers with an error has not said that there are none."""
    api = await having(webhook(), webhook(ADDED), eureka=False)
    api.refused[CLUSTERS] = 503
    async with leader(api) as found:
        await found.turn()

        assert found.writes == []


async def test_what_nobody_chooses_any_more_is_given_up() -> None:
    """Server-side apply removes what its manager does not apply again."""
    async with leader(await having(webhook(), webhook(ADDED), eureka=False)) as found:
        await found.turn()

        assert found.writes == [("eurekube-injector", SELECTION_MANAGER)]


async def test_configuration_without_the_charts_webhooks_is_left_alone() -> None:
    """There is nothing to copy: the chart is being removed, or was never there."""
    async with leader(await having()) as found:
        await found.turn()

        assert found.writes == []
