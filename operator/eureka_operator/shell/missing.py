"""The leader's search, once a minute, for pods that should have a sidecar and have none."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from eureka_operator import __version__
from eureka_operator.core.injection.annotations import INJECT
from eureka_operator.core.injection.config import Config
from eureka_operator.core.injection.decide import Inject, decide
from eureka_operator.core.injection.selection import DISABLED, ENABLED, is_default
from eureka_operator.core.injection.status import INJECTED_LABEL
from eureka_operator.core.kinds import NAMESPACE, POD, Object
from eureka_operator.core.missed import UninjectedPod, Wanted, eviction, evictions, uninjected_pods
from eureka_operator.core.pods import Pod
from eureka_operator.shell.client import ApiError, Client, RefusedError, path_of
from eureka_operator.shell.kube import Kube
from eureka_operator.shell.metrics import Metrics
from eureka_operator.shell.view import View

PERIOD_S: Final = 60.0
"""How often it is looked for them."""

_AGAIN_S: Final = 1.0
_CHUNK: Final = 100
_WITHOUT: Final = f"!{INJECTED_LABEL}"
_TOO_MANY: Final = 429
_NOT_FOUND: Final = 404

_log = logging.getLogger(__name__)


class MissingSidecars:
    """Finds pods without their sidecar, counts them, posts an event on each, evicts on request.

    `wanted` says of a pod whether it should have one, `may_inject` of a namespace whether there may
    be such pods in it; those with pods that ask for it themselves are found besides.
    `injected_pods` gives the pods that have one.
    """

    def __init__(
        self,
        kube: Kube,
        metrics: Metrics,
        wanted: Wanted,
        may_inject: Callable[[Object], bool],
        injected_pods: Callable[[], list[Pod]],
    ) -> None:
        self._kube = kube
        self._metrics = metrics
        self._should_have = wanted
        self._may_inject = may_inject
        self._injected_pods = injected_pods
        self._reported: set[str] = set()
        self._evicted: dict[str, datetime] = {}

    async def run(
        self,
        client: Client,
        namespaces: tuple[str, ...],
        is_complete: Callable[[], bool],
        *,
        evict: bool,
    ) -> None:
        """Look every minute, in these namespaces (empty: in all); `evict`: and evict them.

        `is_complete` says whether it can be decided which pods should have one.
        """
        while True:
            is_known = is_complete()
            if is_known:
                await self._look_and_act(client, namespaces, evict=evict)
            await asyncio.sleep(PERIOD_S if is_known else _AGAIN_S)

    async def _look_and_act(
        self, client: Client, namespaces: tuple[str, ...], *, evict: bool
    ) -> None:
        try:
            found = await self.look(client, namespaces)
            if evict:
                await self.evict(client, found)
        except ApiError as error:
            _log.warning("pods without their sidecar were not looked for: %s", error)
        except Exception as error:  # noqa: BLE001 - one odd pod stops no other work
            _log.exception("pods without their sidecar were not looked for: %s", error)

    async def look(self, client: Client, namespaces: tuple[str, ...]) -> list[UninjectedPod]:
        """Find them all, and post an event on those that have none yet.

        Raises:
            ApiError: They are not all known; what is counted stays as it was.
        """
        found: dict[str, UninjectedPod] = {}
        known = {each["metadata"]["name"]: each for each in await self._namespaces(namespaces)}
        for name, namespace in known.items():
            if self._may_inject(namespace):
                async for pods in _pages(client, name, f"{_WITHOUT},{INJECT}!={DISABLED}"):
                    found |= self._uninjected_pods(pods, known)
        for each in namespaces or (None,):  # those that ask themselves, wherever they are
            async for pods in _pages(client, each, f"{_WITHOUT},{INJECT}"):
                found |= self._uninjected_pods(pods, known)
        self._metrics.pods_without_sidecar.set(len(found))
        for uid in sorted(found.keys() - self._reported):
            await self._tell(found[uid])
        self._reported = set(found)
        return list(found.values())

    async def evict(self, client: Client, pods: list[UninjectedPod]) -> None:
        """Ask for the eviction of those that may be evicted now."""
        for each in evictions(pods, self._injected_pods(), self._evicted):
            namespace, name = each.pod.namespace, each.pod.name
            self._evicted[each.pod.owner] = datetime.now(UTC)
            try:
                path = path_of(POD, namespace, name, "eviction")
                await client.send("post", path, eviction(each))
            except ApiError as error:
                del self._evicted[each.pod.owner]
                self._note(each, error)
            else:
                self._metrics.count_eviction("done")
                _log.info("evicted %s/%s, which has no sidecar", namespace, name)

    def _uninjected_pods(
        self, pods: list[Object], namespaces: Mapping[str, Object]
    ) -> dict[str, UninjectedPod]:
        """The pods of a page, by uid; a namespace that is newer than our list comes later."""
        by_namespace: dict[str, list[Object]] = defaultdict(list)
        for pod in pods:
            by_namespace[pod["metadata"]["namespace"]].append(pod)
        return {
            each.pod.uid: each
            for name, group in by_namespace.items()
            if name in namespaces
            for each in uninjected_pods(group, namespaces[name], self._should_have)
        }

    async def _namespaces(self, names: tuple[str, ...]) -> list[Object]:
        if not names:
            return await self._kube.list(NAMESPACE, None, whole=False)
        found = [await self._kube.get(NAMESPACE, "", name) for name in names]
        return [each for each in found if each is not None]

    async def _tell(self, uninjected: UninjectedPod) -> None:
        pod = uninjected.pod
        about = {
            "apiVersion": POD.api_version,
            "kind": POD.kind,
            "metadata": {"namespace": pod.namespace, "name": pod.name, "uid": pod.uid},
        }
        new_event = uninjected.event
        _log.warning("%s/%s: %s", pod.namespace, pod.name, new_event.message)
        await self._kube.post_event(about, new_event.type, new_event.reason, new_event.message)

    def _note(self, uninjected: UninjectedPod, error: ApiError) -> None:
        """Count why a pod was not evicted; a budget that allows none now is no failure."""
        if isinstance(error, RefusedError) and error.status == _NOT_FOUND:
            return
        is_held = error.status == _TOO_MANY
        self._metrics.count_eviction("held" if is_held else "failed")
        where = f"{uninjected.pod.namespace}/{uninjected.pod.name}"
        _log.log(logging.INFO if is_held else logging.WARNING, "%s stays: %s", where, error)


class Selection:
    """What the injector decides, by a view of namespaces and registries like its own.

    `own_namespace` is the operator's, where nothing is injected; `allow_urls` as the injector has
    it.
    """

    def __init__(self, view: View, own_namespace: str, *, allow_urls: bool = True) -> None:
        self._view = view
        self._own_namespace = own_namespace
        self._allow_urls = allow_urls

    def wants(self, pod: Object, namespace: Object) -> bool:
        """Whether a pod should have a sidecar."""
        config = Config(
            image="",  # it is not looked at
            version=__version__,
            registries=self._view.registries,
            allow_urls=self._allow_urls,
            own_namespace=self._own_namespace,
        )
        return isinstance(decide(pod, namespace, config), Inject)

    def may_inject(self, namespace: Object) -> bool:
        """Whether pods of a namespace should have one though they do not ask themselves."""
        label = (namespace["metadata"].get("labels") or {}).get(INJECT)
        if label is not None:
            return bool(label == ENABLED)
        return is_default(self._view.registries, namespace)


async def _pages(
    client: Client, namespace: str | None, selector: str
) -> AsyncIterator[list[Object]]:
    """Yield the pods page by page: after an outage of the injector there may be thousands."""
    following: Any = None
    while True:
        page = await client.send(
            "get",
            path_of(POD, namespace),
            label_selector=selector,
            limit=_CHUNK,
            _continue=following,
        )
        yield page["items"] or []
        following = page["metadata"].get("continue")
        if not following:
            return
